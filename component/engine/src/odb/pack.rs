//! Packs: entries by offset.
//!
//! Spec: gitformat-pack(5), "pack-*.pack files have the following format"

use std::cell::OnceCell;

use gitwasi_wire::Oid;

use super::idx::{Idx, read_oid};
use super::{Bitmaps, Odb, Rev};
use crate::object::Kind;
use crate::storage::{CachedFile, Storage};
use crate::{Error, Result};

/// Bytes before the first entry.
pub(crate) const HEADER_LEN: u64 = 12;

/// A pack and its index, each opened when first asked for.
#[derive(Debug)]
pub(crate) struct Pack<S: Storage> {
    /// The path without its ending.
    stem: String,
    modified: u64,
    has_rev: bool,
    has_bitmap: bool,
    idx: OnceCell<Idx<S>>,
    data: OnceCell<CachedFile<S>>,
    rev: OnceCell<Rev<S>>,
    bitmaps: OnceCell<Option<Bitmaps<S>>>,
}

/// The head of one entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) kind: EntryKind,
    /// Bytes the entry inflates to: of the object, or of the delta.
    pub(crate) size: u64,
    /// Where in the pack its zlib stream begins.
    pub(crate) data_offset: u64,
}

/// What an entry holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum EntryKind {
    /// An object.
    Whole(Kind),
    /// A delta against the entry at this offset, which is before this one.
    OfsDelta(u64),
    /// A delta against this object.
    RefDelta(Oid),
}

impl<S: Storage> Pack<S> {
    pub(super) fn new(stem: String, modified: u64, has_rev: bool, has_bitmap: bool) -> Self {
        let (idx, data) = (OnceCell::new(), OnceCell::new());
        let (rev, bitmaps) = (OnceCell::new(), OnceCell::new());
        Self { stem, modified, has_rev, has_bitmap, idx, data, rev, bitmaps }
    }

    /// The path without its ending.
    pub(super) fn stem(&self) -> &str {
        &self.stem
    }

    /// The file's name without its ending.
    pub(super) fn name(&self) -> &str {
        self.stem.rsplit_once('/').map_or(&self.stem, |(_, name)| name)
    }

    /// When the pack was modified last, before it was listed.
    pub(super) fn modified(&self) -> u64 {
        self.modified
    }

    /// Its index.
    pub(crate) async fn idx(&self, odb: &Odb<S>) -> Result<&Idx<S>> {
        if self.idx.get().is_none() {
            let file = odb.engine.open_file(&format!("{}.idx", self.stem)).await?;
            let idx = Idx::open(file, odb.format).await?;
            odb.engine.open_packs.update(|packs| packs + 1);
            _ = self.idx.set(idx);
        }
        self.idx.get().ok_or_else(|| Error::corrupt("a pack index"))
    }

    /// Its bytes.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the index is not that of this pack.
    pub(crate) async fn data(&self, odb: &Odb<S>) -> Result<&CachedFile<S>> {
        if self.data.get().is_none() {
            let bad = || Error::corrupt("a pack that does not fit its index");
            let idx = self.idx(odb).await?;
            let data = odb.engine.open_file(&format!("{}.pack", self.stem)).await?;
            let mut head = [0; HEADER_LEN as usize];
            data.read_exact(0, &mut head).await?;
            let [b'P', b'A', b'C', b'K', 0, 0, 0, 2 | 3, count @ ..] = head else {
                return Err(bad());
            };
            let trailer = odb.format.oid_len() as u64;
            if u32::from_be_bytes(count) != idx.count() || data.size() < HEADER_LEN + trailer {
                return Err(bad());
            }
            let checksum = read_oid(&data, data.size() - trailer, odb.format).await?;
            if checksum != idx.pack_checksum().await? {
                return Err(bad());
            }
            _ = self.data.set(data);
        }
        self.data.get().ok_or_else(|| Error::corrupt("a pack"))
    }

    /// Its entries in the order of the pack.
    pub(crate) async fn rev(&self, odb: &Odb<S>) -> Result<&Rev<S>> {
        if self.rev.get().is_none() {
            let stem = self.has_rev.then_some(self.stem.as_str());
            let rev = Rev::open(odb, stem, self.idx(odb).await?).await?;
            _ = self.rev.set(rev);
        }
        self.rev.get().ok_or_else(|| Error::corrupt("a reverse index"))
    }

