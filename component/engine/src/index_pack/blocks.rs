//! zlib streams out of what is read by position.

use std::rc::Rc;

use flate2::Decompress;

use super::entry::{self, Head};
use crate::odb::InflatePool;
use crate::storage::{CachedFile, Storage};
use crate::working_memory::{Leased, Share};
use crate::{Error, Result};

/// Bytes a result grows by, however large it claims to become.
const MAX_RESERVE: u64 = 1 << 20;
/// Bytes of a piece of a stream.
pub(super) const PIECE: usize = 64 << 10;

/// Bytes by position.
pub(super) trait Blocks {
    /// The block that holds the byte at `offset`, and that byte's place in it.
    async fn block_at(&self, offset: u64) -> Result<(Rc<Vec<u8>>, usize)>;

    /// The head of the pack entry at `offset`.
    async fn head(&self, offset: u64, oid_len: usize) -> Result<Head> {
        let bad = || Error::corrupt("the head of a pack entry");
        let (block, within) = self.block_at(offset).await?;
        match entry::parse(&block[within..], offset, oid_len) {
            Ok(head) => return Ok(head),
            Err(entry::Fault::Incomplete) => {}
            Err(entry::Fault::Bad(_)) => return Err(bad()),
        }
        let mut bytes = block[within..].to_vec();
        while bytes.len() < entry::MAX_LEN {
            let Ok((block, within)) = self.block_at(offset + bytes.len() as u64).await else {
                break;
            };
            let length = (entry::MAX_LEN - bytes.len()).min(block.len() - within);
            bytes.extend_from_slice(&block[within..within + length]);
        }
        entry::parse(&bytes, offset, oid_len).map_err(|_| bad())
    }
}

impl<S: Storage> Blocks for CachedFile<S> {
    async fn block_at(&self, offset: u64) -> Result<(Rc<Vec<u8>>, usize)> {
        CachedFile::block_at(self, offset).await
    }
}

/// Content, piece by piece.
pub(super) trait Pieces {
    /// The next bytes; none at the end.
    async fn next(&mut self) -> Result<Vec<u8>>;
}

/// The stream at `offset`, whole.
///
/// # Errors
/// [`Error::Corrupt`] unless it has exactly `size` bytes, [`Error::LimitExceeded`] above `limit`.
pub(super) async fn inflate<B: Blocks>(
    blocks: &B,
    pool: &InflatePool,
    mut offset: u64,
    size: u64,
    limit: u64,
    memory: &Rc<Share>,
) -> Result<Leased<Vec<u8>>> {
    if size > limit {
        return Err(Error::LimitExceeded("object_size"));
    }
    let mut out = Leased::<Vec<u8>>::new(memory);
    let mut inflater = pool.take();
    loop {
        let (block, within) = blocks.block_at(offset).await?;
        if out.len() == out.capacity() {
            // One byte more than it should have, to notice that it has.
            out.reserve_exact((size + 1 - out.len() as u64).min(MAX_RESERVE) as usize)?;
        }
        let progress = InflatePool::step(&mut inflater, &block[within..], &mut out)?;
        offset += progress.consumed as u64;
        if out.len() as u64 > size {
            return Err(Error::corrupt("an object larger than it says"));
        }
        if progress.ended {
            break;
        }
    }
    pool.put_back(inflater);
    if out.len() as u64 == size {
        Ok(out)
    } else {
        Err(Error::corrupt("an object smaller than it says"))
    }
}

/// A stream, piece by piece.
#[derive(Debug)]
pub(super) struct Inflating<'a, B> {
    blocks: &'a B,
    offset: u64,
    inflater: Decompress,
    ended: bool,
}

impl<'a, B: Blocks> Inflating<'a, B> {
    /// The stream at `offset`.
    pub(super) fn new(blocks: &'a B, pool: &InflatePool, offset: u64) -> Self {
        Self { blocks, offset, inflater: pool.take(), ended: false }
    }
}

impl<B: Blocks> Pieces for Inflating<'_, B> {
    async fn next(&mut self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        while out.is_empty() && !self.ended {
            out.reserve_exact(PIECE);
            let (block, within) = self.blocks.block_at(self.offset).await?;
            let progress = InflatePool::step(&mut self.inflater, &block[within..], &mut out)?;
            self.offset += progress.consumed as u64;
            self.ended = progress.ended;
        }
        Ok(out)
    }
}
