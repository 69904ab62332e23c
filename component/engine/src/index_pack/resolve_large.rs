//! Deltas between blobs that are too large to be held: applied as they are inflated, with bases
//! and results in files of the quarantine. The repository's own are read the same way.

use gitwasi_wire::Oid;

use super::Observer;
use super::blocks::{Inflating, Pieces};
use super::delta_stream::{DeltaStream, Out};
use super::object_hasher::ObjectHasher;
use super::resolve::{Held, Resolver};
use super::spill::Spilled;
use super::stored::Stored;
use crate::object::Kind;
use crate::odb::{EntryKind, Location, Pack};
use crate::storage::WriteStorage;
use crate::working_memory::Content;
use crate::{Error, Result};

impl<S: WriteStorage, O: Observer> Resolver<'_, '_, S, O> {
    /// Resolves a delta on a blob.
    pub(super) async fn resolve_large(
        &mut self,
        entry: u32,
        base: &Held<S>,
    ) -> Result<(Oid, Held<S>)> {
        let needed = self.loose.is_some() || self.deltas.may_wait(entry);
        let (oid, size, mut held) = self.apply_large(entry, base, needed).await?;
        match &held {
            Held::Memory(content) => {
                self.inspector.object(Kind::Blob, &oid, content, None).await?;
            }
            Held::File(_) | Held::Elsewhere => {
                if self.inspector.large_blob(&oid, size).await? {
                    if let Held::Elsewhere = held {
                        held = self.apply_large(entry, base, true).await?.2;
                    }
                    if let Held::File(file) = &held {
                        self.compare_resolved(&oid, file).await?;
                    }
                }
            }
        }
        if let Some(loose) = &mut self.loose {
            match &held {
                Held::Memory(content) => loose.write(Kind::Blob, &oid, content).await?,
                Held::File(file) => {
                    loose.copy(Kind::Blob, &oid, size, &mut file.pieces()).await?;
                }
                Held::Elsewhere => {}
            }
        }
        Ok((oid, held))
    }

    /// Applies the delta of an entry; the oid and the size of the result, and the result itself
    /// if it is small or if it is `needed`.
    async fn apply_large(
        &mut self,
        entry: u32,
        base: &Held<S>,
        needed: bool,
    ) -> Result<(Oid, u64, Held<S>)> {
        let head = self.head(entry).await?;
        let offset = self.entries.offset(entry) + head.length as u64;
        let stream = Inflating::new(&*self.spool, self.inspector.pool(), offset);
        let delta = DeltaStream::open(stream).await;
        let delta = delta.map_err(|error| self.not_applied(entry, error))?;
        let size = delta.result;
        if delta.base != base.size() {
            return Err(self.not_applied(entry, Error::corrupt("a delta")));
        }
        if size > self.largest_blob() {
            return Err(Error::LimitExceeded("inflation"));
        }
        let is_large = self.is_large(Kind::Blob, size);
        drop(delta);
        self.inflated(size)?;
        let file = if is_large && needed { Some(self.spill(size).await?) } else { None };
        let mut out = Out {
            hasher: ObjectHasher::new(self.inspector.format(), Kind::Blob, size),
            memory: (!is_large).then(Vec::new),
            file,
        };
        let stream = Inflating::new(&*self.spool, self.inspector.pool(), offset);
        let engine = self.inspector.engine();
        let applied = match DeltaStream::open(stream).await {
            Ok(delta) => delta.apply(engine, base, &mut out).await,
            Err(error) => Err(error),
        };
        applied.map_err(|error| self.not_applied(entry, error))?;
        let oid = out.hasher.finish()?;
        let held = match (out.memory, out.file) {
            (Some(content), _) => {
                let memory = &self.inspector.repository.memory;
                Held::Memory(Content::shared(memory, content.into())?)
            }
            (None, Some(file)) => Held::File(file.finish().await?),
            (None, None) => Held::Elsewhere,
        };
        Ok((oid, size, held))
    }

