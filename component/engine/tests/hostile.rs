//! Hostile repositories: a clear error or a pack, never a panic, never unbounded memory.

mod support;

use std::io::Write;

use gitwasi_engine::storage::native::{NativeStorage, block_on};
use gitwasi_engine::{Engine, Error, Limits, upload_pack};
use gitwasi_wire::{Oid, ProtocolVersion};
use support::Lab;

/// Entries and the pack and index that hold them, whatever they say. Every entry has a name of
/// its own choice.
#[derive(Default)]
struct Forged {
    entries: Vec<([u8; 20], Vec<u8>)>,
}

impl Forged {
    fn add(&mut self, name: u8, kind: u8, size: u64, base: &[u8], content: &[u8]) {
        let mut entry = Vec::new();
        let mut byte = kind << 4 | (size & 15) as u8;
        let mut rest = size >> 4;
        while rest > 0 {
            entry.push(byte | 0x80);
            byte = (rest & 0x7f) as u8;
            rest >>= 7;
        }
        entry.push(byte);
        entry.extend(base);
        let mut zlib = flate2::write::ZlibEncoder::new(entry, flate2::Compression::fast());
        zlib.write_all(content).expect("deflated");
        self.entries.push(([name; 20], zlib.finish().expect("deflated")));
    }

    fn write(mut self, lab: &Lab, repository: &str) {
        self.entries.sort();
        let count = self.entries.len() as u32;
        let mut pack = b"PACK\0\0\0\x02".to_vec();
        pack.extend(count.to_be_bytes());
        let mut idx = b"\xfftOc\0\0\0\x02".to_vec();
        for first in 0..=255u8 {
            let below = self.entries.iter().filter(|(name, _)| name[0] <= first).count() as u32;
            idx.extend(below.to_be_bytes());
        }
        let mut offsets = Vec::new();
        for (name, entry) in &self.entries {
            idx.extend(name);
            offsets.extend((pack.len() as u32).to_be_bytes());
            pack.extend(entry);
        }
        idx.extend(vec![0; 4 * self.entries.len()]);
        idx.extend(offsets);
        pack.extend([7; 20]);
        idx.extend([7; 20]);
        idx.extend([8; 20]);
        let stem = lab.path(repository).join("objects/pack/pack-forged");
        support::write(&stem.with_extension("pack"), &pack);
        support::write(&stem.with_extension("idx"), &idx);
    }
}

fn empty(lab: &Lab) -> String {
    lab.git("", &["init", "-q", "--bare", "-b", "main", "a.git"]);
    "a.git".to_owned()
}

fn read(lab: &Lab, name: u8) -> Result<usize, Error> {
    let repository = lab.open("a.git");
    let oid = Oid::from_bytes(&[name; 20]).expect("an oid");
    block_on(repository.odb().read(&oid)).map(|object| object.content.len())
}

fn clone(lab: &Lab, want: &str) -> Result<Vec<u8>, Error> {
    let mut request = b"0011command=fetch0001".to_vec();
    for line in [format!("want {want}\n"), "ofs-delta\n".to_owned(), "done\n".to_owned()] {
        request.extend(format!("{:04x}{line}", line.len() + 4).bytes());
    }
    request.extend(b"0000");
    let repository = block_on(lab.engine().open("a.git"))?;
    let mut out = Vec::new();
    let outcome =
        block_on(upload_pack::serve(&repository, ProtocolVersion::V2, &request, &mut out));
    outcome.map(|()| out)
}

#[test]
fn a_cycle_of_deltas_ends() {
    let lab = Lab::new();
    empty(&lab);
    let mut forged = Forged::default();
    let delta = [1, 1, 1, b'x'];
    forged.add(1, 7, 4, &[2; 20], &delta);
    forged.add(2, 7, 4, &[1; 20], &delta);
    forged.add(3, 7, 4, &[3; 20], &delta);
    forged.write(&lab, "a.git");
    for name in [1, 3] {
        assert!(matches!(read(&lab, name), Err(Error::LimitExceeded("delta_depth"))));
        assert!(clone(&lab, &format!("{name:02x}").repeat(20)).is_err());
    }
}

