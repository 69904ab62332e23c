//! The content of an object that the repository has, piece by piece.

use gitwasi_wire::Oid;

use super::blocks::{Inflating, Pieces};
use crate::Result;
use crate::odb::{EntryKind, Location, LooseReader, Odb};
use crate::storage::{CachedFile, Storage};

/// Such an object.
pub(super) enum Stored<'a, S: Storage> {
    Loose(LooseReader<S>),
    Whole(Inflating<'a, CachedFile<S>>),
}

impl<'a, S: Storage> Stored<'a, S> {
    /// `None` if it is stored as a delta.
    pub(super) async fn open(
        odb: &'a Odb<S>,
        oid: &Oid,
        location: Location,
    ) -> Result<Option<Self>> {
        let (number, pos) = match location {
            Location::Packed { pack, pos } => (pack, pos),
            Location::Loose { directory } => {
                return Ok(Some(Self::Loose(odb.open_loose(directory, oid).await?)));
            }
        };
        let pack = odb.pack(number);
        let offset = pack.idx(odb).await?.offset_at(pos).await?;
        let entry = pack.entry(odb, offset).await?;
        let EntryKind::Whole(_) = entry.kind else { return Ok(None) };
        let data = pack.data(odb).await?;
        Ok(Some(Self::Whole(Inflating::new(data, &odb.inflaters, entry.data_offset))))
    }
}

impl<S: Storage> Pieces for Stored<'_, S> {
    async fn next(&mut self) -> Result<Vec<u8>> {
        match self {
            Self::Loose(reader) => reader.next().await,
            Self::Whole(stream) => stream.next().await,
        }
    }
}
