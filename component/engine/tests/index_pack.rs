//! Taking packs in: the same objects, indexes and reverse indexes as git makes of the same packs.

mod support;

use std::path::Path;

use gitwasi_engine::Limits;
use gitwasi_engine::index_pack::{Options, Stored};
use support::Lab;
use support::push::{Taken, keep};

/// Compares index and reverse index with those that git makes of the very same pack.
fn same_as_git(lab: &Lab, taken: &Taken, init: &[&str]) {
    let stem = taken.stem();
    let pack = std::fs::read(stem.with_extension("pack")).expect("a pack");
    let mut args = vec!["init", "-q", "--bare", "oracle.git"];
    args.extend(init);
    lab.git("", &args);
    let dir = lab.path("oracle.git");
    support::write(&dir.join("p.pack"), &pack);
    lab.git("oracle.git", &["index-pack", "--rev-index", "p.pack"]);
    for end in ["idx", "rev"] {
        let ours = std::fs::read(stem.with_extension(end)).expect("a file");
        let git = std::fs::read(dir.join("p").with_extension(end)).expect("a file");
        assert!(ours == git, "{end} differs");
    }
    let listed = lab.git("oracle.git", &["verify-pack", "-v", "p.idx"]);
    let mut listed: Vec<String> = listed
        .lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let (oid, kind) = (words.next()?, words.next()?);
            (oid.len() >= 40).then(|| format!("{oid} {kind}"))
        })
        .collect();
    listed.sort();
    let objects = &taken.received().objects;
    let ours: Vec<_> = objects.iter().map(|(oid, kind)| format!("{oid} {}", kind.name())).collect();
    assert!(ours == listed, "objects differ");
    std::fs::remove_dir_all(dir).expect("removed");
}

fn empty(lab: &Lab, name: &str, init: &[&str]) {
    let mut args = vec!["init", "-q", "--bare", "-b", "main", name];
    args.extend(init);
    lab.git("", &args);
}

/// The names in a directory, none if there is no such directory.
fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    names.sort();
    names
}

#[test]
fn indexes_are_git_s_for_the_same_pack() {
    for init in [&[][..], &["--object-format=sha256"]] {
        let lab = Lab::new();
        lab.history("a.git", 150, init);
        empty(&lab, "b.git", init);
        for args in [&["--all"][..], &["--all", "--delta-base-offset"]] {
            let pack = lab.pack("a.git", args, "");
            for chunk in [1, 4097, 1 << 20] {
                let taken = lab.take_with("b.git", &pack, &keep(), Limits::default(), chunk);
                assert_eq!(
                    std::fs::read(taken.stem().with_extension("pack")).expect("a pack"),
                    pack
                );
                assert_eq!(files(&taken.path.join("pack")).len(), 3);
                same_as_git(&lab, &taken, init);
                let objects = &taken.received().objects;
                assert_eq!(taken.received().bytes, pack.len() as u64);
                assert!(objects.iter().all(|(oid, kind)| objects.kind(&oid) == Some(kind)));
            }
        }
    }
}

#[test]
fn thin_packs_are_completed() {
    for init in [&[][..], &["--object-format=sha256"]] {
        let lab = Lab::new();
        lab.history("a.git", 150, init);
        let old = lab.git("a.git", &["rev-parse", "main~20"]);
        empty(&lab, "b.git", init);
        lab.git("b.git", &["fetch", "-q", "../a.git", &format!("{old}:refs/heads/main")]);
        for args in [&["--thin"][..], &["--thin", "--delta-base-offset"]] {
            let pack = lab.pack("a.git", args, &format!("main\n^{old}\n"));
            let taken = lab.take("b.git", &pack, &keep());
            same_as_git(&lab, &taken, init);
            let added = taken.received().objects.len() as u32
                - u32::from_be_bytes(pack[8..12].try_into().expect("4 bytes"));
            assert!(added > 3, "{added} bases");

            // Git makes a pack of the same objects of it.
            let output =
                lab.git_with("b.git", &["index-pack", "--stdin", "--fix-thin"], &pack, &[]);
            let line = String::from_utf8_lossy(&output.stdout).into_owned();
            let name = line.trim_end().rsplit('\t').next().expect("a name");
            let idx = format!("objects/pack/pack-{name}.idx");
            let git = lab.git_with(
                "b.git",
                &["show-index"],
                &std::fs::read(lab.path("b.git").join(&idx)).expect("idx"),
                &[],
            );
            let git: Vec<_> = String::from_utf8_lossy(&git.stdout)
                .lines()
                .map(|line| line.split(' ').nth(1).expect("an oid").to_owned())
                .collect();
            let ours: Vec<_> =
                taken.received().objects.iter().map(|(oid, _)| oid.to_string()).collect();
            assert_eq!(ours, git);
            for end in ["idx", "pack", "rev"] {
                _ = std::fs::remove_file(
                    lab.path("b.git").join(format!("objects/pack/pack-{name}.{end}")),
                );
            }

            let refused = lab.take("b.git", &pack, &Options { fix_thin: false, ..keep() });
            let text = refused.error().to_string();
            assert!(
                text.starts_with("pack has ") && text.ends_with(" unresolved deltas"),
                "{text}"
            );
        }
    }
}