#[test]
fn a_chain_of_deltas_that_is_too_deep_is_refused() {
    let lab = Lab::new();
    empty(&lab);
    let mut forged = Forged::default();
    forged.add(1, 3, 1, b"", b"x");
    for name in 2..=200 {
        forged.add(name, 7, 4, &[name - 1; 20], &[1, 1, 1, b'x']);
    }
    forged.write(&lab, "a.git");
    assert!(matches!(read(&lab, 200), Ok(1)));
    for (depth, fits) in [(100, 101), (10, 11)] {
        let limits = Limits { delta_depth: depth, ..Limits::default() };
        let engine = Engine::new(NativeStorage::new(lab.dir.path()), limits);
        let read = |name: u8| {
            let repository = block_on(engine.open("a.git")).expect("a repository");
            let oid = Oid::from_bytes(&[name; 20]).expect("an oid");
            block_on(repository.odb().read(&oid)).map(|object| object.content.len())
        };
        assert!(matches!(read(200), Err(Error::LimitExceeded("delta_depth"))));
        assert!(matches!(read(fits), Ok(1)), "{depth}");
    }
}

/// An index that claims more objects than it has room for, and tables that point anywhere.
#[test]
fn counts_that_lie_allocate_nothing() {
    let lab = Lab::new();
    lab.history("a.git", 30, &[]);
    lab.git("a.git", &["repack", "-adfbq"]);
    lab.git("a.git", &["multi-pack-index", "write", "--bitmap"]);
    lab.git("a.git", &["commit-graph", "write", "--reachable"]);
    let main = lab.git("a.git", &["rev-parse", "main"]);
    let dir = lab.path("a.git/objects/pack");
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_none_or(|end| end != "pack"))
        .collect();
    files.push(lab.path("a.git/objects/info/commit-graph"));
    for path in files {
        let whole = std::fs::read(&path).expect("a file");
        std::fs::remove_file(&path).expect("removed");
        // Every number of the first 1,100 bytes: headers, tables of chunks, fanouts.
        for at in (4..whole.len().min(1100)).step_by(4) {
            let mut damaged = whole.clone();
            let end = (at + 4).min(damaged.len());
            damaged[at..end].fill(if at % 8 == 0 { 0xff } else { 0x7f });
            support::write(&path, &damaged);
            _ = clone(&lab, &main);
        }
        support::write(&path, &whole);
    }
}

#[test]
fn sizes_of_four_gib_allocate_nothing() {
    let lab = Lab::new();
    empty(&lab);
    let mut forged = Forged::default();
    forged.add(1, 3, 1, b"", b"x");
    // A delta that claims a result of 4 GiB, an entry that claims 4 GiB, and ones that lie.
    forged.add(2, 7, 8, &[1; 20], &[1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x90, 1]);
    forged.add(3, 3, 4 << 30, b"", b"x");
    forged.add(4, 3, 50 << 20, b"", b"x");
    forged.add(5, 3, 1, b"", &vec![0; 10 << 20]);
    forged.write(&lab, "a.git");
    for name in [2, 3] {
        assert!(matches!(read(&lab, name), Err(Error::LimitExceeded("object_size"))), "{name}");
    }
    for name in [4, 5] {
        assert!(matches!(read(&lab, name), Err(Error::Corrupt(_))), "{name}");
    }
}

#[test]
fn trees_within_themselves_end() {
    let lab = Lab::new();
    empty(&lab);
    let mut forged = Forged::default();
    let mut tree = b"40000 a\0".to_vec();
    tree.extend([2; 20]);
    tree.extend(b"40000 b\0");
    tree.extend([3; 20]);
    forged.add(2, 2, tree.len() as u64, b"", &tree);
    forged.add(3, 2, tree.len() as u64, b"", &tree);
    let commit = format!(
        "tree {}\nparent {}\nauthor a <a> 1 +0000\ncommitter a <a> 1 +0000\n\n",
        "02".repeat(20),
        "01".repeat(20)
    );
    forged.add(1, 1, commit.len() as u64, b"", commit.as_bytes());
    forged.write(&lab, "a.git");
    assert!(clone(&lab, &"01".repeat(20)).is_ok());
}

