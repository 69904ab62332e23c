//! Which parts of which `packed-refs` were checked, and need not be checked again.

use std::collections::HashMap;

use crate::storage::BLOCK_SIZE;

/// By file and block, the offset from which on all refs that begin in the block are as git
/// writes them: valid names, lower-case digits.
#[derive(Debug, Default)]
pub(crate) struct SoundRefs(HashMap<(u64, u64), u64>);

/// Blocks remembered at most, 256 MiB of refs; past that all are forgotten, which only costs time.
const MAX_BLOCKS: usize = 4096;

impl SoundRefs {
    pub(super) fn is_sound(&self, file: u64, offset: u64) -> bool {
        let from = self.0.get(&(file, offset / BLOCK_SIZE as u64));
        from.is_some_and(|from| *from <= offset)
    }

    pub(super) fn note(&mut self, file: u64, offset: u64) {
        if self.0.len() >= MAX_BLOCKS {
            self.0.clear();
        }
        let from = self.0.entry((file, offset / BLOCK_SIZE as u64)).or_insert(offset);
        *from = offset.min(*from);
    }
}
