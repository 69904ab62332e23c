//! Which commits have bitmaps, and where.
//!
//! From the file's lookup table where git wrote one, else by going through all entries once.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::{bad, ewah};
use crate::odb::Odb;
use crate::storage::{CachedFile, Storage};
use crate::working_memory::Leased;
use crate::{Error, Result};

/// The entries of a bitmap file.
#[derive(Debug)]
pub(super) enum Table {
    /// In the order of the file, and by the commit's index position: 40 bytes each.
    Listed(Leased<Vec<Entry>>, Leased<HashMap<u32, u32>>),
    /// Rows on disk, in the order of index positions.
    Lookup {
        /// Where the first row begins.
        at: u64,
        /// Number of rows.
        count: u32,
    },
}

/// One entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Where its bitmap begins.
    pub(super) bitmap: u64,
    /// The number of the entry that it is the difference to.
    pub(super) base: Option<u32>,
}

/// Bytes of an entry before its bitmap.
const HEAD: u64 = 6;

/// Bytes of a row: index position, offset of the entry, row of the base.
const ROW: u64 = 16;

const NO_BASE: u32 = u32::MAX;

impl Table {
    /// Goes through the entries from `offset` on.
    pub(super) async fn list<S: Storage>(
        odb: &Odb<S>,
        file: &CachedFile<S>,
        mut offset: u64,
        count: u32,
    ) -> Result<Self> {
        let mut entries = Leased::<Vec<_>>::new(&odb.memory);
        let mut by_pos = Leased::<HashMap<_, _>>::new(&odb.memory);
        // No entry is shorter than 18 bytes: the file's size bounds what is kept.
        for number in 0..count {
            let pos = file.u32_at(offset).await?;
            let mut rest = [0; 2];
            file.read_exact(offset + 4, &mut rest).await?;
            let base = match u32::from(rest[0]) {
                0 => None,
                back => Some(number.checked_sub(back).ok_or_else(bad)?),
            };
            by_pos.insert(pos, number)?;
            entries.push(Entry { bitmap: offset + HEAD, base })?;
            offset = ewah::skip(file, offset + HEAD).await?;
            odb.engine.worked(1).await;
        }
        odb.engine.keep(entries.len() * 40);
        Ok(Self::Listed(entries, by_pos))
    }

    /// The rows of a lookup table that ends at `end`, behind entries from `start` on.
    pub(super) fn lookup(start: u64, end: u64, count: u32) -> Result<Self> {
        let at = end.checked_sub(ROW * u64::from(count)).filter(|at| *at >= start);
        Ok(Self::Lookup { at: at.ok_or_else(bad)?, count })
    }

    pub(super) fn count(&self) -> u32 {
        match self {
            Self::Listed(entries, _) => entries.len() as u32,
            Self::Lookup { count, .. } => *count,
        }
    }

    /// The number of the entry of the commit at an index position.
    pub(super) async fn find<S: Storage>(
        &self,
        file: &CachedFile<S>,
        pos: u32,
    ) -> Result<Option<u32>> {
        let (at, count) = match self {
            Self::Listed(_, by_pos) => return Ok(by_pos.get(&pos).copied()),
            Self::Lookup { at, count } => (*at, *count),
        };
        let mut rows = 0..count;
        while !rows.is_empty() {
            let middle = rows.start + (rows.end - rows.start) / 2;
            match file.u32_at(at + ROW * u64::from(middle)).await?.cmp(&pos) {
                Ordering::Less => rows.start = middle + 1,
                Ordering::Greater => rows.end = middle,
                Ordering::Equal => return Ok(Some(middle)),
            }
        }
        Ok(None)
    }

    pub(super) async fn entry<S: Storage>(
        &self,
        file: &CachedFile<S>,
        number: u32,
    ) -> Result<Entry> {
        match self {
            Self::Listed(entries, _) => entries.get(number as usize).copied().ok_or_else(bad),
            Self::Lookup { at, count } if number < *count => {
                let row = at + ROW * u64::from(number);
                let bitmap = file.u64_at(row + 4).await?.checked_add(HEAD);
                let bitmap = bitmap.filter(|bitmap| *bitmap < file.size()).ok_or_else(bad)?;
                let base = file.u32_at(row + 12).await?;
                Ok(Entry { bitmap, base: (base != NO_BASE).then_some(base) })
            }
            Self::Lookup { .. } => Err(Error::corrupt("a bitmap's lookup table")),
        }
    }
}
