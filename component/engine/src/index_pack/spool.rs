//! The bytes of the pack: in memory while they are few, then in a file of the quarantine.

use std::rc::Rc;

use super::PACK;
use super::blocks::Blocks;
use crate::quarantine::Quarantine;
use crate::storage::{CachedFile, StorageFile as _, StorageWriter as _, WriteStorage};
use crate::{Engine, Error, Result};

/// Bytes that are written at once.
const WRITE_SIZE: usize = 256 << 10;
/// Bytes that are read at once when all is read again.
const READ_SIZE: usize = 256 << 10;

/// A pack that is first written from its start to its end, then read by position.
#[derive(Debug)]
pub(super) struct Spool<'e, S: WriteStorage> {
    engine: &'e Engine<S>,
    quarantine: &'e Quarantine,
    path: String,
    file: Option<S::Writer>,
    /// Bytes that are in the file.
    written: u64,
    /// Bytes after these.
    tail: Vec<u8>,
    sealed: Option<Sealed<S>>,
}

#[derive(Debug)]
enum Sealed<S: WriteStorage> {
    Memory(Rc<Vec<u8>>),
    File(CachedFile<S>),
}

impl<'e, S: WriteStorage> Spool<'e, S> {
    /// An empty one, whose file will be in `quarantine` if it needs one.
    pub(super) fn new(engine: &'e Engine<S>, quarantine: &'e Quarantine) -> Self {
        let path = format!("{}/{PACK}/tmp_pack_incoming", quarantine.path());
        Self { engine, quarantine, path, file: None, written: 0, tail: Vec::new(), sealed: None }
    }

    /// Bytes that were appended.
    pub(super) fn len(&self) -> u64 {
        self.written + self.tail.len() as u64
    }

    pub(super) async fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.tail.extend_from_slice(bytes);
        let enough = if self.file.is_some() { WRITE_SIZE } else { self.engine.limits.spool };
        if self.tail.len() >= enough { self.flush().await } else { Ok(()) }
    }

    /// Puts everything into the file.
    async fn flush(&mut self) -> Result<()> {
        let file = match &self.file {
            Some(file) => file,
            None => {
                self.quarantine.make(&self.engine.storage, PACK).await?;
                self.file.insert(self.engine.storage.create_new(&self.path).await?)
            }
        };
        let bytes = std::mem::replace(&mut self.tail, Vec::with_capacity(WRITE_SIZE));
        let length = bytes.len() as u64;
        file.write_at(self.written, bytes).await?;
        self.written += length;
        Ok(())
    }

    /// What was appended so far can be read from now on.
    pub(super) async fn seal(&mut self) -> Result<()> {
        self.sealed = Some(if self.file.is_some() {
            self.flush().await?;
            Sealed::File(self.engine.open_file(&self.path).await?)
        } else {
            Sealed::Memory(Rc::new(self.tail.clone()))
        });
        Ok(())
    }

    /// Makes it a pack of `count` objects: what its head says, if that changes, and the trailer,
    /// which is `checksum` unless the head changes. Returns the trailer.
    pub(super) async fn finish(
        &mut self,
        count: Option<u32>,
        checksum: Vec<u8>,
        hasher: crate::pack_writer::Hasher,
    ) -> Result<Vec<u8>> {
        self.flush().await?;
        let checksum = match count {
            Some(count) => self.recount(count, hasher).await?,
            None => checksum,
        };
        self.tail.extend_from_slice(&checksum);
        self.flush().await?;
        if let Some(file) = &self.file {
            file.sync().await?;
        }
        Ok(checksum)
    }

    async fn recount(&self, count: u32, mut hasher: crate::pack_writer::Hasher) -> Result<Vec<u8>> {
        let file = self.file.as_ref().ok_or_else(|| Error::corrupt("a pack without a file"))?;
        file.write_at(8, count.to_be_bytes().to_vec()).await?;
        let mut offset = 0;
        while offset < self.written {
            let length = READ_SIZE.min(usize::try_from(self.written - offset).unwrap_or(READ_SIZE));
            let bytes = file.read_at(offset, length).await?;
            if bytes.is_empty() {
                return Err(Error::corrupt("a pack that was cut while it was written"));
            }
            hasher.update(&bytes);
            offset += bytes.len() as u64;
            self.engine.worked(bytes.len() as u64 / 512).await;
        }
        Ok(hasher.finish())
    }

    /// Gives its file another name.
    pub(super) async fn rename(&self, to: &str) -> Result<()> {
        Ok(self.engine.storage.rename(&self.path, to).await?)
    }

    /// Removes its file, if it has one.
    pub(super) async fn remove(&mut self) -> Result<()> {
        if self.file.take().is_some() {
            self.engine.storage.remove_file(&self.path).await?;
        }
        Ok(())
    }
}

impl<S: WriteStorage> Blocks for Spool<'_, S> {
    async fn block_at(&self, offset: u64) -> Result<(Rc<Vec<u8>>, usize)> {
        match &self.sealed {
            Some(Sealed::File(file)) => file.block_at(offset).await,
            Some(Sealed::Memory(bytes)) => {
                let within = usize::try_from(offset).ok().filter(|at| *at < bytes.len());
                let within = within.ok_or_else(|| Error::corrupt("a pack that ends early"))?;
                Ok((Rc::clone(bytes), within))
            }
            None => Err(Error::corrupt("a pack that is read before it is written")),
        }
    }
}
