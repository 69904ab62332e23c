//! What the fuzz targets of `component/engine` that take packs in do with their bytes.
//!
//! Included by the targets and by the ordinary test that replays seeds and artefacts, so it may use
//! nothing but the crate under test, the hash that ends a pack, and std.

#![allow(dead_code, reason = "each target uses one of these")]

#[path = "memory.rs"]
mod memory;

use gitwasi_engine::fsck::{self, DotGit, Findings, MessageId, Severities};
use gitwasi_engine::index_pack::{self, Options, PackSource};
use gitwasi_engine::object::Kind;
use gitwasi_engine::receive_pack::{self, AcceptAll, Identity};
use gitwasi_engine::storage::native::block_on;
use gitwasi_engine::{Engine, Error, Limits};
use gitwasi_wire::{ObjectFormat, Oid};
use memory::Memory;
use sha1::Digest as _;

/// Sizes of the pieces that a pack is also fed in. The result must be the same.
const PIECES: [usize; 3] = [1, 7, 4096];

struct Pieces<'a>(std::slice::Chunks<'a, u8>);

impl PackSource for Pieces<'_> {
    async fn read(&mut self) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.0.next().map(<[u8]>::to_vec))
    }
}

/// A pack, whose trailer is put right: no panic, pieces do not matter, and what is accepted can be
/// read back, each object by its oid.
pub(crate) fn index_pack(data: &[u8]) {
    let mut pack = data.to_vec();
    let trailer = sha1::Sha1::digest(&pack);
    pack.extend_from_slice(&trailer);
    for unpack_limit in [0, 1000] {
        let whole = take(&pack, pack.len(), unpack_limit);
        for size in PIECES {
            assert_eq!(take(&pack, size, unpack_limit), whole, "in pieces of {size}");
        }
    }
    // Without its trailer, and with one that is wrong.
    assert!(take(data, 4096, 0).is_err());
}

/// A base and a delta on it: the same.
pub(crate) fn pack_delta(data: &[u8]) {
    let (base, delta) = match data.split_first() {
        Some((length, rest)) => rest.split_at(rest.len().min(usize::from(*length))),
        None => return,
    };
    let mut pack = b"PACK\0\0\0\x02\0\0\0\x03".to_vec();
    let whole = pack.len();
    entry(3, &[], base, &mut pack);
    let distance = pack.len() - whole;
    let Ok(distance) = u8::try_from(distance) else { return };
    if distance < 0x80 {
        entry(6, &[distance], delta, &mut pack);
    } else {
        entry(6, &[0x80 | ((distance >> 7) - 1), distance & 0x7f], delta, &mut pack);
    }
    let mut named = sha1::Sha1::new();
    named.update(format!("blob {}\0", base.len()));
    named.update(base);
    entry(7, &named.finalize(), delta, &mut pack);
    index_pack(&pack);
}

/// An entry whose zlib stream is stored, not deflated.
fn entry(kind: u8, base: &[u8], content: &[u8], pack: &mut Vec<u8>) {
    let mut byte = kind << 4 | (content.len() & 15) as u8;
    let mut rest = content.len() >> 4;
    while rest > 0 {
        pack.push(byte | 0x80);
        byte = (rest & 0x7f) as u8;
        rest >>= 7;
    }
    pack.push(byte);
    pack.extend_from_slice(base);
    stored(content, pack);
}

/// A zlib stream that is stored, not deflated.
fn stored(content: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&[0x78, 0x01]);
    let mut blocks = content.chunks(0xffff).peekable();
    loop {
        let block = blocks.next().unwrap_or_default();
        let last = blocks.peek().is_none();
        let length = block.len() as u16;
        out.push(u8::from(last));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
        if last {
            break;
        }
    }
    let (mut a, mut b) = (1u32, 0u32);
    for byte in content {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    out.extend_from_slice(&(b << 16 | a).to_be_bytes());
}

/// The objects that were taken in, read back; or why not.
fn take(pack: &[u8], size: usize, unpack_limit: u32) -> Result<Vec<(Oid, Kind)>, String> {
    let limits = Limits {
        object_size: 1 << 20,
        delta_depth: 50,
        resolve_cache: 10_000,
        spool: 512,
        ..Limits::default()
    };
    let options = Options { unpack_limit, ..Options::default() };
    let engine = Engine::new(Memory::with_repository("a"), limits);
    block_on(async {
        let repository = engine.open("a").await.map_err(|error| error.to_string())?;
        let mut source = Pieces(pack.chunks(size.max(1)));
        let received =
            index_pack::receive(&repository, "a/objects", &mut source, &options, &mut ()).await;
        let received = received.map_err(|error| {
            text(&error.to_string());
            error.to_string()
        })?;
        // The quarantine is the repository's own: open it again and read.
        let repository = engine.open("a").await.expect("it is still there");
        for (oid, kind) in received.objects.iter() {
            let object = repository.odb().read(&oid).await.expect("what was accepted is readable");
            assert_eq!(object.kind, kind);
            let mut hasher = sha1::Sha1::new();
            hasher.update(format!("{} {}\0", kind.name(), object.content.len()));
            hasher.update(&*object.content);
            assert_eq!(hasher.finalize()[..], *oid.as_bytes());
        }
        Ok(received.objects.iter().collect())
    })
}

