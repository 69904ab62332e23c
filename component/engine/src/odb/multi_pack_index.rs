//! The multi-pack-index: one search for many packs.
//!
//! Spec: gitformat-pack(5), "multi-pack-index (MIDX) files have the following format"

use gitwasi_wire::{ObjectFormat, Oid};

use super::idx::{Fanout, search};
use crate::chunk_file::Chunks;
use crate::storage::{CachedFile, Storage};
use crate::{Engine, Error, Result};

/// An open multi-pack-index.
#[derive(Debug)]
pub(super) struct MultiPackIndex<S: Storage> {
    file: CachedFile<S>,
    format: ObjectFormat,
    fanout: Fanout,
    oids: u64,
    offsets: u64,
    large: Option<u64>,
    names: Vec<String>,
}

impl<S: Storage> MultiPackIndex<S> {
    /// Opens the one in `directory`; `None` if it is of a version or format that is not known.
    pub(super) async fn open(
        engine: &Engine<S>,
        directory: &str,
        format: ObjectFormat,
    ) -> Result<Option<Self>> {
        let bad = || Error::corrupt("multi-pack-index");
        let file = match engine.open_file(&format!("{directory}/multi-pack-index")).await {
            Ok(file) => file,
            Err(error) if error.is_absent() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut head = [0; 12];
        file.read_exact(0, &mut head).await?;
        let hash = if format == ObjectFormat::Sha1 { 1 } else { 2 };
        let [b'M', b'I', b'D', b'X', 1, found, chunks, 0, count @ ..] = head else {
            return Ok(None);
        };
        if found != hash {
            return Ok(None);
        }
        let count = u32::from_be_bytes(count);
        if count as usize > engine.limits.packs {
            return Err(Error::LimitExceeded("packs"));
        }
        let chunks = Chunks::read(&file, 12, chunks).await?;
        let fanout = Fanout::read(&file, chunks.require(*b"OIDF", 1024)?).await?;
        let objects = u64::from(fanout.count());
        let oids = chunks.require(*b"OIDL", objects * format.oid_len() as u64)?;
        let offsets = chunks.require(*b"OOFF", objects * 8)?;
        let large = chunks.find(*b"LOFF").map(|chunk| chunk.offset);
        let names = chunks.find(*b"PNAM").ok_or_else(bad)?;
        if names.length > engine.limits.small_file {
            return Err(Error::LimitExceeded("small_file"));
        }
        let mut bytes = vec![0; names.length as usize];
        file.read_exact(names.offset, &mut bytes).await?;
        let names: Vec<String> = bytes
            .split(|byte| *byte == 0)
            .take(count as usize)
            .map(|name| String::from_utf8_lossy(name).trim_end_matches(".idx").to_owned())
            .collect();
        if names.len() != count as usize {
            return Err(bad());
        }
        Ok(Some(Self { file, format, fanout, oids, offsets, large, names }))
    }

    /// The names of its packs in its order, `pack-` and all but the ending.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Whether the other one is of the same file.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.file.id() == other.file.id()
    }

    /// The pack that holds an object, a place in the order of names, and its offset there.
    pub(super) async fn find(&self, oid: &Oid) -> Result<Option<(u32, u64)>> {
        let stride = self.format.oid_len() as u64;
        let range = self.fanout.range(oid);
        let Some(pos) = search(&self.file, self.oids, stride, range, oid).await? else {
            return Ok(None);
        };
        let entry = self.file.u64_at(self.offsets + 8 * u64::from(pos)).await?;
        let (pack, offset) = ((entry >> 32) as u32, entry & 0xffff_ffff);
        let offset = match self.large {
            Some(large) if offset & 1 << 31 != 0 => {
                self.file.u64_at(large + 8 * (offset & !(1 << 31))).await?
            }
            _ => offset,
        };
        Ok(Some((pack, offset)))
    }
}