    /// Its reachability bitmaps, if it has any.
    pub(crate) async fn bitmaps(&self, odb: &Odb<S>) -> Result<Option<&Bitmaps<S>>> {
        if !self.has_bitmap {
            return Ok(None);
        }
        if self.bitmaps.get().is_none() {
            let idx = self.idx(odb).await?;
            let (path, of) = (format!("{}.bitmap", self.stem), idx.pack_checksum().await?);
            let bitmaps = Bitmaps::open(odb, &path, idx.count(), of).await?;
            _ = self.bitmaps.set(bitmaps);
        }
        Ok(self.bitmaps.get().and_then(Option::as_ref))
    }

    /// Where the entries end and the trailer begins.
    pub(crate) async fn end(&self, odb: &Odb<S>) -> Result<u64> {
        Ok(self.data(odb).await?.size() - odb.format.oid_len() as u64)
    }

    /// The head of the entry at `offset`.
    pub(crate) async fn entry(&self, odb: &Odb<S>, offset: u64) -> Result<Entry> {
        let data = self.data(odb).await?;
        if offset < HEADER_LEN || offset >= self.end(odb).await? {
            return Err(Error::corrupt("an offset outside of its pack"));
        }
        let (block, within) = data.block_at(offset).await?;
        let mut copy = [0; MAX_ENTRY_HEADER];
        let head = match block[within..].get(..MAX_ENTRY_HEADER) {
            Some(head) => head,
            // The trailer keeps even the shortest entry away from the end of the file.
            None => {
                let length = (data.size() - offset).min(MAX_ENTRY_HEADER as u64) as usize;
                data.read_exact(offset, &mut copy[..length]).await?;
                &copy[..length]
            }
        };
        parse(head, offset, odb.format.oid_len())
            .ok_or_else(|| Error::corrupt("the head of a pack entry"))
    }
}

/// Bytes the head of an entry has at most: 10 for the size, 32 for the base.
const MAX_ENTRY_HEADER: usize = 42;

fn parse(head: &[u8], offset: u64, oid_len: usize) -> Option<Entry> {
    let (first, mut rest) = head.split_first()?;
    let mut size = u64::from(first & 0x0f);
    let mut shift = 4;
    let mut byte = *first;
    while byte & 0x80 != 0 {
        (byte, rest) = rest.split_first().map(|(byte, rest)| (*byte, rest))?;
        if shift > 56 {
            return None;
        }
        size |= u64::from(byte & 0x7f) << shift;
        shift += 7;
    }
    let kind = match first >> 4 & 7 {
        6 => {
            let (distance, after) = ofs_distance(rest)?;
            rest = after;
            let base = offset.checked_sub(distance).filter(|base| *base >= HEADER_LEN)?;
            if base == offset {
                return None;
            }
            EntryKind::OfsDelta(base)
        }
        7 => {
            let (oid, after) = rest.split_at_checked(oid_len)?;
            rest = after;
            EntryKind::RefDelta(Oid::from_bytes(oid)?)
        }
        number => EntryKind::Whole(Kind::from_pack_type(number)?),
    };
    Some(Entry { kind, size, data_offset: offset + (head.len() - rest.len()) as u64 })
}

fn ofs_distance(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (byte, mut rest) = bytes.split_first()?;
    let mut value = u64::from(byte & 0x7f);
    let mut byte = *byte;
    while byte & 0x80 != 0 {
        (byte, rest) = rest.split_first().map(|(byte, rest)| (*byte, rest))?;
        value = value.checked_add(1)?.checked_mul(128)? + u64::from(byte & 0x7f);
    }
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_each_kind_are_read() {
        let entry = parse(&[0xb5, 0x01, 0x78], 100, 20).expect("an entry");
        assert!(matches!(entry.kind, EntryKind::Whole(Kind::Blob)));
        assert_eq!((entry.size, entry.data_offset), (0x15, 102));
        let entry = parse(&[0x63, 0x80, 0x01], 1000, 20).expect("an entry");
        assert!(matches!(entry.kind, EntryKind::OfsDelta(871)), "{entry:?}");
    }

    #[test]
    fn hostile_heads_are_refused() {
        assert!(parse(&[0x63, 0x00], 1000, 20).is_none(), "its own base");
        assert!(parse(&[0x63, 0x7f], 20, 20).is_none(), "before the first entry");
        assert!(parse(&[0x73, 1, 2], 100, 20).is_none(), "half an oid");
        assert!(parse(&[0xff; 42], 100, 20).is_none(), "a size of more than 64 bits");
        assert!(parse(&[0x53], 100, 20).is_none(), "type 5");
        assert!(parse(&[0x03], 100, 20).is_none(), "type 0");
    }
}
