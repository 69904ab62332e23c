//! A native git repacks, packs refs and collects garbage while a request is under way.

mod support;

use gitwasi_engine::refs::Resolved;
use gitwasi_engine::storage::native::{NativeStorage, block_on};
use gitwasi_engine::upload_pack::{self, Output};
use gitwasi_engine::{Error, Repository};
use gitwasi_wire::{Oid, ProtocolVersion};
use support::Lab;

fn all_objects(lab: &Lab, name: &str) -> Vec<Oid> {
    let list = ["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"];
    let oids = lab.git(name, &list);
    oids.lines().map(|hex| Oid::from_hex(hex.as_bytes()).expect("an oid")).collect()
}

/// Commits on top of main, packed in twos, the last ones loose.
fn grow(lab: &Lab, name: &str, commits: usize) {
    let tree = lab.git(name, &["rev-parse", "main~3^{tree}"]);
    for number in 0..commits {
        let message = format!("more {number}");
        let commit = lab.git(name, &["commit-tree", &tree, "-p", "main", "-m", &message]);
        lab.git(name, &["update-ref", "refs/heads/main", &commit]);
        if number % 3 == 1 {
            lab.git(name, &["repack", "-dq"]);
        }
    }
}

fn read_all(repository: &Repository<NativeStorage>, oids: &[Oid], what: &str) {
    for oid in oids {
        block_on(repository.odb().read(oid))
            .unwrap_or_else(|error| panic!("{what}: {oid}: {error}"));
    }
}

/// What a native git does meanwhile.
const MEANWHILE: [&[&[&str]]; 5] = [
    &[&["repack", "-adfq", "--depth=3", "--window=3"]],
    &[&["gc", "--prune=now", "--quiet", "--aggressive"]],
    &[&["repack", "-dq"], &["prune-packed"]],
    &[&["repack", "-adq", "--write-midx", "--write-bitmap-index"]],
    &[
        &["repack", "-adq", "--max-pack-size=1m"],
        &["multi-pack-index", "write"],
        &["pack-refs", "--all"],
    ],
];

#[test]
fn objects_are_found_again_wherever_a_repack_moves_them() {
    for (number, commands) in MEANWHILE.iter().enumerate() {
        for midx in [None, Some("--no-bitmap"), Some("--incremental")] {
            let lab = Lab::new();
            lab.history("a.git", 40, &[]);
            for _ in 0..2 {
                grow(&lab, "a.git", 4);
                if let Some(option) = midx {
                    lab.git("a.git", &["multi-pack-index", "write", option]);
                }
            }
            let oids = all_objects(&lab, "a.git");
            let engine = lab.engine();
            let listed = block_on(engine.open("a.git")).expect("a repository");
            // Listed, and one pack opened.
            block_on(listed.odb().find(&oids[0])).expect("found");
            let located = block_on(engine.open("a.git")).expect("a repository");
            let mut locations = Vec::new();
            for oid in &oids {
                let location = block_on(located.odb().find(oid)).expect("no error");
                locations.push(location.expect("found"));
            }
            for command in *commands {
                lab.git("a.git", command);
            }
            let what = format!("{number} {midx:?}");
            read_all(&listed, &oids, &what);
            for (oid, location) in oids.iter().zip(locations) {
                block_on(located.odb().read_at(oid, location))
                    .unwrap_or_else(|error| panic!("{what}: {oid}: {error}"));
                block_on(located.odb().header(oid, location)).expect("a header");
            }
            // And by requests that come later, in the same instance.
            let later = block_on(engine.open("a.git")).expect("a repository");
            read_all(&later, &oids, &what);
        }
    }
}

/// Runs commands when the first bytes of a response go out.
struct Meanwhile<'a> {
    lab: &'a Lab,
    commands: &'a [&'a [&'a str]],
    out: Vec<u8>,
    writes: usize,
    at: usize,
}

impl Output for Meanwhile<'_> {
    async fn write(&mut self, chunk: Vec<u8>) -> Result<(), Error> {
        if self.writes == self.at {
            for command in self.commands {
                self.lab.git("a.git", command);
            }
        }
        self.writes += 1;
        self.out.extend(chunk);
        Ok(())
    }
}

#[test]
fn a_fetch_under_way_survives() {
    for (number, commands) in MEANWHILE.iter().enumerate() {
        // Before the objects are selected, and while they are written.
        for at in [0, 1] {
            let lab = Lab::new();
            lab.history("a.git", 150, &[]);
            grow(&lab, "a.git", 8);
            if number % 2 == 1 {
                lab.git("a.git", &["multi-pack-index", "write"]);
            }
            let main = lab.git("a.git", &["rev-parse", "main"]);
            let count = lab.git("a.git", &["rev-list", "--objects", "main"]).lines().count();
            let mut request = b"0011command=fetch0001000dofs-delta".to_vec();
            request.extend(format!("0032want {main}\n0009done\n0000").bytes());
            let repository = lab.open("a.git");
            let mut output = Meanwhile { lab: &lab, commands, out: Vec::new(), writes: 0, at };
            block_on(upload_pack::serve(&repository, ProtocolVersion::V2, &request, &mut output))
                .unwrap_or_else(|error| panic!("{number} at {at}: {error}"));
            assert!(output.writes > at, "{number} at {at}");
            let pack = support::band_1(&output.out);
            lab.git("", &["init", "-q", "--bare", "copy.git"]);
            let index =
                lab.git_with("copy.git", &["index-pack", "--stdin", "--strict"], &pack, &[]);
            assert!(index.status.success(), "{}", String::from_utf8_lossy(&index.stderr));
            assert_eq!(all_objects(&lab, "copy.git").len(), count, "{number} at {at}");
        }
    }
}

#[test]
fn refs_that_are_packed_meanwhile_are_listed_with_their_values() {
    let lab = Lab::new();
    lab.history("a.git", 30, &[]);
    let (old, new) =
        (lab.git("a.git", &["rev-parse", "main~2"]), lab.git("a.git", &["rev-parse", "main"]));
    for number in 0..20 {
        lab.git("a.git", &["update-ref", &format!("refs/heads/b{number:02}"), &old]);
    }
    lab.git("a.git", &["pack-refs", "--all"]);
    for number in 0..20 {
        lab.git("a.git", &["update-ref", &format!("refs/heads/b{number:02}"), &new]);
    }
    let repository = lab.open("a.git");
    let mut refs = block_on(repository.refs(&["refs/heads/b".into()])).expect("refs");
    let mut seen = 0;
    while let Some(found) = block_on(refs.next()).expect("a ref") {
        if seen == 3 {
            lab.git("a.git", &["pack-refs", "--all"]);
        }
        assert_eq!(found.oid.to_string(), new, "{}", found.name);
        seen += 1;
    }
    assert_eq!(seen, 20);
    let Some(Resolved::Ref(found)) =
        block_on(repository.resolve_ref("refs/heads/b07".into())).expect("no error")
    else {
        panic!("a ref")
    };
    assert_eq!(found.oid.to_string(), new);
}
