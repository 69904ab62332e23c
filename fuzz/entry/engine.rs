//! What the fuzz targets of `component/engine` do with their bytes: they stand for one file of a
//! repository that is whole otherwise, which is then listed, cloned, fetched from and read.
//!
//! Nothing may panic, and everything ends: a clear error is as good as an answer.
//!
//! Included by the targets and by the ordinary test that replays seeds and artefacts, so it may use
//! nothing but the crates under test and std.

#![allow(dead_code, reason = "each target uses one of these")]

use gitwasi_engine::storage::memory::MemoryStorage;
use gitwasi_engine::storage::native::block_on;
use gitwasi_engine::{Engine, Error, Limits, upload_pack};
use gitwasi_wire::{Oid, ProtocolVersion};

/// Files that git 2.47 wrote: two packs of one history, and all that may lie beside them.
const FILES: [(&str, &[u8]); 13] = [
    ("HEAD", b"ref: refs/heads/main\n"),
    ("config", include_bytes!("../fixtures/engine/config")),
    ("packed-refs", include_bytes!("../fixtures/engine/packed-refs")),
    (A_PACK, include_bytes!("../fixtures/engine/a.pack")),
    (A_IDX, include_bytes!("../fixtures/engine/a.idx")),
    (A_REV, include_bytes!("../fixtures/engine/a.rev")),
    (A_BITMAP, include_bytes!("../fixtures/engine/a.bitmap")),
    (B_PACK, include_bytes!("../fixtures/engine/b.pack")),
    (B_IDX, include_bytes!("../fixtures/engine/b.idx")),
    (B_REV, include_bytes!("../fixtures/engine/b.rev")),
    (MIDX, include_bytes!("../fixtures/engine/multi-pack-index")),
    (MIDX_BITMAP, include_bytes!("../fixtures/engine/multi-pack-index.bitmap")),
    (GRAPH, include_bytes!("../fixtures/engine/commit-graph")),
];

const A_PACK: &str = "objects/pack/pack-5e578f051aa833e9766e85214192c78f78506aad.pack";
const A_IDX: &str = "objects/pack/pack-5e578f051aa833e9766e85214192c78f78506aad.idx";
const A_REV: &str = "objects/pack/pack-5e578f051aa833e9766e85214192c78f78506aad.rev";
const A_BITMAP: &str = "objects/pack/pack-5e578f051aa833e9766e85214192c78f78506aad.bitmap";
const B_PACK: &str = "objects/pack/pack-11be3d820b9f0e64f310d60b18c5d132619e367b.pack";
const B_IDX: &str = "objects/pack/pack-11be3d820b9f0e64f310d60b18c5d132619e367b.idx";
const B_REV: &str = "objects/pack/pack-11be3d820b9f0e64f310d60b18c5d132619e367b.rev";
const MIDX: &str = "objects/pack/multi-pack-index";
const MIDX_BITMAP: &str =
    "objects/pack/multi-pack-index-66921c38d6fda345481596666cfc7e31790fd888.bitmap";
const GRAPH: &str = "objects/info/commit-graph";

const MAIN: &str = "5f66b3b7a305b9086ee53ac1784dc65b6df3d8d0";
const OLD: &str = "bf5bec4f40b39a924b9c768af4415f26e7608144";
const TAG: &str = "c29c76a8858fa820c6dfc2dd03e7ced178b6f76b";

/// A pack index, of the pack with the bitmaps.
pub(crate) fn idx(data: &[u8]) {
    serve(&[(A_IDX, data)], &[MIDX, MIDX_BITMAP, A_REV]);
}

/// Bitmaps, of a pack and of the multi-pack-index.
pub(crate) fn bitmap(data: &[u8]) {
    serve(&[(A_BITMAP, data)], &[MIDX, MIDX_BITMAP]);
    serve(&[(MIDX_BITMAP, data)], &[]);
}

/// A multi-pack-index, with and without its bitmaps.
pub(crate) fn multi_pack_index(data: &[u8]) {
    serve(&[(MIDX, data)], &[]);
    serve(&[(MIDX, data)], &[MIDX_BITMAP, A_BITMAP]);
}

