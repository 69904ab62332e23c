//! Reading objects whole: inflating, and resolving deltas.

use gitwasi_wire::Oid;

use std::rc::Rc;

use super::pack::{Entry, EntryKind, Pack};
use super::{Location, Odb, delta};
use crate::object::Kind;
use crate::storage::{CachedFile, Storage};
use crate::working_memory::{Content, Leased};
use crate::{Error, Result};

/// Bytes that the two sizes of a delta have at most.
const MAX_SIZES: usize = 20;

/// An object in memory.
#[derive(Debug, Clone)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its content, without a header.
    pub content: Content,
}

impl<S: Storage> Odb<S> {
    /// Reads an object.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if there is no such object or if it cannot be read.
    ///
    /// # Limits
    /// [`crate::Limits::object_size`], [`crate::Limits::delta_depth`].
    pub async fn read(&self, oid: &Oid) -> Result<Object> {
        let location = self.find(oid).await?;
        let location = location.ok_or_else(|| Error::Corrupt(format!("missing object {oid}")))?;
        self.read_at(oid, location).await
    }

    /// Reads the object that [`Self::find`] found at `location`.
    pub async fn read_at(&self, oid: &Oid, location: Location) -> Result<Object> {
        match location {
            Location::Packed { pack, pos } => self.read_packed(pack, pos).await,
            Location::Loose { directory } => {
                let reader = match self.open_loose(directory, oid).await {
                    Err(error) if error.is_absent() => return self.read_moved(oid).await,
                    reader => reader?,
                };
                let kind = reader.kind();
                let content = reader.read_all(self.engine.limits.object_size, &self.memory).await?;
                Ok(Object { kind, content: content.into() })
            }
        }
    }

    /// Reads an object that was loose, and is packed now.
    async fn read_moved(&self, oid: &Oid) -> Result<Object> {
        match self.find_packed(oid).await? {
            Some(Location::Packed { pack, pos }) => self.read_packed(pack, pos).await,
            Some(Location::Loose { .. }) | None => {
                Err(Error::Corrupt(format!("missing object {oid}")))
            }
        }
    }

    pub(crate) async fn read_packed(&self, pack: u32, pos: u32) -> Result<Object> {
        let pack = self.pack(pack);
        let offset = pack.idx(self).await?.offset_at(pos).await?;
        let object = self.resolve(pack, offset).await?;
        if let Some(base) = self.engine.bases.find(pack.data(self).await?.id(), offset) {
            base.pos.set(Some(pos));
        }
        Ok(object)
    }

    /// The object that this one is stored as a delta to, and its position, if its content is at
    /// hand.
    pub(crate) async fn base_at_hand(&self, pack: u32, pos: u32) -> Result<Option<(u32, Object)>> {
        let Some(offset) = self.base_in_pack(pack, pos).await? else { return Ok(None) };
        let data = self.pack(pack).data(self).await?.id();
        let Some(base) = self.engine.bases.find(data, offset) else { return Ok(None) };
        if base.pos.get().is_none() {
            base.pos.set(self.position(pack, offset).await?);
        }
        let Some(pos) = base.pos.get() else { return Ok(None) };
        let content = Content::shared(&self.memory, Rc::clone(&base.content))?;
        Ok(Some((pos, Object { kind: base.kind, content })))
    }

    /// The position of the object that this one is stored as a delta to, in the same pack.
    pub(crate) async fn base_position(&self, pack: u32, pos: u32) -> Result<Option<u32>> {
        match self.base_in_pack(pack, pos).await? {
            Some(base) => self.position(pack, base).await,
            None => Ok(None),
        }
    }

    async fn base_in_pack(&self, pack: u32, pos: u32) -> Result<Option<u64>> {
        let pack = self.pack(pack);
        let offset = pack.idx(self).await?.offset_at(pos).await?;
        match pack.entry(self, offset).await?.kind {
            EntryKind::Whole(_) => Ok(None),
            kind => self.base_offset(pack, kind).await.map(Some),
        }
    }

    /// The position of the object that begins at `offset`.
    async fn position(&self, pack: u32, offset: u64) -> Result<Option<u32>> {
        let pack = self.pack(pack);
        let (idx, rev) = (pack.idx(self).await?, pack.rev(self).await?);
        match rev.place_of(idx, offset).await? {
            Some(place) => Ok(Some(rev.checked_pos(idx, place).await?)),
            None => Ok(None),
        }
    }

