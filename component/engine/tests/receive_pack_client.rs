//! The real git client pushes to the engine, and the advertisement it is shown.

mod support;

use support::receive::{Case, files};
use support::{Lab, http, write};

use gitwasi_engine::receive_pack;
use gitwasi_engine::storage::native::block_on;
use gitwasi_wire::ProtocolVersion;

/// The advertisement, with capabilities that name a version or are random made equal.
fn advertisement(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text).into_owned();
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(length) = rest.get(..4) {
        let length = usize::from_str_radix(length, 16).expect("a length");
        if length < 4 {
            out.push_str("flush\n");
            rest = &rest[4..];
            continue;
        }
        let line = rest[4..length].trim_end();
        let words = line.split(' ').map(|word| {
            let name = word.split('=').next().unwrap_or_default();
            if matches!(name, "agent" | "session-id") { name } else { word }
        });
        out.push_str(&words.collect::<Vec<_>>().join(" "));
        out.push('\n');
        rest = &rest[length..];
    }
    out
}

#[track_caller]
fn same_advertisement(lab: &Lab, name: &str) {
    for (version, header) in [
        (ProtocolVersion::V0, ""),
        (ProtocolVersion::V1, "version=1"),
        (ProtocolVersion::V2, "version=2"),
    ] {
        let args = ["receive-pack", "--http-backend-info-refs", name];
        let gits = lab.git_with("", &args, b"", &[("GIT_PROTOCOL", header)]).stdout;
        let mut ours = Vec::new();
        block_on(receive_pack::advertise(&lab.open(name), version, &mut ours)).expect("written");
        assert_eq!(advertisement(&ours), advertisement(&gits), "{header}");
    }
}

#[test]
fn advertisements_are_git_s() {
    let case = Case::new(&[]);
    let lab = &case.lab;
    same_advertisement(lab, "base.git");
    for (key, value) in [
        ("receive.advertisePushOptions", "true"),
        ("receive.advertiseAtomic", "false"),
        ("transfer.advertiseSID", "true"),
        ("repack.useDeltaBaseOffset", "false"),
        ("receive.hideRefs", "refs/tags"),
        ("transfer.hideRefs", "!refs/tags/v1"),
    ] {
        lab.git("base.git", &["config", "--add", key, value]);
        same_advertisement(lab, "base.git");
    }
    lab.git("", &["init", "-q", "--bare", "empty.git"]);
    same_advertisement(lab, "empty.git");
    lab.git("", &["init", "-q", "--bare", "--object-format=sha256", "empty256.git"]);
    same_advertisement(lab, "empty256.git");
    // Refs of alternates, of which some are the same; and of theirs.
    lab.git("", &["clone", "-q", "--bare", "--shared", "base.git", "fork.git"]);
    lab.git("fork.git", &["update-ref", "-d", "refs/heads/topic"]);
    lab.git("base.git", &["fetch", "-q", "../work", "side:refs/heads/side"]);
    same_advertisement(lab, "fork.git");
    lab.git("", &["clone", "-q", "--bare", "--shared", "fork.git", "fork2.git"]);
    lab.git("fork2.git", &["update-ref", "-d", "refs/heads/main"]);
    same_advertisement(lab, "fork2.git");
    let url = format!("file://{}", lab.path("base.git").display());
    lab.git("", &["clone", "-q", "--bare", "--depth=1", &url, "shallow.git"]);
    same_advertisement(lab, "shallow.git");
    lab.git("base.git", &["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
    lab.git("base.git", &["symbolic-ref", "refs/heads/dangling", "refs/heads/nope"]);
    write(&lab.path("base.git/refs/heads/broken"), b"nonsense\n");
    same_advertisement(lab, "base.git");
}

#[test]
fn the_git_client_pushes() {
    the_git_client_pushes_to("files");
}

#[test]
fn the_git_client_pushes_to_reftables() {
    the_git_client_pushes_to("reftable");
}

fn the_git_client_pushes_to(ref_format: &str) {
    let config = [("receive.advertisePushOptions", "true")];
    let case = Case::with_refs(&config, "sha1", ref_format);
    let lab = &case.lab;
    let url = http::serve(lab.dir.path().into());
    let remote = format!("{url}/base.git");
    let push = |args: &[&str]| {
        let args: Vec<&str> = ["push", &remote].into_iter().chain(args.iter().copied()).collect();
        let output = lab.git_with("work", &args, b"", &[]);
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let ok = |args: &[&str]| {
        let (success, text) = push(args);
        assert!(success, "{args:?}: {text}");
    };
    ok(&["main"]);
    ok(&["main"]);
    let (success, text) = push(&["side:main"]);
    assert!(!success && text.contains("rejected"), "{text}");
    ok(&["--force", "side:main"]);
    ok(&["main:refs/heads/a/b", "side:refs/heads/c", "v1:refs/tags/v2"]);
    ok(&["--atomic", ":refs/heads/c", "main:refs/heads/d", "+main:main"]);
    ok(&["-o", "x=y", "-o", "z", "side:refs/heads/options"]);
    ok(&["--delete", "a/b"]);
    let (success, text) = push(&[":main"]);
    assert!(!success, "{text}");
    assert!(text.contains("! [remote rejected] main (deletion of the current branch prohibited)"));
    assert!(text.contains("remote: error: refusing to delete the current branch: refs/heads/main"));
    // Large enough that the client asks first, and sends in chunks.
    let mut random = 1u64;
    let noise: Vec<u8> = (0..3 << 20)
        .map(|_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040);
            (random >> 40) as u8
        })
        .collect();
    write(&lab.path("work/noise"), &noise);
    lab.git("work", &["add", "."]);
    lab.git("work", &["commit", "-qm", "noise"]);
    ok(&["side:refs/heads/noise"]);
    lab.git("base.git", &["update-ref", "refs/heads/gone", &case.a]);
    ok(&["--mirror"]);
    assert_eq!(
        lab.git("work", &["for-each-ref", "--format=%(refname) %(objectname)"]),
        lab.git("base.git", &["for-each-ref", "--format=%(refname) %(objectname)"])
    );
    lab.fsck("base.git");
    let left = files(&lab.path("base.git")).into_keys();
    assert_eq!(left.filter(|name| name.contains("tmp_") || name.ends_with(".lock")).count(), 0);
}