#[test]
fn kinds_that_are_not_what_they_should_be_are_errors() {
    let lab = Lab::new();
    empty(&lab);
    let mut forged = Forged::default();
    forged.add(1, 3, 1, b"", b"x");
    let commit = |tree: u8, parent: &str| {
        format!(
            "tree {}\n{parent}author a <a> 1 +0000\ncommitter a <a> 1 +0000\n\n",
            format!("{tree:02x}").repeat(20)
        )
    };
    let blob_as_tree = commit(1, "");
    forged.add(2, 1, blob_as_tree.len() as u64, b"", blob_as_tree.as_bytes());
    let missing_tree = commit(9, "");
    forged.add(3, 1, missing_tree.len() as u64, b"", missing_tree.as_bytes());
    let blob_as_parent = commit(6, &format!("parent {}\n", "01".repeat(20)));
    forged.add(4, 1, blob_as_parent.len() as u64, b"", blob_as_parent.as_bytes());
    forged.add(6, 2, 0, b"", b"");
    let tag = format!("object {}\ntype tag\ntag x\n", "05".repeat(20));
    forged.add(5, 4, tag.len() as u64, b"", tag.as_bytes());
    forged.write(&lab, "a.git");
    for name in ["02", "03", "04"] {
        assert!(matches!(clone(&lab, &name.repeat(20)), Err(Error::Corrupt(_))), "{name}");
    }
    assert!(matches!(clone(&lab, &"05".repeat(20)), Err(Error::LimitExceeded("tag_depth"))));
}

#[test]
fn a_tree_of_a_million_entries_is_served_and_a_small_limit_refuses_it() {
    let lab = Lab::new();
    empty(&lab);
    let mut forged = Forged::default();
    forged.add(1, 3, 1, b"", b"x");
    let mut tree = Vec::new();
    for number in 0..1_000_000u32 {
        tree.extend(format!("100644 {number:07}\0").bytes());
        tree.extend([1; 20]);
    }
    forged.add(2, 2, tree.len() as u64, b"", &tree);
    forged.write(&lab, "a.git");
    assert!(clone(&lab, &"02".repeat(20)).is_ok());
    let limits = Limits { object_size: 1 << 20, ..Limits::default() };
    let engine = Engine::new(NativeStorage::new(lab.dir.path()), limits);
    let repository = block_on(engine.open("a.git")).expect("a repository");
    let oid = Oid::from_bytes(&[2; 20]).expect("an oid");
    let error = block_on(repository.odb().read(&oid)).expect_err("refused");
    assert!(matches!(error, Error::LimitExceeded("object_size")));
}

/// What no want reaches is not sent, although it lies in the same pack.
#[test]
fn refused_wants_are_told_and_cut_requests_are_none() {
    let lab = Lab::new();
    lab.history("a.git", 10, &[]);
    let error = clone(&lab, &"ab".repeat(20)).expect_err("refused");
    assert_eq!(error.to_string(), format!("upload-pack: not our ref {}", "ab".repeat(20)));
    let repository = lab.open("a.git");
    let mut whole = b"0011command=fetch0001".to_vec();
    let main = lab.git("a.git", &["rev-parse", "main"]);
    whole.extend(format!("0032want {main}\n0009done\n0000").bytes());
    for end in 1..whole.len() {
        let mut out = Vec::new();
        let version = ProtocolVersion::V2;
        let outcome = block_on(upload_pack::serve(&repository, version, &whole[..end], &mut out));
        assert!(matches!(outcome, Err(Error::NoRequest(_))), "cut at {end}: {outcome:?}");
        assert!(out.is_empty(), "cut at {end}");
    }
}

/// Flipped and cut files of every kind, cloned from: errors at worst.
#[test]
fn damaged_repositories_do_not_panic() {
    let lab = Lab::new();
    lab.history("a.git", 30, &[]);
    lab.git("a.git", &["repack", "-adfq", "--write-bitmap-index"]);
    lab.git("a.git", &["multi-pack-index", "write", "--bitmap"]);
    lab.git("a.git", &["commit-graph", "write", "--reachable"]);
    lab.git("a.git", &["pack-refs", "--all"]);
    let main = lab.git("a.git", &["rev-parse", "main"]);
    let dir = lab.path("a.git/objects/pack");
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    let more = ["packed-refs", "HEAD", "config", "objects/info/commit-graph"];
    files.extend(more.map(|name| lab.path("a.git").join(name)));
    for path in files {
        let whole = std::fs::read(&path).expect("a file");
        std::fs::remove_file(&path).expect("removed");
        for step in 0..40 {
            support::write(&path, &support::damaged(&whole, step, 40));
            let Ok(repository) = block_on(lab.engine().open("a.git")) else { continue };
            let mut out = Vec::new();
            _ = block_on(upload_pack::advertise(&repository, ProtocolVersion::V0, &mut out));
            _ = clone(&lab, &main);
        }
        support::write(&path, &whole);
    }
    assert!(clone(&lab, &main).is_ok());
}
