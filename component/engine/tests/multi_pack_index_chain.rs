//! Incremental multi-pack-indexes: those that git writes, and those that nobody should.

mod support;

use std::path::PathBuf;

use gitwasi_engine::storage::native::block_on;
use gitwasi_engine::{Result, upload_pack};
use gitwasi_wire::{Oid, ProtocolVersion};
use support::Lab;

const LAYERS: usize = 5;

/// A repository with a pack and a layer for each of some commits, and for what was before.
fn layered() -> Lab {
    let lab = Lab::new();
    lab.history("a.git", 40, &[]);
    lab.git("a.git", &["repack", "-adq", "--no-write-bitmap-index"]);
    for number in 0..LAYERS {
        if number > 0 {
            let tree = lab.git("a.git", &["rev-parse", &format!("main~{}^{{tree}}", number * 3)]);
            let message = format!("more {number}");
            let commit = lab.git("a.git", &["commit-tree", &tree, "-p", "main", "-m", &message]);
            lab.git("a.git", &["update-ref", "refs/heads/main", &commit]);
            lab.git("a.git", &["repack", "-dq", "--no-write-bitmap-index"]);
        }
        lab.git("a.git", &["multi-pack-index", "write", "--incremental"]);
    }
    assert_eq!(layers(&lab).len(), LAYERS);
    lab
}

fn chain(lab: &Lab) -> PathBuf {
    lab.path("a.git/objects/pack/multi-pack-index.d/multi-pack-index-chain")
}

/// The files of the layers, the lowest first.
fn layers(lab: &Lab) -> Vec<PathBuf> {
    let lines = std::fs::read_to_string(chain(lab)).expect("a chain");
    let path = |line| chain(lab).with_file_name(format!("multi-pack-index-{line}.midx"));
    lines.lines().map(path).collect()
}

/// The number of objects of a clone.
fn clone(lab: &Lab) -> Result<u32> {
    let main = lab.git("a.git", &["rev-parse", "main"]);
    let request = format!("0011command=fetch00010032want {main}\n000dofs-delta0009done\n0000");
    let mut out = Vec::new();
    block_on(async {
        let repository = lab.engine().open("a.git").await?;
        upload_pack::serve(&repository, ProtocolVersion::V2, request.as_bytes(), &mut out).await
    })?;
    let pack = support::band_1(&out);
    Ok(u32::from_be_bytes(pack[8..12].try_into().expect("a count")))
}

#[test]
fn a_chain_tells_which_pack_to_look_in() {
    let lab = layered();
    let oldest = lab.git("a.git", &["rev-list", "--max-parents=0", "main"]);
    let oid = Oid::from_hex(oldest.as_bytes()).expect("an oid");
    let open_indexes = || {
        let repository = lab.open("a.git");
        block_on(repository.odb().find(&oid)).expect("no error").expect("an object");
        let files = std::fs::read_dir("/proc/self/fd").expect("open files");
        let paths = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        let ours = paths.filter(|path| path.starts_with(lab.dir.path().join("a.git")));
        ours.filter(|path| path.extension().is_some_and(|end| end == "idx")).count()
    };
    assert_eq!(open_indexes(), 1);
    std::fs::remove_file(chain(&lab)).expect("removed");
    assert_eq!(open_indexes(), LAYERS, "the oldest pack is asked last");
}

#[test]
fn what_makes_no_sense_of_a_chain_is_passed_over() {
    let lab = layered();
    let whole = std::fs::read_to_string(chain(&lab)).expect("a chain");
    let objects = clone(&lab).expect("a clone");
    let listed = lab.git("a.git", &["rev-list", "--objects", "main"]);
    assert_eq!(objects as usize, listed.lines().count());
    let lines: Vec<&str> = whole.lines().collect();
    let unknown = "5".repeat(40);
    for lines in [
        vec![],
        vec![""],
        vec!["what is this"],
        vec![&unknown],
        vec![lines[0], lines[1], &unknown, lines[3]],
        vec![lines[0], "", lines[1]],
        vec![lines[4], lines[3], lines[2], lines[1], lines[0]],
        vec![lines[3], lines[1]],
        [&lines[..], &lines[..]].concat(),
        vec![lines[0]; 1000],
        vec!["../../multi-pack-index"],
    ] {
        support::write(&chain(&lab), (lines.join("\n") + "\n").as_bytes());
        assert_eq!(clone(&lab).expect("a clone"), objects, "{lines:?}");
    }
    support::write(&chain(&lab), whole.as_bytes());

    let layers = layers(&lab);
    let other = std::fs::read(&layers[0]).expect("a layer");
    for path in &layers[1..] {
        let whole = std::fs::read(path).expect("a layer");
        let of_sha256 = [b"MIDX\x01\x02", &whole[6..]].concat();
        let cut = &whole[..whole.len() / 2];
        std::fs::remove_file(path).expect("removed");
        assert_eq!(clone(&lab).expect("a clone"), objects);
        for layer in [b"", cut, &of_sha256, &other] {
            support::write(path, layer);
            assert_eq!(clone(&lab).expect("a clone"), objects);
        }
        support::write(path, &whole);
    }
}

/// The layers above say nothing of what the one below has, in whatever packs that is.
#[test]
fn layers_above_a_pack_that_is_gone_are_not_asked() {
    let lab = layered();
    let objects = clone(&lab).expect("a clone");
    let indexes = || {
        let packs = std::fs::read_dir(lab.path("a.git/objects/pack")).expect("a directory");
        let paths = packs.map(|entry| entry.expect("an entry").path());
        let indexes = paths.filter(|path| path.extension().is_some_and(|end| end == "idx"));
        indexes.collect::<Vec<_>>()
    };
    let before = indexes();
    // Another pack with all objects, and a layer that only tells of those that are new.
    let tree = lab.git("a.git", &["rev-parse", "main~9^{tree}"]);
    let commit = lab.git("a.git", &["commit-tree", &tree, "-p", "main", "-m", "more"]);
    lab.git("a.git", &["update-ref", "refs/heads/main", &commit]);
    lab.git("a.git", &["repack", "-aq", "--no-write-bitmap-index"]);
    lab.git("a.git", &["multi-pack-index", "write", "--incremental"]);
    assert_eq!(layers(&lab).len(), LAYERS + 1);
    for path in before {
        _ = std::fs::remove_file(path.with_extension("pack"));
        std::fs::remove_file(path).expect("removed");
        assert_eq!(clone(&lab).expect("a clone"), objects + 1);
    }
}

/// Flipped and cut layers and chains: errors at worst.
#[test]
fn damaged_layers_do_not_panic() {
    let lab = layered();
    let mut files = layers(&lab);
    files.push(chain(&lab));
    for path in files {
        let whole = std::fs::read(&path).expect("a file");
        for step in 0..60 {
            support::write(&path, &support::damaged(&whole, step, 60));
            _ = clone(&lab);
        }
        support::write(&path, &whole);
    }
    assert!(clone(&lab).is_ok());
}