/// A reftable over another one, then the content of a block of log entries: a ref and its log are
/// deleted, and the tables are merged. No panic, and what was reported as deleted is not there.
pub(crate) fn reftable_push(data: &[u8]) {
    delete_main(data);
    let mut table = b"REFT\x01\0\x10\0\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\x08".to_vec();
    let header = table.clone();
    let length = (table.len() + 4 + data.len()) as u32;
    table.extend_from_slice(&(u32::from(b'g') << 24 | length & 0x00ff_ffff).to_be_bytes());
    stored(data, &mut table);
    table.extend_from_slice(&header);
    table.extend_from_slice(&[0; 44]);
    delete_main(&table);
}

fn delete_main(table: &[u8]) {
    let memory = Memory::with_repository("a");
    let config = b"[core]\nrepositoryformatversion=1\nlogallrefupdates=always\n\
        [extensions]\nrefstorage=reftable\n[receive]\ndenydeletecurrent=ignore\n";
    memory.put("a/config", config);
    memory.put("a/reftable/tables.list", b"a\nb\n");
    memory.put("a/reftable/a", include_bytes!("../fixtures/engine/logs.ref"));
    memory.put("a/reftable/b", table);
    let zero = "0".repeat(40);
    let line = format!("{} {zero} refs/heads/main\0 report-status", "1".repeat(40));
    let request = format!("{:04x}{line}0000", line.len() + 4).into_bytes();
    let options = receive_pack::Options::new(Identity::new("C", "c@d"));
    let engine = Engine::new(memory, Limits::default());
    block_on(async {
        let Ok(repository) = engine.open("a").await else { return };
        let (mut source, mut output) = (Pieces(request.chunks(1000)), Vec::new());
        let mut gate = AcceptAll;
        let pushed =
            receive_pack::serve(&repository, &mut source, &mut gate, &options, &mut output);
        let pushed = pushed.await;
        if pushed.is_ok_and(|pushed| !pushed.ref_updates.is_empty()) {
            let found = repository.resolve_ref("refs/heads/main".into()).await;
            assert!(!matches!(found, Ok(Some(_))), "{found:?}");
        }
    });
}

/// A commit: no panic, messages are harmless, and what is ignored is not found.
pub(crate) fn fsck_commit(data: &[u8]) {
    judge(Kind::Commit, data);
}

/// A tree: the same.
pub(crate) fn fsck_tree(data: &[u8]) {
    judge(Kind::Tree, data);
}

/// A tag: the same.
pub(crate) fn fsck_tag(data: &[u8]) {
    judge(Kind::Tag, data);
}

/// `.gitmodules` and `.gitattributes`: the same.
pub(crate) fn fsck_dot_git(data: &[u8]) {
    let oid = Oid::zero(ObjectFormat::Sha1);
    for name in [DotGit::Modules, DotGit::Attributes] {
        harmless(&name.check(&oid, Some(data), &Severities::default()));
        assert_eq!(name.check(&oid, Some(data), &lenient()).iter().count(), 0);
    }
}

fn judge(kind: Kind, data: &[u8]) {
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        let oid = Oid::zero(format);
        harmless(&fsck::check(kind, &oid, data, &Severities::default()));
        let lenient = lenient();
        let findings = fsck::check(kind, &oid, data, &lenient);
        let fatal = [MessageId::NulInHeader, MessageId::UnterminatedHeader];
        assert!(findings.iter().all(|finding| fatal.contains(&finding.id)));
    }
}

fn lenient() -> Severities {
    let mut severities = Severities::default();
    for id in MessageId::ALL {
        _ = severities.set(id.name(), "ignore");
    }
    severities
}

fn harmless(findings: &Findings<'_>) {
    assert_eq!(findings.lines().count(), findings.iter().count());
    for line in findings.lines() {
        assert!(line.starts_with("error: object ") || line.starts_with("warning: object "));
        text(&line);
    }
}

/// A message has one line, and nothing that a terminal obeys.
fn text(message: &str) {
    assert!(!message.contains(|char: char| char.is_control() && char != '\t'), "{message:?}");
}
