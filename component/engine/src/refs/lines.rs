//! Lines of a file, block by block.

use bstr::ByteSlice;

use crate::storage::{CachedFile, Storage};
use crate::{Error, Result};

/// Bytes of a line at most: an oid and the longest name a file system would take, and more.
const MAX_LINE: usize = 8 << 10;

/// Reads a file line by line from some offset.
#[derive(Debug)]
pub(super) struct Lines<'a, S: Storage> {
    file: &'a CachedFile<S>,
    offset: u64,
    line: Vec<u8>,
}

impl<'a, S: Storage> Lines<'a, S> {
    pub(super) fn new(file: &'a CachedFile<S>, offset: u64) -> Self {
        Self { file, offset, line: Vec::new() }
    }

    /// Where the next line begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next line without its line feed; `None` at the end of the file.
    pub(super) async fn next(&mut self) -> Result<Option<&[u8]>> {
        self.line.clear();
        if self.offset >= self.file.size() {
            return Ok(None);
        }
        while self.offset < self.file.size() {
            let (block, within) = self.file.block_at(self.offset).await?;
            let rest = &block[within..];
            let end = rest.find_byte(b'\n');
            let piece = &rest[..end.unwrap_or(rest.len())];
            if self.line.len() + piece.len() > MAX_LINE {
                return Err(Error::corrupt("packed-refs: a line without end"));
            }
            self.line.extend_from_slice(piece);
            self.offset += piece.len() as u64;
            if end.is_some() {
                self.offset += 1;
                break;
            }
        }
        Ok(Some(&self.line))
    }
}
