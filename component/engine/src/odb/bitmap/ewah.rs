//! Compressed bitmaps: runs of equal words, and literal words.
//!
//! Spec: gitformat-bitmap(5), "Appendix A"

use super::bad;
use crate::Result;
use crate::storage::{CachedFile, Storage};

/// Where the bitmap that begins at `offset` ends.
pub(super) async fn skip<S: Storage>(file: &CachedFile<S>, offset: u64) -> Result<u64> {
    let words = file.u32_at(offset + 4).await?;
    Ok(offset + 12 + 8 * u64::from(words))
}

/// Flips the bits in `out` that are set in the bitmap at `offset`, which is of `bits` bits.
pub(super) async fn xor<S: Storage>(
    file: &CachedFile<S>,
    mut offset: u64,
    bits: u32,
    out: &mut [u64],
) -> Result<()> {
    let words = u64::from(file.u32_at(offset + 4).await?);
    offset += 8;
    let end = offset + 8 * words;
    let mut at = 0usize;
    while offset < end {
        let marker = file.u64_at(offset).await?;
        offset += 8;
        let run = (marker >> 1 & 0xffff_ffff) as usize;
        let literals = (marker >> 33) as usize;
        if run > out.len() - at || literals > out.len() - at - run {
            return Err(bad());
        }
        if marker & 1 != 0 {
            for word in &mut out[at..at + run] {
                *word = !*word;
            }
        }
        at += run;
        let mut rest = &mut out[at..at + literals];
        at += literals;
        while !rest.is_empty() {
            let (block, within) = file.block_at(offset).await?;
            let (whole, _) = block[within..].as_chunks::<8>();
            let count = whole.len().min(rest.len());
            if count == 0 {
                // A word across the edge of two blocks.
                rest[0] ^= file.u64_at(offset).await?;
                rest = &mut rest[1..];
                offset += 8;
                continue;
            }
            let (now, later) = rest.split_at_mut(count);
            for (word, bytes) in now.iter_mut().zip(whole) {
                *word ^= u64::from_be_bytes(*bytes);
            }
            rest = later;
            offset += 8 * count as u64;
        }
    }
    // A run of ones may reach beyond the last object.
    if let Some(last) = out.last_mut()
        && !bits.is_multiple_of(64)
    {
        *last &= (1 << (bits % 64)) - 1;
    }
    Ok(())
}
