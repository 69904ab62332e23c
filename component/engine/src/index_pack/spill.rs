//! Blobs that deltas build on and that are too large to be held: each a file of the quarantine
//! for as long as it is needed.

use std::rc::Rc;

use super::blocks::{Blocks, PIECE, Pieces};
use crate::storage::{CachedFile, StorageWriter as _, WriteStorage};
use crate::{Engine, Result};

/// Bytes that are written at once.
const WRITE_SIZE: usize = 256 << 10;

/// A blob in a file.
#[derive(Debug)]
pub(super) struct Spilled<S: WriteStorage> {
    file: CachedFile<S>,
    path: String,
}

/// One that is being written.
pub(super) struct Spilling<'e, S: WriteStorage> {
    engine: &'e Engine<S>,
    path: String,
    file: S::Writer,
    written: u64,
    pending: Vec<u8>,
}

impl<'e, S: WriteStorage> Spilling<'e, S> {
    /// Begins the file at `path`.
    pub(super) async fn create(engine: &'e Engine<S>, path: String) -> Result<Self> {
        let file = engine.storage.create_new(&path).await?;
        Ok(Self { engine, path, file, written: 0, pending: Vec::new() })
    }

    pub(super) async fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() < WRITE_SIZE { Ok(()) } else { self.flush().await }
    }

    /// All that is left of `pieces`.
    pub(super) async fn put_all(&mut self, pieces: &mut impl Pieces) -> Result<()> {
        loop {
            let piece = pieces.next().await?;
            if piece.is_empty() {
                return Ok(());
            }
            self.put(&piece).await?;
            self.engine.worked(piece.len() as u64 / 256 + 1).await;
        }
    }

    async fn flush(&mut self) -> Result<()> {
        let bytes = std::mem::take(&mut self.pending);
        let length = bytes.len() as u64;
        self.file.write_at(self.written, bytes).await?;
        self.written += length;
        Ok(())
    }

    /// It is whole, and can be read.
    pub(super) async fn finish(mut self) -> Result<Spilled<S>> {
        self.flush().await?;
        let file = self.engine.open_file(&self.path).await?;
        Ok(Spilled { file, path: self.path })
    }
}

impl<S: WriteStorage> Spilled<S> {
    /// Bytes of the blob.
    pub(super) fn size(&self) -> u64 {
        self.file.size()
    }

    /// The content.
    pub(super) fn pieces(&self) -> FilePieces<'_, S> {
        FilePieces { file: &self.file, offset: 0 }
    }

    /// Removes the file.
    pub(super) async fn remove(self, engine: &Engine<S>) -> Result<()> {
        Ok(engine.storage.remove_file(&self.path).await?)
    }
}

impl<S: WriteStorage> Blocks for Spilled<S> {
    async fn block_at(&self, offset: u64) -> Result<(Rc<Vec<u8>>, usize)> {
        self.file.block_at(offset).await
    }
}

/// The content of such a blob, piece by piece.
#[derive(Debug)]
pub(super) struct FilePieces<'a, S: WriteStorage> {
    file: &'a CachedFile<S>,
    offset: u64,
}

impl<S: WriteStorage> Pieces for FilePieces<'_, S> {
    async fn next(&mut self) -> Result<Vec<u8>> {
        if self.offset == self.file.size() {
            return Ok(Vec::new());
        }
        let (block, within) = self.file.block_at(self.offset).await?;
        let piece = block[within..].iter().take(PIECE).copied().collect::<Vec<_>>();
        self.offset += piece.len() as u64;
        Ok(piece)
    }
}