    /// Bytes that a delta may come to: in proportion to what has arrived, and to what there was.
    fn largest_blob(&self) -> u64 {
        let limits = &self.inspector.engine().limits;
        let arrived = limits.inflation.saturating_mul(self.spool.len());
        let there = self.tally.external.saturating_mul(2);
        limits.object_size.saturating_add(arrived).saturating_add(there)
    }

    /// Puts a blob of the repository into a file.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is another one than its oid says.
    pub(super) async fn spill_stored(&mut self, oid: &Oid, location: Location) -> Result<Held<S>> {
        let odb = &self.inspector.repository.odb;
        let mut chain = Vec::new();
        let (mut start, mut size) = (None, odb.header(oid, location).await?.1);
        if let Location::Packed { pack, pos } = location {
            let pack = odb.pack(pack);
            let mut offset = pack.idx(odb).await?.offset_at(pos).await?;
            loop {
                let entry = pack.entry(odb, offset).await?;
                if let EntryKind::Whole(_) = entry.kind {
                    (start, size) = (Some((pack, entry.data_offset)), entry.size);
                    break;
                }
                if chain.len() == odb.engine.limits.delta_depth {
                    return Err(Error::LimitExceeded("delta_depth"));
                }
                chain.push(entry.data_offset);
                offset = odb.base_offset(pack, entry.kind).await?;
            }
        }
        let mut file = match start {
            Some((pack, offset)) => {
                let data = pack.data(odb).await?;
                self.spill_pieces(size, Inflating::new(data, &odb.inflaters, offset)).await?
            }
            None => match Stored::open(odb, oid, location).await? {
                Some(stored) => self.spill_pieces(size, stored).await?,
                None => return Err(Error::corrupt("a delta without its base")),
            },
        };
        while let (Some(offset), Some((pack, _))) = (chain.pop(), start) {
            let next = self.apply_stored(pack, offset, &file).await?;
            let base = std::mem::replace(&mut file, next);
            self.discard(base).await?;
        }
        if let Held::File(file) = &file
            && self.oid_of_file(file).await? != *oid
        {
            return Err(Error::Corrupt(format!("local object {oid} is corrupt")));
        }
        Ok(file)
    }

    async fn spill_pieces(&mut self, size: u64, mut pieces: impl Pieces) -> Result<Held<S>> {
        let mut file = self.spill(size).await?;
        file.put_all(size, &mut pieces).await?;
        Ok(Held::File(file.finish().await?))
    }

    async fn apply_stored(
        &mut self,
        pack: &Pack<S>,
        offset: u64,
        base: &Held<S>,
    ) -> Result<Held<S>> {
        let odb = &self.inspector.repository.odb;
        let stream = Inflating::new(pack.data(odb).await?, &odb.inflaters, offset);
        let delta = DeltaStream::open(stream).await?;
        if delta.base != base.size() {
            return Err(Error::corrupt("a delta"));
        }
        let hasher = ObjectHasher::new(self.inspector.format(), Kind::Blob, delta.result);
        let mut out = Out { hasher, memory: None, file: Some(self.spill(delta.result).await?) };
        delta.apply(self.inspector.engine(), base, &mut out).await?;
        match out.file {
            Some(file) => Ok(Held::File(file.finish().await?)),
            None => Ok(Held::Elsewhere),
        }
    }

    async fn oid_of_file(&self, file: &Spilled<S>) -> Result<Oid> {
        let mut hasher = ObjectHasher::new(self.inspector.format(), Kind::Blob, file.size());
        let mut pieces = file.pieces();
        loop {
            let piece = pieces.next().await?;
            if piece.is_empty() {
                return hasher.finish();
            }
            hasher.update(&piece);
            self.inspector.engine().worked(piece.len() as u64 / 256 + 1).await;
        }
    }
}