/// Blobs that are large by the limits go through files, wherever their bases come from.
#[test]
fn deltas_between_large_blobs_are_resolved_in_files() {
    for held_blob in [0, 1000] {
        let limits = Limits { held_blob, resolve_cache: 10_000, ..Limits::default() };
        let lab = Lab::new();
        lab.history("a.git", 40, &[]);
        lab.git("a.git", &["repack", "-adfq", "--depth=50", "--window=50"]);
        let old = lab.git("a.git", &["rev-parse", "main~8"]);
        empty(&lab, "b.git", &[]);
        lab.git("b.git", &["fetch", "-q", "../a.git", &format!("{old}:refs/heads/main")]);
        lab.git("b.git", &["repack", "-adfq", "--depth=50", "--window=50"]);
        let thin = format!("main\n^{old}\n");
        for (args, revs) in [
            (&["--all", "--delta-base-offset"][..], ""),
            (&["--all"], ""),
            (&["--thin"], &thin),
            (&["--thin", "--delta-base-offset"], &thin),
        ] {
            let pack = lab.pack("a.git", args, revs);
            let taken = lab.take_with("b.git", &pack, &keep(), limits.clone(), 8192);
            assert_eq!(files(&taken.path.join("pack")).len(), 3, "nothing else is left");
            same_as_git(&lab, &taken, &[]);
            let few = Options { unpack_limit: 10_000, ..Options::default() };
            let loose = lab.take_with("b.git", &pack, &few, limits.clone(), 8192);
            assert_eq!(loose.received().stored, Stored::Loose);
            assert!(files(&loose.path.join("pack")).is_empty());
            let environment = [
                ("GIT_OBJECT_DIRECTORY", loose.path.to_str().expect("a path")),
                ("GIT_ALTERNATE_OBJECT_DIRECTORIES", "objects"),
            ];
            let args = ["fsck", "--full", "--strict", "--no-dangling"];
            let output = lab.git_with("b.git", &args, b"", &environment);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let args = ["count-objects"];
            let output = lab.git_with("b.git", &args, b"", &environment);
            let counted = String::from_utf8_lossy(&output.stdout).into_owned();
            let objects = loose.received().objects.len();
            assert!(counted.starts_with(&format!("{objects} objects")), "{counted}");
        }
    }
}

#[test]
fn few_objects_become_loose_ones() {
    for init in [&[][..], &["--object-format=sha256"]] {
        let lab = Lab::new();
        lab.history("a.git", 60, init);
        let old = lab.git("a.git", &["rev-parse", "main~3"]);
        empty(&lab, "b.git", init);
        lab.git("b.git", &["fetch", "-q", "../a.git", &format!("{old}:refs/heads/main")]);
        let pack =
            lab.pack("a.git", &["--thin", "--delta-base-offset"], &format!("main\n^{old}\n"));
        let taken = lab.take("b.git", &pack, &Options::default());
        let received = taken.received();
        assert_eq!(received.stored, Stored::Loose);
        assert!(files(&taken.path.join("pack")).is_empty());
        for (oid, _) in received.objects.iter() {
            let (hex, to) = (oid.to_string(), lab.path("b.git/objects"));
            _ = std::fs::create_dir(to.join(&hex[..2]));
            let name = format!("{}/{}", &hex[..2], &hex[2..]);
            std::fs::rename(taken.path.join(&name), to.join(&name)).expect("moved");
        }
        let tip = lab.git("a.git", &["rev-parse", "main"]);
        lab.git("b.git", &["update-ref", "refs/heads/main", &tip]);
        lab.git("b.git", &["fsck", "--full", "--strict", "--no-dangling"]);
    }
}

#[test]
fn a_pack_without_objects_leaves_nothing() {
    let lab = Lab::new();
    empty(&lab, "b.git", &[]);
    let pack = lab.git_with("b.git", &["pack-objects", "--stdout", "-q"], b"", &[]).stdout;
    for options in [keep(), Options::default()] {
        let taken = lab.take("b.git", &pack, &options);
        assert_eq!(taken.received().stored, Stored::Nothing);
        assert!(files(&taken.path.join("pack")).is_empty());
    }
}
