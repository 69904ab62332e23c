//! The index and the reverse index of a pack, byte for byte as git writes them.
//!
//! Spec: gitformat-pack(5), "Version 2 pack-*.idx files", "pack-*.rev files have the format"

use std::rc::Rc;

use gitwasi_wire::ObjectFormat;

use super::entries::Entries;
use crate::pack_writer::Hasher;
use crate::storage::{StorageWriter as _, WriteStorage};
use crate::working_memory::{Leased, Share};
use crate::{Engine, Result};

/// The first offset that needs 8 bytes.
const LARGE: u64 = 1 << 31;
/// Bytes that are written at once.
const WRITE_SIZE: usize = 64 << 10;

/// A file that ends in a checksum of itself.
struct Hashed<'e, S: WriteStorage> {
    engine: &'e Engine<S>,
    file: S::Writer,
    written: u64,
    pending: Vec<u8>,
    hasher: Hasher,
}

/// Writes the index. `order` has the entries in the order of their oids.
pub(super) async fn idx<S: WriteStorage>(
    engine: &Engine<S>,
    path: &str,
    format: ObjectFormat,
    entries: &Entries,
    order: &[u32],
    checksum: &[u8],
) -> Result<()> {
    let mut out = Hashed::create(engine, path, format).await?;
    out.put(b"\xfftOc\0\0\0\x02").await?;
    let mut end = 0;
    for first in 0..=255u8 {
        end +=
            order[end..].iter().take_while(|entry| entries.oid_bytes(**entry)[0] == first).count();
        out.put(&(end as u32).to_be_bytes()).await?;
    }
    for entry in order {
        out.put(entries.oid_bytes(*entry)).await?;
    }
    for entry in order {
        out.put(&entries.crc(*entry).to_be_bytes()).await?;
    }
    let mut large = Leased::<Vec<_>>::new(entries.memory());
    for entry in order {
        let offset = entries.offset(*entry);
        let short = if offset < LARGE {
            offset as u32
        } else {
            large.push(offset)?;
            LARGE as u32 | (large.len() - 1) as u32
        };
        out.put(&short.to_be_bytes()).await?;
    }
    for offset in large.iter() {
        out.put(&offset.to_be_bytes()).await?;
    }
    out.put(checksum).await?;
    out.finish().await
}

/// Writes the reverse index.
pub(super) async fn rev<S: WriteStorage>(
    engine: &Engine<S>,
    path: &str,
    format: ObjectFormat,
    order: &[u32],
    checksum: &[u8],
    memory: &Rc<Share>,
) -> Result<()> {
    let mut out = Hashed::create(engine, path, format).await?;
    out.put(b"RIDX\0\0\0\x01").await?;
    let function = match format {
        ObjectFormat::Sha1 => 1u32,
        ObjectFormat::Sha256 => 2,
    };
    out.put(&function.to_be_bytes()).await?;
    let mut positions = Leased::filled(memory, 0u32, order.len())?;
    for (position, entry) in order.iter().enumerate() {
        positions[*entry as usize] = position as u32;
    }
    for position in positions.iter() {
        out.put(&position.to_be_bytes()).await?;
    }
    out.put(checksum).await?;
    out.finish().await
}

impl<'e, S: WriteStorage> Hashed<'e, S> {
    async fn create(engine: &'e Engine<S>, path: &str, format: ObjectFormat) -> Result<Self> {
        let file = engine.storage.create_new(path).await?;
        let hasher = Hasher::new(format);
        Ok(Self { engine, file, written: 0, pending: Vec::with_capacity(WRITE_SIZE), hasher })
    }

    async fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() < WRITE_SIZE { Ok(()) } else { self.flush().await }
    }

    async fn flush(&mut self) -> Result<()> {
        let bytes = std::mem::replace(&mut self.pending, Vec::with_capacity(WRITE_SIZE));
        self.hasher.update(&bytes);
        self.engine.worked(bytes.len() as u64 / 512).await;
        self.append(bytes).await
    }

    async fn append(&mut self, bytes: Vec<u8>) -> Result<()> {
        let length = bytes.len() as u64;
        self.file.write_at(self.written, bytes).await?;
        self.written += length;
        Ok(())
    }

    async fn finish(mut self) -> Result<()> {
        self.flush().await?;
        let hasher = std::mem::replace(&mut self.hasher, Hasher::new(ObjectFormat::Sha1));
        self.append(hasher.finish()).await?;
        Ok(self.file.sync().await?)
    }
}

#[cfg(test)]
mod tests {
    use gitwasi_wire::Oid;

    use super::*;
    use crate::Limits;
    use crate::object::Kind;
    use crate::storage::native::{NativeStorage, block_on};

    /// Git's own files are compared with in `tests/index_pack.rs`; packs of 2 GiB are not made there.
    #[test]
    fn offsets_of_more_than_31_bits_have_a_table_of_their_own() {
        let dir = tempfile::tempdir().expect("a directory");
        let engine = Engine::new(NativeStorage::new(dir.path()), Limits::default());
        let memory = Share::new(&engine.working_memory);
        let mut entries = Entries::new(ObjectFormat::Sha1, &memory);
        for (offset, first) in [(12, 9), (0x7fff_ffff, 3), (0x8000_0000, 7), (0x1_0000_0002, 3)] {
            let mut oid = [offset as u8; 20];
            oid[0] = first;
            entries.push(offset, offset as u32 ^ 1, Kind::Blob, &Oid::Sha1(oid)).expect("room");
        }
        let order = block_on(entries.by_oid(&engine)).expect("room");
        assert_eq!(*order, [3, 1, 2, 0]);
        block_on(idx(&engine, "x.idx", ObjectFormat::Sha1, &entries, &order, &[5; 20]))
            .expect("written");
        let idx = std::fs::read(dir.path().join("x.idx")).expect("a file");
        let fanout = |first: usize| &idx[8 + 4 * first..][..4];
        assert_eq!(
            [fanout(2), fanout(3), fanout(6), fanout(7), fanout(8), fanout(9), fanout(255)]
                .concat(),
            [0u32, 2, 2, 3, 3, 4, 4].map(u32::to_be_bytes).concat()
        );
        let offsets = 8 + 1024 + 4 * (20 + 4);
        let table = [0x8000_0000, 0x7fff_ffff, 0x8000_0001, 12].map(u32::to_be_bytes).concat();
        assert_eq!(idx[offsets..][..16], table);
        let large = [0x1_0000_0002u64, 0x8000_0000].map(u64::to_be_bytes).concat();
        assert_eq!(idx[offsets + 16..][..16], large);
        assert_eq!(idx[offsets + 32..][..20], [5; 20]);
        assert_eq!(idx.len(), offsets + 32 + 40);

        block_on(rev(&engine, "x.rev", ObjectFormat::Sha256, &order, &[6; 32], &memory))
            .expect("written");
        let rev = std::fs::read(dir.path().join("x.rev")).expect("a file");
        assert_eq!(rev[..12], *b"RIDX\0\0\0\x01\0\0\0\x02");
        assert_eq!(rev[12..28], [3u32, 1, 2, 0].map(u32::to_be_bytes).concat());
    }
}
