//! Large blobs that the repository has already, compared without holding either.

use std::rc::Rc;

use gitwasi_wire::Oid;

use super::Observer;
use super::blocks::{Blocks as _, Inflating};
use super::resolve::Resolver;
use super::unpack::collision;
use crate::odb::{EntryKind, Location, LooseReader, Odb};
use crate::storage::{CachedFile, Storage, WriteStorage};
use crate::{Error, Result};

/// The content of an object of the repository, piece by piece.
enum Stored<'a, S: Storage> {
    Loose(LooseReader<S>),
    Whole(Inflating<'a, CachedFile<S>>),
    /// A delta: read at once.
    Memory(Option<Rc<Vec<u8>>>),
}

impl<S: WriteStorage, O: Observer> Resolver<'_, '_, S, O> {
    /// Compares blobs of the pack with those of the same oids in the repository.
    pub(super) async fn compare_large(&self, entries: &[u32]) -> Result<()> {
        for entry in entries {
            let oid = self.entries.oid(*entry);
            let Some(location) = self.inspector.find_existing(&oid).await? else { continue };
            let mut stored = Stored::open(&self.inspector.repository.odb, &oid, location).await?;
            let offset = self.entries.offset(*entry);
            let head = self.spool.head(offset, oid.as_bytes().len()).await?;
            let offset = offset + head.length as u64;
            let mut arrived = Inflating::new(&*self.spool, self.inspector.pool(), offset);
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            loop {
                if ours.is_empty() {
                    ours = stored.next().await?;
                }
                if theirs.is_empty() {
                    theirs = arrived.next().await?;
                }
                let common = ours.len().min(theirs.len());
                if ours[..common] != theirs[..common] {
                    return Err(collision(&oid));
                }
                if common == 0 {
                    break;
                }
                ours.drain(..common);
                theirs.drain(..common);
                self.inspector.engine().worked(common as u64 / 128).await;
            }
            if ours.len() != theirs.len() {
                return Err(collision(&oid));
            }
        }
        Ok(())
    }
}

impl<'a, S: Storage> Stored<'a, S> {
    async fn open(odb: &'a Odb<S>, oid: &Oid, location: Location) -> Result<Self> {
        let (number, pos) = match location {
            Location::Packed { pack, pos } => (pack, pos),
            Location::Loose { directory } => {
                let path = odb.loose_path(directory, oid);
                return Ok(Self::Loose(LooseReader::open(&odb.engine, &path).await?));
            }
        };
        let pack = odb.pack(number);
        let offset = pack.idx(odb).await?.offset_at(pos).await?;
        let entry = pack.entry(odb, offset).await?;
        if let EntryKind::Whole(_) = entry.kind {
            let data = pack.data(odb).await?;
            return Ok(Self::Whole(Inflating::new(data, &odb.inflaters, entry.data_offset)));
        }
        Ok(Self::Memory(Some(odb.read_at(oid, location).await?.content)))
    }

    async fn next(&mut self) -> Result<Vec<u8>> {
        match self {
            Self::Loose(reader) => reader.next().await,
            Self::Whole(stream) => stream.next().await,
            Self::Memory(content) => {
                let content = content.take().unwrap_or_default();
                Rc::try_unwrap(content).or_else(|shared| Ok::<_, Error>(shared.to_vec()))
            }
        }
    }
}
