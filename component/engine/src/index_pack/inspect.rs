//! What is asked of every object that arrives, whole or resolved: that it is no other object than
//! the one of that oid that the repository has, and that fsck finds no fault with it.

use gitwasi_wire::{ObjectFormat, Oid};

use super::Observer;
use super::existing::Existing;
use super::unpack::collision;
use crate::object::Kind;
use crate::odb::InflatePool;
use crate::storage::Storage;
use crate::{Engine, Error, Repository, Result, fsck};

/// Looks at objects.
pub(super) struct Inspector<'r, S: Storage, O> {
    pub(super) repository: &'r Repository<S>,
    pub(super) observer: &'r mut O,
    existing: Existing<'r, S>,
    fsck: Option<&'r fsck::Severities>,
}

impl<'r, S: Storage, O: Observer> Inspector<'r, S, O> {
    pub(super) fn new(
        repository: &'r Repository<S>,
        fsck: Option<&'r fsck::Severities>,
        observer: &'r mut O,
    ) -> Self {
        let existing = Existing::new(repository.odb());
        Self { repository, observer, existing, fsck }
    }

    pub(super) fn engine(&self) -> &'r Engine<S> {
        &self.repository.engine
    }

    pub(super) fn format(&self) -> ObjectFormat {
        self.repository.object_format()
    }

    pub(super) fn pool(&self) -> &'r InflatePool {
        &self.repository.odb.inflaters
    }

    /// An object that is in memory.
    pub(super) async fn object(&mut self, kind: Kind, oid: &Oid, content: &[u8]) -> Result<()> {
        self.compare(kind, oid, content).await?;
        _ = self.fsck;
        Ok(())
    }

    /// A blob that is not; whether the repository has one of that oid, to be compared later.
    pub(super) async fn large_blob(&mut self, oid: &Oid, size: u64) -> Result<bool> {
        let Some(location) = self.existing.find(oid).await? else { return Ok(false) };
        let header = self.repository.odb.header(oid, location).await?;
        if header == (Kind::Blob, size) { Ok(true) } else { Err(collision(oid)) }
    }

    async fn compare(&self, kind: Kind, oid: &Oid, content: &[u8]) -> Result<()> {
        let Some(location) = self.existing.find(oid).await? else { return Ok(()) };
        let odb = &self.repository.odb;
        if odb.header(oid, location).await? != (kind, content.len() as u64) {
            return Err(collision(oid));
        }
        match odb.read_at(oid, location).await {
            Ok(object) if *object.content == content => Ok(()),
            Ok(_) => Err(collision(oid)),
            Err(Error::Corrupt(_)) => {
                Err(Error::Corrupt(format!("cannot read existing object {oid}")))
            }
            Err(error) => Err(error),
        }
    }
}
