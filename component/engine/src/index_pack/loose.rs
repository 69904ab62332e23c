//! Objects of small packs become loose ones.
//!
//! Spec: gitformat-loose(5)
//!
//! An object that the repository has already is written all the same: the new file keeps it alive
//! if a `git gc` is about to remove the old one.

use std::collections::HashSet;
use std::rc::Rc;

use gitwasi_wire::Oid;

use super::blocks::Pieces;
use super::object_hasher::loose_header;
use crate::object::Kind;
use crate::pack_writer::Deflater;
use crate::quarantine::Quarantine;
use crate::storage::{StorageWriter as _, WriteStorage};
use crate::working_memory::{Leased, Share};
use crate::{Engine, Result};

/// What git deflates loose objects with.
const LEVEL: u32 = 1;
/// Bytes that are written at once.
const WRITE_SIZE: usize = 256 << 10;
/// Files that wait to be flushed: flushing many at once costs little more than flushing one.
const UNFLUSHED: usize = 64;

/// Writes loose objects into a quarantine, into its memory as far as they fit.
pub(super) struct LooseWriter<'r, S: WriteStorage> {
    engine: &'r Engine<S>,
    quarantine: &'r Quarantine,
    written: Leased<HashSet<Oid>>,
    deflater: Deflater,
    unflushed: Vec<S::Writer>,
}

/// One that is being written.
struct Writing<W> {
    oid: Oid,
    /// None as long as it is small.
    file: Option<W>,
    written: u64,
    pending: Vec<u8>,
}

impl<'r, S: WriteStorage> LooseWriter<'r, S> {
    pub(super) fn new(
        engine: &'r Engine<S>,
        quarantine: &'r Quarantine,
        memory: &Rc<Share>,
    ) -> Self {
        let deflater = Deflater::with_level(LEVEL);
        let written = Leased::<HashSet<_>>::new(memory);
        Self { engine, quarantine, written, deflater, unflushed: Vec::new() }
    }

    /// Writes an object that is in memory.
    pub(super) async fn write(&mut self, kind: Kind, oid: &Oid, content: &[u8]) -> Result<()> {
        let Some(mut writing) = self.begin(kind, oid, content.len() as u64).await? else {
            return Ok(());
        };
        for piece in content.chunks(64 << 10) {
            self.put(&mut writing, piece).await?;
        }
        self.end(writing).await
    }

    /// Writes an object that comes in pieces.
    pub(super) async fn copy(
        &mut self,
        kind: Kind,
        oid: &Oid,
        size: u64,
        pieces: &mut impl Pieces,
    ) -> Result<()> {
        let Some(mut writing) = self.begin(kind, oid, size).await? else { return Ok(()) };
        loop {
            let piece = pieces.next().await?;
            if piece.is_empty() {
                return self.end(writing).await;
            }
            self.put(&mut writing, &piece).await?;
        }
    }

    /// Makes all that was written durable.
    pub(super) async fn flush(&mut self) -> Result<()> {
        for file in self.unflushed.drain(..) {
            file.sync().await?;
        }
        Ok(())
    }

    /// `None` if it was written before: an object may be in a pack twice.
    async fn begin(
        &mut self,
        kind: Kind,
        oid: &Oid,
        size: u64,
    ) -> Result<Option<Writing<S::Writer>>> {
        if !self.written.insert(*oid)? {
            return Ok(None);
        }
        self.deflater.reset();
        let mut writing = Writing { oid: *oid, file: None, written: 0, pending: Vec::new() };
        self.put(&mut writing, loose_header(kind, size).as_bytes()).await?;
        Ok(Some(writing))
    }

    async fn put(&mut self, writing: &mut Writing<S::Writer>, piece: &[u8]) -> Result<()> {
        writing.pending.extend_from_slice(self.deflater.deflate(piece, false)?);
        self.engine.worked(piece.len() as u64 / 64 + 1).await;
        if writing.pending.len() >= WRITE_SIZE { self.flush_one(writing).await } else { Ok(()) }
    }

    async fn end(&mut self, mut writing: Writing<S::Writer>) -> Result<()> {
        writing.pending.extend_from_slice(self.deflater.deflate(&[], true)?);
        if writing.file.is_none() {
            let file = std::mem::take(&mut writing.pending);
            match self.quarantine.held().add(&writing.oid, file) {
                Ok(()) => return Ok(()),
                Err(file) => writing.pending = file,
            }
        }
        self.flush_one(&mut writing).await?;
        self.unflushed.extend(writing.file);
        if self.unflushed.len() >= UNFLUSHED { self.flush().await } else { Ok(()) }
    }

    /// Writes what is pending into the object's file.
    async fn flush_one(&self, writing: &mut Writing<S::Writer>) -> Result<()> {
        let file = match &writing.file {
            Some(file) => file,
            None => {
                let (storage, hex) = (&self.engine.storage, writing.oid.to_string());
                let (fan_out, rest) = hex.split_at(2);
                self.quarantine.make(storage, fan_out).await?;
                let path = format!("{}/{fan_out}/{rest}", self.quarantine.path());
                writing.file.insert(storage.create_new(&path).await?)
            }
        };
        let bytes = std::mem::take(&mut writing.pending);
        let length = bytes.len() as u64;
        file.write_at(writing.written, bytes).await?;
        writing.written += length;
        Ok(())
    }
}