/// A commit-graph, and one that is the base of a chain.
pub(crate) fn commit_graph(data: &[u8]) {
    serve(&[(GRAPH, data)], &[MIDX_BITMAP, A_BITMAP]);
    let name = "ab".repeat(20);
    let chain = format!("{name}\n{name}\n");
    let layer = format!("objects/info/commit-graphs/graph-{name}.graph");
    let list = "objects/info/commit-graphs/commit-graph-chain";
    serve(&[(&layer, data), (list, chain.as_bytes())], &[MIDX_BITMAP, A_BITMAP, GRAPH]);
}

/// `packed-refs`.
pub(crate) fn packed_refs(data: &[u8]) {
    serve(&[("packed-refs", data)], &[]);
}

/// A reftable, alone and over another one.
pub(crate) fn reftable(data: &[u8]) {
    let config = b"[core]\nrepositoryformatversion=1\n[extensions]\nrefstorage=reftable\n";
    let table = include_bytes!("../fixtures/engine/table.ref");
    let files = |list| {
        [
            ("config", &config[..]),
            ("reftable/tables.list", list),
            ("reftable/a", &table[..]),
            ("reftable/b", data),
        ]
    };
    serve(&files(b"b\n"), &["packed-refs"]);
    serve(&files(b"a\nb\n"), &["packed-refs"]);
}

/// A repository's configuration.
pub(crate) fn config(data: &[u8]) {
    serve(&[("config", data)], &[MIDX]);
}

/// Entries of a pack: an index that is made up says that one begins at the start and others at
/// some places within.
pub(crate) fn pack_entry(data: &[u8]) {
    let starts = [0, data.len() / 2, data.len() / 3, 1.min(data.len())];
    forge(data, &starts.map(|start| 12 + start as u32));
}

/// A delta, on a base that has the size it asks for.
pub(crate) fn delta(data: &[u8]) {
    let mut size = 0usize;
    for (number, byte) in data.iter().take(3).enumerate() {
        size |= usize::from(byte & 0x7f) << (7 * number);
        if byte & 0x80 == 0 {
            break;
        }
    }
    let base = vec![b'x'; size.min(1 << 16)];
    let mut pack = entry(3, &[], &base);
    let start = pack.len() as u32;
    // A name that the index below gives to the first entry.
    pack.extend(entry(7, &[0x10; 20], data));
    forge(&pack, &[12, 12 + start, 12 + start, 12 + start]);
}

