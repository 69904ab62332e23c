//! A file that is read by position, in blocks, through the instance's cache.

use std::cell::RefCell;
use std::rc::Rc;

use super::{BlockCache, Kind, Storage, StorageError, StorageFile};
use crate::{Error, Result};

/// Bytes of a block: the size at which a positional read is cheapest per byte in a guest.
pub const BLOCK_SIZE: usize = 64 << 10;

/// Bytes of a block of a table that is read here and there: more of them fit into the cache.
pub(crate) const SMALL_BLOCK_SIZE: usize = 16 << 10;

/// An open file whose blocks are cached.
#[derive(Debug)]
pub struct CachedFile<S: Storage> {
    file: S::File,
    id: u64,
    size: u64,
    block_size: usize,
    cache: Rc<BlockCache>,
    /// The block read last: most reads are next to the one before.
    last: RefCell<(u64, Rc<Vec<u8>>)>,
}

impl<S: Storage> CachedFile<S> {
    /// Opens the file at `path`.
    pub async fn open(
        storage: &S,
        cache: &Rc<BlockCache>,
        path: &str,
    ) -> Result<Self, StorageError> {
        let file = storage.open(path).await?;
        let stat = file.stat().await?;
        if stat.kind == Kind::Directory {
            return Err(StorageError::WrongKind);
        }
        let id = cache.file_id(path, &stat);
        let last = RefCell::new((u64::MAX, Rc::default()));
        let (size, block_size) = (stat.size, BLOCK_SIZE);
        Ok(Self { file, id, size, block_size, cache: Rc::clone(cache), last })
    }

    /// Reads blocks of [`SMALL_BLOCK_SIZE`] from now on; for files that are always read so.
    pub(crate) fn in_small_blocks(mut self) -> Self {
        self.block_size = SMALL_BLOCK_SIZE;
        self
    }

    /// Length in bytes when it was opened.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Tells this file from every other in caches.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The block that holds the byte at `offset`, and that byte's place in it.
    ///
    /// # Errors
    /// [`Error::Corrupt`] past the end.
    pub async fn block_at(&self, offset: u64) -> Result<(Rc<Vec<u8>>, usize)> {
        self.block(offset, true).await
    }

    /// As [`Self::block_at`], of much that is read once: it does not stay in the cache.
    pub(crate) async fn passing_block_at(&self, offset: u64) -> Result<(Rc<Vec<u8>>, usize)> {
        self.block(offset, false).await
    }

    async fn block(&self, offset: u64, stays: bool) -> Result<(Rc<Vec<u8>>, usize)> {
        let number = offset / self.block_size as u64;
        let within = (offset % self.block_size as u64) as usize;
        {
            let last = self.last.borrow();
            if last.0 == number && within < last.1.len() {
                return Ok((Rc::clone(&last.1), within));
            }
        }
        let block = match self.cache.block(self.id, number) {
            Some(block) => block,
            None => self.load(number, stays).await?,
        };
        *self.last.borrow_mut() = (number, Rc::clone(&block));
        if within >= block.len() {
            return Err(Error::corrupt("a file ends early"));
        }
        Ok((block, within))
    }

    /// Fills `out` from `offset`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the file ends before `out` is full.
    pub async fn read_exact(&self, mut offset: u64, mut out: &mut [u8]) -> Result<()> {
        while !out.is_empty() {
            let (block, within) = self.block_at(offset).await?;
            let length = out.len().min(block.len() - within);
            out[..length].copy_from_slice(&block[within..within + length]);
            out = &mut out[length..];
            offset += length as u64;
        }
        Ok(())
    }

    /// The big-endian number at `offset`.
    pub async fn u32_at(&self, offset: u64) -> Result<u32> {
        let mut bytes = [0; 4];
        self.read_exact(offset, &mut bytes).await?;
        Ok(u32::from_be_bytes(bytes))
    }

    /// The big-endian number at `offset`.
    pub async fn u64_at(&self, offset: u64) -> Result<u64> {
        let mut bytes = [0; 8];
        self.read_exact(offset, &mut bytes).await?;
        Ok(u64::from_be_bytes(bytes))
    }

    async fn load(&self, number: u64, stays: bool) -> Result<Rc<Vec<u8>>> {
        let offset = number * self.block_size as u64;
        if offset >= self.size {
            return Err(Error::corrupt("a read past the end of a file"));
        }
        let block = Rc::new(self.file.read_at(offset, self.block_size).await?);
        if stays {
            self.cache.insert(self.id, number, Rc::clone(&block));
        }
        Ok(block)
    }
}
