//! Pack indexes, versions 1 and 2: from an oid to an offset, by binary search on disk.
//!
//! Spec: gitformat-pack(5), "pack-*.idx files have the following format"

use std::cmp::Ordering;

use gitwasi_wire::{ObjectFormat, Oid};

use crate::storage::{CachedFile, Storage};
use crate::{Error, Result};

const MAGIC: [u8; 4] = *b"\xfftOc";
const FANOUT: u64 = 256 * 4;

/// An open pack index. Its fanout is kept, 1 KiB; all else is read when asked.
#[derive(Debug)]
pub(crate) struct Idx<S: Storage> {
    file: CachedFile<S>,
    format: ObjectFormat,
    version: u32,
    fanout: Fanout,
}

impl<S: Storage> Idx<S> {
    pub(crate) async fn open(file: CachedFile<S>, format: ObjectFormat) -> Result<Self> {
        let bad = || Error::corrupt("a pack index");
        let file = file.in_small_blocks();
        let mut head = [0; 8];
        file.read_exact(0, &mut head).await?;
        let version = match head {
            [a, b, c, d, 0, 0, 0, 2] if [a, b, c, d] == MAGIC => 2,
            [a, b, c, d, ..] if [a, b, c, d] == MAGIC => return Err(bad()),
            _ => 1,
        };
        let fanout = Fanout::read(&file, if version == 2 { 8 } else { 0 }).await?;
        let idx = Self { file, format, version, fanout };
        let count = u64::from(idx.count());
        let trailer = 2 * format.oid_len() as u64;
        let least = match version {
            2 => idx.offsets() + 4 * count + trailer,
            _ => FANOUT + (4 + format.oid_len() as u64) * count + trailer,
        };
        // Version 2 may have a table of 8-byte offsets besides.
        let most = least + if version == 2 { 8 * count } else { 0 };
        if (least..=most).contains(&idx.file.size()) { Ok(idx) } else { Err(bad()) }
    }

    /// Number of objects.
    pub(crate) fn count(&self) -> u32 {
        self.fanout.count()
    }

    /// The checksum of the pack that this is the index of.
    pub(crate) async fn pack_checksum(&self) -> Result<Oid> {
        let length = self.format.oid_len();
        self.read_oid(self.file.size() - 2 * length as u64).await
    }

    /// The position of an oid.
    pub(crate) async fn find(&self, oid: &Oid) -> Result<Option<u32>> {
        let (start, stride) = match self.version {
            2 => (8 + FANOUT, self.format.oid_len() as u64),
            _ => (FANOUT + 4, 4 + self.format.oid_len() as u64),
        };
        search(&self.file, start, stride, self.fanout.range(oid), oid).await
    }

    /// The oid at a position below [`Self::count`].
    pub(crate) async fn oid_at(&self, pos: u32) -> Result<Oid> {
        let (pos, length) = (u64::from(pos), self.format.oid_len() as u64);
        self.read_oid(match self.version {
            2 => 8 + FANOUT + pos * length,
            _ => FANOUT + pos * (4 + length) + 4,
        })
        .await
    }

    /// The offset in the pack of the object at a position below [`Self::count`].
    pub(crate) async fn offset_at(&self, pos: u32) -> Result<u64> {
        let pos = u64::from(pos);
        if self.version == 1 {
            let entry = FANOUT + pos * (4 + self.format.oid_len() as u64);
            return Ok(u64::from(self.file.u32_at(entry).await?));
        }
        let offset = self.file.u32_at(self.offsets() + 4 * pos).await?;
        if offset & 1 << 31 == 0 {
            return Ok(u64::from(offset));
        }
        let large = self.offsets() + 4 * u64::from(self.count());
        self.file.u64_at(large + 8 * u64::from(offset & !(1 << 31))).await
    }

    fn offsets(&self) -> u64 {
        8 + FANOUT + (self.format.oid_len() as u64 + 4) * u64::from(self.count())
    }

    async fn read_oid(&self, offset: u64) -> Result<Oid> {
        read_oid(&self.file, offset, self.format).await
    }
}

/// The number of oids whose first byte is at most each value.
#[derive(Debug)]
pub(super) struct Fanout(Box<[u32; 256]>);

impl Fanout {
    pub(super) async fn read<S: Storage>(file: &CachedFile<S>, offset: u64) -> Result<Self> {
        let mut bytes = [0; FANOUT as usize];
        file.read_exact(offset, &mut bytes).await?;
        let mut fanout = Box::new([0; 256]);
        for (value, bytes) in fanout.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *value = u32::from_be_bytes(*bytes);
        }
        if !fanout.is_sorted() {
            return Err(Error::corrupt("a fanout that is not sorted"));
        }
        Ok(Self(fanout))
    }

    pub(super) fn count(&self) -> u32 {
        self.0[255]
    }

    pub(super) fn range(&self, oid: &Oid) -> std::ops::Range<u32> {
        let first = usize::from(oid.as_bytes()[0]);
        let start = if first == 0 { 0 } else { self.0[first - 1] };
        start..self.0[first]
    }
}

/// Searches a table of entries of `stride` bytes from `start`, each beginning with an oid.
pub(super) async fn search<S: Storage>(
    file: &CachedFile<S>,
    start: u64,
    stride: u64,
    mut range: std::ops::Range<u32>,
    oid: &Oid,
) -> Result<Option<u32>> {
    let wanted = oid.as_bytes();
    // Oids are spread evenly: this is near the place. Whoever made up others is found by halves.
    let [_, next @ ..] = wanted else { return Ok(None) };
    let fraction = next.first_chunk().map_or(0, |bytes| u64::from(u32::from_be_bytes(*bytes)));
    let length = range.end - range.start;
    let mut guess = range.start + ((u64::from(length) * fraction) >> 32) as u32;
    let mut step = length.isqrt();
    while !range.is_empty() {
        let probe = guess.clamp(range.start, range.end - 1);
        let at = start + stride * u64::from(probe);
        let (block, within) = file.block_at(at).await?;
        let order = match block[within..].get(..wanted.len()) {
            Some(found) => found.cmp(wanted),
            None => {
                let mut found = [0; 32];
                let found = &mut found[..wanted.len()];
                file.read_exact(at, found).await?;
                (*found).cmp(wanted)
            }
        };
        match order {
            Ordering::Less => range.start = probe + 1,
            Ordering::Greater => range.end = probe,
            Ordering::Equal => return Ok(Some(probe)),
        }
        let middle = range.start + (range.end - range.start) / 2;
        guess = match order {
            _ if step == 0 => middle,
            Ordering::Less => middle.min(probe.saturating_add(step)),
            _ => middle.max(probe.saturating_sub(step)),
        };
        // One step to either side, then halves.
        step = if range.end - range.start > 4 * step { step.saturating_mul(4) } else { 0 };
    }
    Ok(None)
}

pub(super) async fn read_oid<S: Storage>(
    file: &CachedFile<S>,
    offset: u64,
    format: ObjectFormat,
) -> Result<Oid> {
    let mut bytes = [0; 32];
    let bytes = &mut bytes[..format.oid_len()];
    file.read_exact(offset, bytes).await?;
    Oid::from_bytes(bytes).ok_or_else(|| Error::corrupt("an oid"))
}