/// A pack entry whose zlib stream only stores.
fn entry(kind: u8, base: &[u8], content: &[u8]) -> Vec<u8> {
    let mut size = content.len();
    let mut out = vec![kind << 4 | (size & 15) as u8];
    size >>= 4;
    while size > 0 {
        if let Some(last) = out.last_mut() {
            *last |= 0x80;
        }
        out.push((size & 0x7f) as u8);
        size >>= 7;
    }
    out.extend(base);
    out.extend([0x78, 0x01]);
    let mut pieces = content.chunks(0xffff).peekable();
    if pieces.peek().is_none() {
        out.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(piece) = pieces.next() {
        let length = piece.len() as u16;
        out.push(u8::from(pieces.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(piece);
    }
    let (mut a, mut b) = (1u32, 0u32);
    for byte in content {
        a = (a + u32::from(*byte)) % 65521;
        b = (b + a) % 65521;
    }
    out.extend((b << 16 | a).to_be_bytes());
    out
}

/// Reads from a pack of these bytes whose index has objects at these offsets, named 0x10…, 0x20…
fn forge(body: &[u8], offsets: &[u32]) {
    let count = offsets.len() as u32;
    let mut pack = b"PACK\0\0\0\x02".to_vec();
    pack.extend(count.to_be_bytes());
    pack.extend(body);
    pack.extend([7; 20]);
    let mut idx = b"\xfftOc\0\0\0\x02".to_vec();
    for first in 0..=255u32 {
        idx.extend((first / 16).min(count).to_be_bytes());
    }
    (1..=count).for_each(|number| idx.extend([16 * number as u8; 20]));
    idx.extend(vec![0; 4 * offsets.len()]);
    offsets.iter().for_each(|offset| idx.extend(offset.to_be_bytes()));
    idx.extend([7; 20]);
    idx.extend([8; 20]);
    let mut storage = MemoryStorage::default();
    for (path, content) in [
        ("HEAD", &b"ref: refs/heads/main\n"[..]),
        ("refs/heads/main", b"1010101010101010101010101010101010101010\n"),
        ("config", b""),
        ("objects/pack/pack-x.pack", &pack),
        ("objects/pack/pack-x.idx", &idx),
    ] {
        storage.insert(&format!("a.git/{path}"), content.to_vec());
    }
    let names = (1..=count).map(|number| format!("{:02x}", 16 * number).repeat(20));
    requests(storage, &names.collect::<Vec<_>>());
}

/// Serves the repository with some files replaced, and without some others.
fn serve(replaced: &[(&str, &[u8])], without: &[&str]) -> Vec<Error> {
    let mut storage = MemoryStorage::default();
    for (path, content) in FILES.iter().filter(|(path, _)| !without.contains(path)) {
        storage.insert(&format!("a.git/{path}"), content.to_vec());
    }
    storage.insert("a.git/refs/heads/loose", format!("{OLD}\n").into_bytes());
    for (path, content) in replaced {
        storage.insert(&format!("a.git/{path}"), content.to_vec());
    }
    requests(storage, &[MAIN.to_owned(), OLD.to_owned(), TAG.to_owned()])
}

/// What goes wrong when nothing is replaced: nothing.
pub(crate) fn whole() -> Vec<Error> {
    let mut errors = serve(&[], &[]);
    errors.extend(serve(&[], &[MIDX, MIDX_BITMAP]));
    errors.extend(serve(&[], &[MIDX, MIDX_BITMAP, A_BITMAP, GRAPH, A_REV, B_REV]));
    errors
}

fn requests(storage: MemoryStorage, names: &[String]) -> Vec<Error> {
    let mut errors = Vec::new();
    let limits = Limits {
        object_size: 1 << 20,
        block_cache: 1 << 20,
        base_cache: 1 << 20,
        refs: 1 << 14,
        unpacked_objects: 1 << 16,
        ..Limits::default()
    };
    let engine = Engine::new(storage, limits);
    let repository = match block_on(engine.open("a.git")) {
        Ok(repository) => repository,
        Err(error) => return vec![error],
    };
    for version in [ProtocolVersion::V0, ProtocolVersion::V2] {
        _ = block_on(upload_pack::advertise(&repository, version, &mut Vec::new()));
    }
    let first = format!("want {}", names[0]);
    let have = format!("have {}", names[names.len() - 1]);
    for (command, lines) in [
        ("ls-refs", &["peel", "symrefs", "unborn"][..]),
        ("ls-refs", &["peel", "ref-prefix refs/heads/", "ref-prefix refs/tags/v5"]),
        ("fetch", &[&first, "done", "ofs-delta", "include-tag"]),
        ("fetch", &[&first, &have, "thin-pack", "ofs-delta"]),
        ("fetch", &[&first, "deepen 2", "done"]),
    ] {
        let mut request = format!("{:04x}command={command}0001", command.len() + 12).into_bytes();
        lines
            .iter()
            .for_each(|line| request.extend(format!("{:04x}{line}", line.len() + 4).bytes()));
        request.extend(b"0000");
        errors.extend(
            block_on(upload_pack::serve(
                &repository,
                ProtocolVersion::V2,
                &request,
                &mut Vec::new(),
            ))
            .err(),
        );
    }
    for name in names {
        let Some(oid) = Oid::from_hex(name.as_bytes()) else { continue };
        errors.extend(block_on(repository.odb().read(&oid)).err());
        errors.extend(block_on(repository.odb().peel(&oid)).err());
        errors.extend(block_on(repository.odb().generation(&oid)).err());
        _ = block_on(repository.odb().commit(&oid));
    }
    errors
}
