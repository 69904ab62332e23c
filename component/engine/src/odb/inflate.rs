//! zlib streams out of files.

use std::cell::RefCell;
use std::rc::Rc;

use flate2::{Decompress, FlushDecompress, Status};

use crate::storage::{CachedFile, Storage};
use crate::working_memory::{Leased, Share};
use crate::{Error, Result};

/// Bytes a result grows by, however large it claims to become.
const MAX_RESERVE: u64 = 1 << 20;

/// Inflaters that are not in use: making one costs more than inflating a small object.
#[derive(Debug, Default)]
pub(crate) struct InflatePool(RefCell<Vec<Decompress>>);

/// What one call to [`InflatePool::step`] came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    /// Bytes of the input that were used.
    pub(crate) consumed: usize,
    /// Whether the stream, checksum included, is at its end.
    pub(crate) ended: bool,
}

impl InflatePool {
    /// An inflater at the start of a stream.
    pub(crate) fn take(&self) -> Decompress {
        self.0.borrow_mut().pop().map_or_else(
            || Decompress::new(true),
            |mut inflater| {
                inflater.reset(true);
                inflater
            },
        )
    }

    pub(crate) fn put_back(&self, inflater: Decompress) {
        let mut pool = self.0.borrow_mut();
        if pool.len() < 8 {
            pool.push(inflater);
        }
    }

    /// Inflates as much of `input` as fits into the spare capacity of `out`.
    pub(crate) fn step(
        inflater: &mut Decompress,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Progress> {
        let (before, length) = (inflater.total_in(), out.len());
        let status = inflater
            .decompress_vec(input, out, FlushDecompress::None)
            .map_err(|_| Error::corrupt("a zlib stream"))?;
        let consumed = (inflater.total_in() - before) as usize;
        let ended = status == Status::StreamEnd;
        if consumed == 0 && out.len() == length && !ended {
            return Err(Error::corrupt("a zlib stream that does not end"));
        }
        Ok(Progress { consumed, ended })
    }

    /// Inflates the stream at `offset` of `file`, which shall have exactly `size` bytes.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for any other size, [`Error::LimitExceeded`] above `limit`.
    pub(crate) async fn inflate<S: Storage>(
        &self,
        file: &CachedFile<S>,
        mut offset: u64,
        size: u64,
        limit: u64,
        memory: &Rc<Share>,
    ) -> Result<Leased<Vec<u8>>> {
        if size > limit {
            return Err(Error::LimitExceeded("object_size"));
        }
        let mut out = Leased::<Vec<u8>>::new(memory);
        let mut inflater = self.take();
        loop {
            let (block, within) = file.block_at(offset).await?;
            if out.len() == out.capacity() {
                // One byte more than it should have, to notice that it has.
                out.reserve_exact((size + 1 - out.len() as u64).min(MAX_RESERVE) as usize)?;
            }
            let progress = Self::step(&mut inflater, &block[within..], &mut out)?;
            offset += progress.consumed as u64;
            if out.len() as u64 > size {
                return Err(Error::corrupt("an object larger than it says"));
            }
            if progress.ended {
                break;
            }
        }
        self.put_back(inflater);
        if out.len() as u64 == size {
            Ok(out)
        } else {
            Err(Error::corrupt("an object smaller than it says"))
        }
    }

    /// Inflates the first bytes of a stream, at most `length` of them.
    pub(crate) async fn inflate_head<S: Storage>(
        &self,
        file: &CachedFile<S>,
        mut offset: u64,
        length: usize,
    ) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(length);
        let mut inflater = self.take();
        while out.len() < length.min(out.capacity()) {
            let (block, within) = file.block_at(offset).await?;
            let progress = Self::step(&mut inflater, &block[within..], &mut out)?;
            offset += progress.consumed as u64;
            if progress.ended {
                break;
            }
        }
        self.put_back(inflater);
        Ok(out)
    }
}
