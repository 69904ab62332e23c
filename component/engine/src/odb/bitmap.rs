//! Reachability bitmaps of packs: what some commits reach, a bit for each object of the pack.
//!
//! Spec: gitformat-bitmap(5)

use std::collections::HashMap;

use super::idx::{Idx, read_oid};
use super::{Odb, Pack};
use crate::storage::{CachedFile, Storage};
use crate::{Error, Result};

/// The bitmaps of one pack. For each of them 24 bytes are kept; the bits are read when asked.
#[derive(Debug)]
pub(crate) struct Bitmaps<S: Storage> {
    file: CachedFile<S>,
    entries: Vec<Entry>,
    by_pos: HashMap<u32, u32>,
    bits: u32,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Where its EWAH bitmap begins.
    offset: u64,
    /// How many entries before it stands the one that it is the difference to; 0 for none.
    xor: u8,
}

const FULL_DAG: u16 = 1;

impl<S: Storage> Bitmaps<S> {
    /// Opens the bitmaps of a pack; `None` if there are none, or none of a version that is known.
    pub(super) async fn open(odb: &Odb<S>, stem: &str, idx: &Idx<S>) -> Result<Option<Self>> {
        let file = match odb.engine.open_file(&format!("{stem}.bitmap")).await {
            Ok(file) => file,
            Err(error) if error.is_absent() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut head = [0; 12];
        file.read_exact(0, &mut head).await?;
        let [b'B', b'I', b'T', b'M', 0, 1, flags @ .., a, b, c, d] = head else { return Ok(None) };
        let checksum = read_oid(&file, 12, odb.format).await?;
        if u16::from_be_bytes(flags) & FULL_DAG == 0 || checksum != idx.pack_checksum().await? {
            return Ok(None);
        }
        let count = u32::from_be_bytes([a, b, c, d]);
        let mut bitmaps =
            Self { file, entries: Vec::new(), by_pos: HashMap::new(), bits: idx.count() };
        let mut offset = 12 + odb.format.oid_len() as u64;
        for _kind in 0..4 {
            offset = bitmaps.skip(offset).await?;
        }
        // No entry is shorter than 18 bytes: the file's size bounds what is kept.
        for number in 0..count {
            let pos = bitmaps.file.u32_at(offset).await?;
            let mut rest = [0; 2];
            bitmaps.file.read_exact(offset + 4, &mut rest).await?;
            if u32::from(rest[0]) > number {
                return Err(Error::corrupt("a bitmap that differs from none"));
            }
            bitmaps.by_pos.insert(pos, number);
            bitmaps.entries.push(Entry { offset: offset + 6, xor: rest[0] });
            offset = bitmaps.skip(offset + 6).await?;
            odb.engine.worked(1).await;
        }
        Ok(Some(bitmaps))
    }

    /// Adds to `bits` what the commit at an index position reaches; false if it has no bitmap.
    ///
    /// Bits are in the order of the pack.
    pub(crate) async fn add(&self, pos: u32, bits: &mut [u64]) -> Result<bool> {
        let Some(number) = self.by_pos.get(&pos) else { return Ok(false) };
        let mut reached = vec![0; bits.len()];
        let mut number = *number;
        loop {
            let entry = self.entries[number as usize];
            self.xor(entry.offset, &mut reached).await?;
            if entry.xor == 0 {
                break;
            }
            number -= u32::from(entry.xor);
        }
        for (bits, reached) in bits.iter_mut().zip(reached) {
            *bits |= reached;
        }
        Ok(true)
    }

    /// Words that hold a bit for each object.
    pub(crate) fn words(&self) -> usize {
        self.bits.div_ceil(64) as usize
    }

    async fn skip(&self, offset: u64) -> Result<u64> {
        let words = self.file.u32_at(offset + 4).await?;
        Ok(offset + 12 + 8 * u64::from(words))
    }

    /// Flips the bits that are set in the EWAH bitmap at `offset`.
    async fn xor(&self, mut offset: u64, out: &mut [u64]) -> Result<()> {
        let bad = || Error::corrupt("a bitmap");
        let words = u64::from(self.file.u32_at(offset + 4).await?);
        offset += 8;
        let end = offset + 8 * words;
        let mut at = 0usize;
        while offset < end {
            let marker = self.file.u64_at(offset).await?;
            offset += 8;
            let run = (marker >> 1 & 0xffff_ffff) as usize;
            let literals = marker >> 33;
            if run > out.len() - at || literals > (out.len() - at - run) as u64 {
                return Err(bad());
            }
            if marker & 1 != 0 {
                for word in &mut out[at..at + run] {
                    *word = !*word;
                }
            }
            at += run;
            for _ in 0..literals {
                out[at] ^= self.file.u64_at(offset).await?;
                offset += 8;
                at += 1;
            }
        }
        // A run of ones may reach beyond the last object.
        if let Some(last) = out.last_mut()
            && !self.bits.is_multiple_of(64)
        {
            *last &= (1 << (self.bits % 64)) - 1;
        }
        Ok(())
    }
}

impl<S: Storage> Odb<S> {
    /// The first pack that has bitmaps, and its number.
    pub(crate) async fn bitmapped_pack(&self) -> Result<Option<(u32, &Pack<S>, &Bitmaps<S>)>> {
        self.list().await?;
        for number in 0..self.pack_count() as u32 {
            let pack = self.pack(number);
            match pack.bitmaps(self).await {
                Ok(Some(bitmaps)) => return Ok(Some((number, pack, bitmaps))),
                Ok(None) => {}
                Err(error) if error.is_absent() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}
