//! Blobs that are stored as deltas, are larger than what is held of an object, and have to be sent
//! whole because the client gets nothing that they build on.

mod support;

use gitwasi_engine::storage::native::{NativeStorage, block_on};
use gitwasi_engine::{Engine, Error, Limits, Result, upload_pack};
use gitwasi_wire::ProtocolVersion;
use support::{Lab, band_1, write};

const SIZE: usize = 3_000_000;

struct Random(u64);

impl Random {
    fn below(&mut self, below: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| b'a' + self.below(26) as u8).collect()
    }
}

/// A repository of several versions of one large file, each but one stored as a delta; its commits.
fn versions(lab: &Lab, mut edit: impl FnMut(&mut Random, &mut Vec<u8>)) -> Vec<String> {
    let mut random = Random(7);
    let mut content = random.bytes(SIZE);
    lab.git("", &["init", "-q", "-b", "main", "a"]);
    let mut commits = Vec::new();
    for _ in 0..8 {
        write(&lab.path("a/file"), &content);
        lab.git("a", &["add", "."]);
        lab.git("a", &["commit", "-qm", "version"]);
        commits.push(lab.git("a", &["rev-parse", "HEAD"]));
        edit(&mut random, &mut content);
    }
    lab.git("a", &["repack", "-adfq", "--depth=50", "--window=20"]);
    let deltas = lab.git("a", &["cat-file", "--batch-all-objects", "--batch-check=%(deltabase)"]);
    assert!(deltas.lines().filter(|base| !base.trim_matches('0').is_empty()).count() >= 7);
    commits
}

/// What a client gets that wants one commit and has nothing.
fn fetch(lab: &Lab, limits: Limits, commit: &str) -> Result<Vec<u8>> {
    let engine = Engine::new(NativeStorage::new(lab.dir.path()), limits);
    let repository = block_on(engine.open("a"))?;
    let mut request = String::from("0011command=fetch0001000fno-progress000dofs-delta");
    request.push_str(&format!("{:04x}want {commit}\n", commit.len() + 10));
    request.push_str("000cdeepen 10009done\n0000");
    let mut out = Vec::new();
    let version = ProtocolVersion::V2;
    block_on(upload_pack::serve(&repository, version, request.as_bytes(), &mut out))?;
    Ok(band_1(&out))
}

/// Takes the pack into a repository of its own, and compares the file.
fn check(lab: &Lab, pack: &[u8], commit: &str) {
    lab.git("", &["init", "-q", "--bare", "copy"]);
    let taken = lab.git_with("copy", &["index-pack", "--stdin"], pack, &[]);
    assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
    let file = format!("{commit}:file");
    let read = |name: &str| lab.git_with(name, &["cat-file", "blob", &file], b"", &[]).stdout;
    assert!(!read("copy").is_empty() && read("copy") == read("a"), "{commit}");
    std::fs::remove_dir_all(lab.path("copy")).expect("removed");
}

fn small() -> Limits {
    Limits { object_size: 500_000, delta_window: 1 << 20, ..Limits::default() }
}

#[test]
fn each_version_is_sent_whole() {
    let lab = Lab::new();
    let commits = versions(&lab, |random, content| {
        for _ in 0..20 {
            let at = random.below(content.len() - 5000);
            let length = random.below(4000);
            match random.below(4) {
                0 => drop(content.drain(at..at + length)),
                1 => {
                    let more = random.bytes(length);
                    content.splice(at..at, more);
                }
                2 => {
                    // From elsewhere, mostly from behind.
                    let from = at.saturating_sub(random.below(300_000));
                    let moved = content[from..from + length].to_vec();
                    content.splice(at..at, moved);
                }
                _ => content[at..at + 10].fill(b'.'),
            }
        }
    });
    for commit in &commits {
        let pack = fetch(&lab, small(), commit).expect("a pack");
        check(&lab, &pack, commit);
    }
}

#[test]
fn what_copies_to_and_fro_is_refused_when_it_goes_too_far() {
    let lab = Lab::new();
    let commits = versions(&lab, |random, content| {
        let mut chunks: Vec<_> = content.chunks(300_000).collect();
        for _ in 0..20 {
            let other = random.below(chunks.len());
            chunks.swap(0, other);
        }
        *content = chunks.concat();
    });
    let mut refused = 0;
    for commit in &commits {
        let pack = fetch(&lab, small(), commit).expect("a pack");
        check(&lab, &pack, commit);
        let limits = Limits { delta_rewinds: 1, ..small() };
        let outcome = fetch(&lab, limits, commit);
        refused += usize::from(matches!(outcome, Err(Error::LimitExceeded("delta_rewinds"))));
        let limits = Limits { object_size: 100, ..small() };
        let outcome = fetch(&lab, limits, commit);
        refused += usize::from(matches!(outcome, Err(Error::LimitExceeded(_))));
    }
    assert!(refused > 1, "{refused}");
}
