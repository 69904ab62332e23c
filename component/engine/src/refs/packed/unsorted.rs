//! A `packed-refs` without the `sorted` trait, put in order in memory.
//!
//! Git wrote such files until 2.15, and other implementations still do.

use std::rc::Rc;

use super::record::{self, Parsed};
use super::{MAX_RECORD, bad};
use crate::storage::{CachedFile, Storage};
use crate::working_memory::{Leased, Share};
use crate::{Error, Result};

/// The lines of `file` from `start` on, each ref's together, in the order of names. Of refs of
/// one name the last counts.
///
/// # Limits
/// `limit` bytes of the file, [`crate::Limits::unsorted_refs`].
pub(super) async fn sort<S: Storage>(
    file: &CachedFile<S>,
    start: u64,
    hex_len: usize,
    limit: u64,
    memory: &Rc<Share>,
) -> Result<Leased<Vec<u8>>> {
    let size = file.size() - start;
    if size > limit {
        return Err(Error::LimitExceeded("unsorted_refs"));
    }
    let mut lines = Leased::<Vec<u8>>::new(memory);
    lines.reserve_exact(size as usize)?;
    while (lines.len() as u64) < size {
        let (block, within) = file.block_at(start + lines.len() as u64).await?;
        lines.extend_from_slice(&block[within..])?;
    }
    let mut records = Leased::<Vec<_>>::new(memory);
    let mut rest = lines.as_slice();
    while !rest.is_empty() {
        match record::parse(rest, hex_len, true) {
            Parsed::Record(record) if record.length <= MAX_RECORD => {
                let (lines, after) = rest.split_at(record.length);
                records.push((record.name, lines))?;
                rest = after;
            }
            _ => return Err(bad()),
        }
    }
    if records.is_sorted_by(|a, b| a.0 < b.0) {
        drop(records);
        return Ok(lines);
    }
    // Stable, so that of equals the last can be told.
    records.sort_by(|a, b| a.0.cmp(b.0));
    let mut sorted = Leased::<Vec<u8>>::new(memory);
    sorted.reserve_exact(lines.len())?;
    for (number, (name, lines)) in records.iter().enumerate() {
        if records.get(number + 1).is_none_or(|(next, _)| next != name) {
            sorted.extend_from_slice(lines)?;
        }
    }
    Ok(sorted)
}
