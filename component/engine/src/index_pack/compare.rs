//! Large blobs that the repository has already, compared without holding either.

use gitwasi_wire::Oid;

use super::Observer;
use super::blocks::{Blocks as _, Inflating, Pieces};
use super::inspect::Inspector;
use super::resolve::Resolver;
use super::stored::Stored;
use super::unpack::collision;
use crate::Result;
use crate::storage::WriteStorage;

impl<S: WriteStorage, O: Observer> Resolver<'_, '_, S, O> {
    /// Compares blobs that the pack holds whole with those of the same oids in the repository.
    pub(super) async fn compare_large(&self, entries: &[u32]) -> Result<()> {
        for entry in entries {
            let oid = self.entries.oid(*entry);
            let offset = self.entries.offset(*entry);
            let head = self.spool.head(offset, oid.as_bytes().len()).await?;
            let offset = offset + head.length as u64;
            let arrived = Inflating::new(&*self.spool, self.inspector.pool(), offset);
            self.inspector.compare_pieces(&oid, arrived).await?;
        }
        Ok(())
    }
}

impl<S: WriteStorage, O: Observer> Inspector<'_, S, O> {
    /// Compares a blob with the one of the same oid in the repository.
    pub(super) async fn compare_pieces(&self, oid: &Oid, mut arrived: impl Pieces) -> Result<()> {
        let Some(location) = self.find_existing(oid).await? else { return Ok(()) };
        let mut stored = Stored::open(&self.repository.odb, oid, location).await?;
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
                return Err(collision(oid));
            }
            if common == 0 {
                break;
            }
            ours.drain(..common);
            theirs.drain(..common);
            self.engine().worked(common as u64 / 128).await;
        }
        if ours.len() == theirs.len() { Ok(()) } else { Err(collision(oid)) }
    }
}
