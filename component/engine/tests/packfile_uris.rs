//! The real git client fetches some objects by the URIs of packs, and the rest from the engine.

mod support;

use gitwasi_engine::storage::native::block_on;
use gitwasi_engine::upload_pack;
use gitwasi_wire::ProtocolVersion;
use support::{Lab, http};

/// Configures every second blob of a history to lie in one pack elsewhere; that pack's hash.
fn lie_elsewhere(lab: &Lab, url: &str) -> String {
    let all = ["cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)"];
    let list = lab.git("a.git", &all);
    let blobs: Vec<&str> =
        list.lines().filter_map(|line| line.strip_prefix("blob ")).step_by(2).collect();
    assert!(blobs.len() > 20);
    let list = blobs.join("\n") + "\n";
    let output = lab.git_with("a.git", &["pack-objects", "-q", "../cdn"], list.as_bytes(), &[]);
    let hash = String::from_utf8(output.stdout).expect("a hash").trim().to_owned();
    for blob in blobs {
        let value = format!("{blob} {hash} {url}/cdn-{hash}.pack");
        lab.git("a.git", &["config", "--add", "uploadpack.blobPackfileUri", &value]);
    }
    lab.git("a.git", &["config", "uploadpack.allowSidebandAll", "true"]);
    hash
}

#[test]
fn clones_and_fetches_with_packs_from_elsewhere_are_whole() {
    let lab = Lab::new();
    let url = http::serve(lab.dir.path().into());
    lab.history("a.git", 80, &[]);
    let hash = lie_elsewhere(&lab, &url);
    for (number, (repack, part)) in [
        (&["repack", "-adfq", "--depth=50", "--no-write-bitmap-index"][..], "main~30"),
        (&["repack", "-adbq"], "main~50"),
        (&["multi-pack-index", "write", "--bitmap"], "main~5"),
    ]
    .into_iter()
    .enumerate()
    {
        lab.git("a.git", repack);
        let copy = &format!("copy-{number}");
        let config = ["-c", "fetch.uriprotocols=http,https"];
        let clone = ["clone", "-q", "--mirror", &format!("{url}/a.git"), copy];
        lab.git("", &[&config[..], &clone].concat());
        lab.git(copy, &["fsck", "--full", "--strict"]);
        // What the pack elsewhere has came from there, and nothing of it twice.
        assert!(lab.path(&format!("{copy}/objects/pack/pack-{hash}.pack")).exists());
        let count = |name| {
            let count = lab.git(name, &["count-objects", "-v"]);
            let line = count.lines().find_map(|line| line.strip_prefix("in-pack: "));
            line.expect("a count").to_owned()
        };
        assert_eq!(count(copy), count("a.git"));

        // Thin, with deltas on what lies elsewhere.
        let part_of = &format!("part-{number}");
        lab.git("a.git", &["update-ref", "refs/heads/part", part]);
        let clone = ["clone", "-q", "--bare", "--single-branch", "-b", "part"];
        lab.git("", &[&clone[..], &[&format!("{url}/a.git"), part_of]].concat());
        lab.git(part_of, &[&config[..], &["fetch", "-q", "origin", "main"]].concat());
        lab.git(part_of, &["fsck", "--full", "--strict"]);
        lab.git("a.git", &["update-ref", "-d", "refs/heads/part"]);
    }
}

#[test]
fn a_pack_is_told_once_however_many_objects_it_holds() {
    let lab = Lab::new();
    lab.history("a.git", 80, &[]);
    let hash = lie_elsewhere(&lab, "https://e.com");
    let main = lab.git("a.git", &["rev-parse", "main"]);
    let mut request = b"0011command=fetch0001".to_vec();
    let want = format!("want {main}");
    for line in [&*want, "sideband-all", "packfile-uris https", "no-progress", "done"] {
        request.extend(format!("{:04x}{line}", line.len() + 4).bytes());
    }
    request.extend(b"0000");
    let mut response = Vec::new();
    let repository = lab.open("a.git");
    block_on(upload_pack::serve(&repository, ProtocolVersion::V2, &request, &mut response))
        .expect("a pack");
    let line = format!("\x01{hash} https://e.com/cdn-{hash}.pack\n");
    let begin =
        format!("0013\x01packfile-uris\n{:04x}{line}0001000e\x01packfile\n", line.len() + 4);
    assert!(response.starts_with(begin.as_bytes()), "{}", response[..200].escape_ascii());
}
