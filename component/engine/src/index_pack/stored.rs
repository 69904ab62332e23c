//! The content of an object that the repository has, piece by piece.

use std::rc::Rc;

use gitwasi_wire::Oid;

use super::blocks::{Inflating, Pieces};
use crate::odb::{EntryKind, Location, LooseReader, Odb};
use crate::storage::{CachedFile, Storage};
use crate::{Error, Result};

/// Such an object.
pub(super) enum Stored<'a, S: Storage> {
    Loose(LooseReader<S>),
    Whole(Inflating<'a, CachedFile<S>>),
    /// A delta: read at once.
    Memory(Option<Rc<Vec<u8>>>),
}

impl<'a, S: Storage> Stored<'a, S> {
    pub(super) async fn open(odb: &'a Odb<S>, oid: &Oid, location: Location) -> Result<Self> {
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
}

impl<S: Storage> Pieces for Stored<'_, S> {
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
