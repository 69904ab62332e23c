//! Deltas that are applied as they are inflated, to bases that need not be in memory.
//!
//! Spec: gitformat-pack(5), "Deltified representation"

use super::blocks::{Blocks, Pieces};
use super::object_hasher::ObjectHasher;
use super::resolve::Held;
use super::spill::Spilling;
use crate::odb::{copy_instruction, delta_sizes};
use crate::storage::WriteStorage;
use crate::{Engine, Error, Result};

/// A delta whose sizes were read.
pub(super) struct DeltaStream<P> {
    pieces: P,
    buffer: Vec<u8>,
    at: usize,
    /// Bytes of the base.
    pub(super) base: u64,
    /// Bytes of the result.
    pub(super) result: u64,
}

/// What becomes of the result.
pub(super) struct Out<'e, S: WriteStorage> {
    pub(super) hasher: ObjectHasher,
    pub(super) memory: Option<Vec<u8>>,
    pub(super) file: Option<Spilling<'e, S>>,
}

/// Bytes of an instruction before what it inserts.
const MAX_INSTRUCTION: usize = 8;
/// Bytes that the two sizes have at most.
const MAX_SIZES: usize = 20;

impl<P: Pieces> DeltaStream<P> {
    /// Reads the sizes.
    pub(super) async fn open(pieces: P) -> Result<Self> {
        let mut stream = Self { pieces, buffer: Vec::new(), at: 0, base: 0, result: 0 };
        stream.need(MAX_SIZES).await?;
        let sizes = delta_sizes(&stream.buffer).ok_or_else(bad)?;
        let at = stream.buffer.len() - sizes.instructions.len();
        (stream.base, stream.result, stream.at) = (sizes.base, sizes.result, at);
        Ok(stream)
    }

    /// Applies it.
    ///
    /// # Errors
    /// [`Error::Corrupt`] unless every instruction lies within the base, and the result has the
    /// size that it should have.
    pub(super) async fn apply<S: WriteStorage>(
        mut self,
        engine: &Engine<S>,
        base: &Held<S>,
        out: &mut Out<'_, S>,
    ) -> Result<()> {
        let mut left = self.result;
        loop {
            self.need(MAX_INSTRUCTION).await?;
            let Some((code, rest)) = self.buffer[self.at..].split_first() else { break };
            if code & 0x80 != 0 {
                let (offset, length, after) = copy_instruction(*code, rest).ok_or_else(bad)?;
                self.at = self.buffer.len() - after.len();
                left = left.checked_sub(length as u64).ok_or_else(bad)?;
                let end = offset as u64 + length as u64;
                if end > self.base {
                    return Err(bad());
                }
                copy(base, offset as u64, end, out).await?;
                engine.worked(length as u64 / 256 + 1).await;
            } else {
                let length = usize::from(*code);
                self.at += 1;
                self.need(length).await?;
                let literal = self.buffer.get(self.at..self.at + length).ok_or_else(bad)?;
                left = left.checked_sub(length as u64).filter(|_| length > 0).ok_or_else(bad)?;
                out.put(literal).await?;
                self.at += length;
                engine.worked(1).await;
            }
        }
        if left == 0 { Ok(()) } else { Err(bad()) }
    }

    /// Sees to it that there are so many bytes, or all that are left.
    async fn need(&mut self, length: usize) -> Result<()> {
        while self.buffer.len() - self.at < length {
            let piece = self.pieces.next().await?;
            if piece.is_empty() {
                break;
            }
            self.buffer.drain(..self.at);
            self.at = 0;
            self.buffer.extend_from_slice(&piece);
        }
        Ok(())
    }
}

async fn copy<S: WriteStorage>(
    base: &Held<S>,
    mut offset: u64,
    end: u64,
    out: &mut Out<'_, S>,
) -> Result<()> {
    match base {
        Held::Memory(content) => {
            out.put(content.get(offset as usize..end as usize).ok_or_else(bad)?).await
        }
        Held::File(file) => {
            while offset < end {
                let (block, within) = file.block_at(offset).await?;
                let length = (block.len() - within).min((end - offset) as usize);
                out.put(&block[within..within + length]).await?;
                offset += length as u64;
            }
            Ok(())
        }
        Held::Elsewhere => Err(bad()),
    }
}

impl<S: WriteStorage> Out<'_, S> {
    async fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        if let Some(memory) = &mut self.memory {
            memory.extend_from_slice(bytes);
        }
        match &mut self.file {
            Some(file) => file.put(bytes).await,
            None => Ok(()),
        }
    }
}

fn bad() -> Error {
    Error::corrupt("a delta")
}
