//! The multi-pack-index: one search for many packs.
//!
//! Spec: gitformat-pack(5), "multi-pack-index (MIDX) files have the following format"

mod chain;

use std::cell::OnceCell;
use std::cmp::Ordering;

use gitwasi_wire::{ObjectFormat, Oid};

use super::idx::{Fanout, read_oid, search};
use super::{Bitmaps, Odb};
use crate::chunk_file::Chunks;
use crate::storage::{CachedFile, Storage};
use crate::{Engine, Error, Result};

/// An open multi-pack-index.
#[derive(Debug)]
pub(super) struct MultiPackIndex<S: Storage> {
    file: CachedFile<S>,
    /// Without what tells its bitmaps from those of another one.
    path: String,
    format: ObjectFormat,
    /// The order of its bitmaps' bits, if it has bitmaps.
    order: Option<u64>,
    bitmaps: OnceCell<Option<Bitmaps<S>>>,
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
        Self::open_at(engine, format!("{directory}/multi-pack-index"), format).await
    }

    async fn open_at(
        engine: &Engine<S>,
        path: String,
        format: ObjectFormat,
    ) -> Result<Option<Self>> {
        let file = match engine.open_file(&path).await {
            Ok(file) => file.in_small_blocks(),
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
        let order = match chunks.find(*b"RIDX") {
            Some(_) => Some(chunks.require(*b"RIDX", objects * 4)?),
            None => None,
        };
        let bitmaps = OnceCell::new();
        Ok(Some(Self { file, path, format, order, bitmaps, fanout, oids, offsets, large, names }))
    }

    /// The names of its packs in its order, `pack-` and all but the ending.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Whether the other one is of the same file.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.file.id() == other.file.id()
    }

    /// Its reachability bitmaps, if it has any.
    pub(super) async fn bitmaps(&self, odb: &Odb<S>) -> Result<Option<&Bitmaps<S>>> {
        if self.order.is_none() {
            return Ok(None);
        }
        if self.bitmaps.get().is_none() {
            let trailer = self.file.size().checked_sub(self.format.oid_len() as u64);
            let checksum = read_oid(&self.file, trailer.ok_or_else(bad)?, self.format).await?;
            let path = format!("{}-{checksum}.bitmap", self.path);
            let bitmaps = Bitmaps::open(odb, &path, self.fanout.count(), checksum).await?;
            _ = self.bitmaps.set(bitmaps);
        }
        Ok(self.bitmaps.get().and_then(Option::as_ref))
    }

    /// The position of an object.
    pub(super) async fn position(&self, oid: &Oid) -> Result<Option<u32>> {
        let stride = self.format.oid_len() as u64;
        search(&self.file, self.oids, stride, self.fanout.range(oid), oid).await
    }

    /// The pack that holds an object, a place in the order of names, and its offset there.
    pub(super) async fn find(&self, oid: &Oid) -> Result<Option<(u32, u64)>> {
        match self.position(oid).await? {
            Some(pos) => self.at(pos).await.map(Some),
            None => Ok(None),
        }
    }

    /// As [`Self::find`], of the object that a bit of the bitmaps stands for.
    pub(super) async fn at_bit(&self, bit: u32) -> Result<(u32, u64)> {
        let pos = self.position_of(bit).await?;
        self.at(pos).await
    }

    /// The bit that stands for the object at a position.
    pub(super) async fn bit_of(&self, pos: u32) -> Result<Option<u32>> {
        // Bits are in the order of packs and offsets, but that one pack comes first.
        let (preferred, _) = self.at_bit(0).await?;
        let key = |(pack, offset): (u32, u64)| (pack != preferred, pack, offset);
        let wanted = key(self.at(pos).await?);
        let (mut low, mut high) = (0, self.fanout.count());
        while low < high {
            let middle = low + (high - low) / 2;
            match key(self.at_bit(middle).await?).cmp(&wanted) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(Some(middle)),
            }
        }
        Ok(None)
    }

    async fn position_of(&self, bit: u32) -> Result<u32> {
        let order = self.order.filter(|_| bit < self.fanout.count()).ok_or_else(bad)?;
        let pos = self.file.u32_at(order + 4 * u64::from(bit)).await?;
        if pos < self.fanout.count() { Ok(pos) } else { Err(bad()) }
    }

    async fn at(&self, pos: u32) -> Result<(u32, u64)> {
        let entry = self.file.u64_at(self.offsets + 8 * u64::from(pos)).await?;
        let (pack, offset) = ((entry >> 32) as u32, entry & 0xffff_ffff);
        let offset = match self.large {
            Some(large) if offset & 1 << 31 != 0 => {
                self.file.u64_at(large + 8 * (offset & !(1 << 31))).await?
            }
            _ => offset,
        };
        Ok((pack, offset))
    }
}

fn bad() -> Error {
    Error::corrupt("multi-pack-index")
}
