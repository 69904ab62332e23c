//! Reverse indexes: a pack's entries in the order of their offsets.
//!
//! From `.rev` where git wrote one, else sorted once in memory.
//!
//! Spec: gitformat-pack(5), "pack-*.rev files have the format"

use super::Odb;
use super::idx::Idx;
use crate::storage::{CachedFile, Storage};
use crate::working_memory::Leased;
use crate::{Error, Result};

/// The order of a pack's entries: from a place in the pack to a place in its index.
#[derive(Debug)]
pub(crate) enum Rev<S: Storage> {
    /// A `.rev` file.
    File(CachedFile<S>),
    /// Index positions sorted by offset: 4 bytes for each object of the pack.
    Memory(Leased<Vec<u32>>),
}

const HEADER_LEN: u64 = 12;

impl<S: Storage> Rev<S> {
    /// Opens the one next to the pack, if there should be one, else makes it.
    pub(super) async fn open(odb: &Odb<S>, stem: Option<&str>, idx: &Idx<S>) -> Result<Self> {
        let size = HEADER_LEN + 4 * u64::from(idx.count()) + 2 * odb.format.oid_len() as u64;
        if let Some(stem) = stem {
            match odb.engine.open_file(&format!("{stem}.rev")).await {
                Ok(file) if file.size() == size && file.u32_at(0).await? == 0x5249_4458 => {
                    return Ok(Self::File(file));
                }
                Ok(_) => return Err(Error::corrupt("a reverse index")),
                Err(error) if error.is_absent() => {}
                Err(error) => return Err(error.into()),
            }
        }
        // Both in one number, as long as offsets are of 32 bits: the pack's size bounds them.
        let mut narrow = Leased::<Vec<_>>::new(&odb.memory);
        let mut wide = Leased::<Vec<_>>::new(&odb.memory);
        for pos in 0..idx.count() {
            let offset = idx.offset_at(pos).await?;
            match u32::try_from(offset) {
                Ok(offset) => narrow.push(u64::from(offset) << 32 | u64::from(pos))?,
                Err(_) => wide.push((offset, pos))?,
            }
            odb.engine.worked(1).await;
        }
        narrow.sort_unstable();
        wide.sort_unstable();
        let mut order = Leased::<Vec<_>>::new(&odb.memory);
        order.reserve_exact(narrow.len() + wide.len())?;
        order.extend(narrow.iter().map(|both| *both as u32))?;
        order.extend(wide.iter().map(|(_, pos)| *pos))?;
        odb.engine.keep(4 * order.len());
        Ok(Self::Memory(order))
    }

    /// The index position of the entry that is `place`th in the pack.
    pub(crate) async fn pos_at(&self, place: u32) -> Result<u32> {
        match self {
            Self::File(file) => file.u32_at(HEADER_LEN + 4 * u64::from(place)).await,
            Self::Memory(order) => {
                order.get(place as usize).copied().ok_or_else(|| Error::corrupt("a reverse index"))
            }
        }
    }

    /// The place in the pack of the entry at `offset`; `None` if no entry begins there.
    pub(crate) async fn place_of(&self, idx: &Idx<S>, offset: u64) -> Result<Option<u32>> {
        let (mut low, mut high) = (0, idx.count());
        while low < high {
            let middle = low + (high - low) / 2;
            let pos = self.checked_pos(idx, middle).await?;
            match idx.offset_at(pos).await?.cmp(&offset) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(Some(middle)),
            }
        }
        Ok(None)
    }

    /// As [`Self::pos_at`], sure to be a position of `idx`.
    pub(crate) async fn checked_pos(&self, idx: &Idx<S>, place: u32) -> Result<u32> {
        let pos = self.pos_at(place).await?;
        if pos < idx.count() { Ok(pos) } else { Err(Error::corrupt("a reverse index")) }
    }
}