    /// What an object is and how large, without its content.
    pub async fn header(&self, oid: &Oid, location: Location) -> Result<(Kind, u64)> {
        let (pack, pos) = match location {
            Location::Packed { pack, pos } => (self.pack(pack), pos),
            Location::Loose { directory } => match self.open_loose(directory, oid).await {
                Ok(reader) => return Ok((reader.kind(), reader.size())),
                Err(error) if error.is_absent() => match self.find_packed(oid).await? {
                    Some(Location::Packed { pack, pos }) => (self.pack(pack), pos),
                    Some(Location::Loose { .. }) | None => {
                        return Err(Error::Corrupt(format!("missing object {oid}")));
                    }
                },
                Err(error) => return Err(error),
            },
        };
        let mut offset = pack.idx(self).await?.offset_at(pos).await?;
        let mut size = None;
        for _ in 0..=self.engine.limits.delta_depth {
            let entry = pack.entry(self, offset).await?;
            let base = match entry.kind {
                EntryKind::Whole(kind) => return Ok((kind, size.unwrap_or(entry.size))),
                kind => self.base_offset(pack, kind).await?,
            };
            if size.is_none() {
                size = Some(self.packed_size(pack, offset).await?);
            }
            offset = base;
        }
        Err(Error::LimitExceeded("delta_depth"))
    }

    /// Bytes of the object at `offset`.
    pub(crate) async fn packed_size(&self, pack: &Pack<S>, offset: u64) -> Result<u64> {
        let entry = pack.entry(self, offset).await?;
        if let EntryKind::Whole(_) = entry.kind {
            return Ok(entry.size);
        }
        let data = pack.data(self).await?;
        let head = self.inflaters.inflate_head(data, entry.data_offset, MAX_SIZES).await?;
        let sizes = delta::sizes(&head).ok_or_else(|| Error::corrupt("a delta"))?;
        Ok(sizes.result)
    }

    async fn resolve(&self, pack: &Pack<S>, mut offset: u64) -> Result<Object> {
        let limits = &self.engine.limits;
        let bases = &self.engine.bases;
        let data = pack.data(self).await?;
        let mut chain = Vec::new();
        let (kind, mut content) = loop {
            if let Some(base) = bases.find(data.id(), offset) {
                break (base.kind, Content::shared(&self.memory, Rc::clone(&base.content))?);
            }
            let entry = pack.entry(self, offset).await?;
            if let EntryKind::Whole(kind) = entry.kind {
                let content = self.inflate(data, &entry, limits.object_size).await?.into();
                bases.insert(data.id(), offset, kind, Content::bytes(&content));
                break (kind, content);
            }
            if chain.len() == limits.delta_depth {
                return Err(Error::LimitExceeded("delta_depth"));
            }
            chain.push((offset, entry));
            offset = self.base_offset(pack, entry.kind).await?;
        };
        while let Some((offset, entry)) = chain.pop() {
            let delta = self.inflate(data, &entry, limits.object_size).await?;
            content = delta::apply(&content, &delta, limits.object_size, &self.memory)?.into();
            bases.insert(data.id(), offset, kind, content.bytes());
            self.engine.worked(content.len() as u64 / 256).await;
        }
        Ok(Object { kind, content })
    }

    /// What an entry inflates to: the object, or the delta.
    pub(super) async fn inflate(
        &self,
        data: &CachedFile<S>,
        entry: &Entry,
        limit: u64,
    ) -> Result<Leased<Vec<u8>>> {
        self.inflaters.inflate(data, entry.data_offset, entry.size, limit, &self.memory).await
    }

    /// The offset of a delta's base: packs on disk hold the bases of all their deltas.
    pub(crate) async fn base_offset(&self, pack: &Pack<S>, kind: EntryKind) -> Result<u64> {
        match kind {
            EntryKind::OfsDelta(offset) => Ok(offset),
            EntryKind::RefDelta(oid) => {
                let idx = pack.idx(self).await?;
                let pos = idx.find(&oid).await?;
                let pos = pos.ok_or_else(|| Error::corrupt("a delta without its base"))?;
                idx.offset_at(pos).await
            }
            EntryKind::Whole(_) => Err(Error::corrupt("a base of what is no delta")),
        }
    }
}
