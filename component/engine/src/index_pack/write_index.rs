//! The index and the reverse index of a pack, byte for byte as git writes them.
//!
//! Spec: gitformat-pack(5), "Version 2 pack-*.idx files", "pack-*.rev files have the format"

use gitwasi_wire::ObjectFormat;

use super::entries::Entries;
use crate::pack_writer::Hasher;
use crate::storage::{StorageWriter as _, WriteStorage};
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
    let mut large = Vec::new();
    for entry in order {
        let offset = entries.offset(*entry);
        let short = if offset < LARGE {
            offset as u32
        } else {
            large.push(offset);
            LARGE as u32 | (large.len() - 1) as u32
        };
        out.put(&short.to_be_bytes()).await?;
    }
    for offset in large {
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
) -> Result<()> {
    let mut out = Hashed::create(engine, path, format).await?;
    out.put(b"RIDX\0\0\0\x01").await?;
    let function = match format {
        ObjectFormat::Sha1 => 1u32,
        ObjectFormat::Sha256 => 2,
    };
    out.put(&function.to_be_bytes()).await?;
    let mut positions = vec![0u32; order.len()];
    for (position, entry) in order.iter().enumerate() {
        positions[*entry as usize] = position as u32;
    }
    for position in positions {
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
