//! Large blobs that the repository has already, compared without holding either.

use gitwasi_wire::Oid;

use super::Observer;
use super::blocks::{Blocks as _, Inflating, Pieces};
use super::resolve::{Held, Resolver};
use super::spill::Spilled;
use super::stored::Stored;
use super::unpack::collision;
use crate::odb::Location;
use crate::storage::{Storage, WriteStorage};
use crate::{Engine, Result};

impl<S: WriteStorage, O: Observer> Resolver<'_, '_, S, O> {
    /// Compares blobs that the pack holds whole with those of the same oids in the repository.
    pub(super) async fn compare_large(&mut self, entries: &[u32]) -> Result<()> {
        for entry in entries {
            let oid = self.entries.oid(*entry);
            let Some(location) = self.inspector.find_existing(&oid).await? else { continue };
            let there = self.spill_if_delta(&oid, location).await?;
            let offset = self.entries.offset(*entry);
            let head = self.spool.head(offset, oid.as_bytes().len()).await?;
            let offset = offset + head.length as u64;
            let arrived = Inflating::new(&*self.spool, self.inspector.pool(), offset);
            self.compare(&oid, location, &there, arrived).await?;
            self.discard(there).await?;
        }
        Ok(())
    }

    /// Compares a blob that was resolved with the one of the same oid in the repository.
    pub(super) async fn compare_resolved(&mut self, oid: &Oid, arrived: &Spilled<S>) -> Result<()> {
        let Some(location) = self.inspector.find_existing(oid).await? else { return Ok(()) };
        let there = self.spill_if_delta(oid, location).await?;
        self.compare(oid, location, &there, arrived.pieces()).await?;
        self.discard(there).await
    }

    async fn spill_if_delta(&mut self, oid: &Oid, location: Location) -> Result<Held<S>> {
        match Stored::open(&self.inspector.repository.odb, oid, location).await? {
            Some(_) => Ok(Held::Elsewhere),
            None => self.spill_stored(oid, location).await,
        }
    }

    async fn compare(
        &self,
        oid: &Oid,
        location: Location,
        there: &Held<S>,
        arrived: impl Pieces,
    ) -> Result<()> {
        let engine = self.inspector.engine();
        if let Held::File(file) = there {
            return compare(engine, oid, file.pieces(), arrived).await;
        }
        match Stored::open(&self.inspector.repository.odb, oid, location).await? {
            Some(stored) => compare(engine, oid, stored, arrived).await,
            None => Err(collision(oid)),
        }
    }
}

async fn compare<S: Storage>(
    engine: &Engine<S>,
    oid: &Oid,
    mut there: impl Pieces,
    mut arrived: impl Pieces,
) -> Result<()> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    loop {
        if ours.is_empty() {
            ours = there.next().await?;
        }
        if theirs.is_empty() {
            theirs = arrived.next().await?;
        }
        let common = ours.len().min(theirs.len());
        if ours[..common] != theirs[..common] {
            return Err(collision(oid));
        }
        if common == 0 {
            break;
        }
        ours.drain(..common);
        theirs.drain(..common);
        engine.worked(common as u64 / 128).await;
    }
    if ours.len() == theirs.len() { Ok(()) } else { Err(collision(oid)) }
}
