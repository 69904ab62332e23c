//! Thin packs: bases that the repository has are added, so that the pack stands alone.
//!
//! Spec: gitformat-pack(5); git-index-pack(1), "--fix-thin"
//!
//! # Deviation
//! What is added is deflated by another library than git's, so the pack's bytes may differ from
//! those that git would write. Its objects, and the order they are in, do not.

use super::Observer;
use super::object_hasher::oid_of;
use super::resolve::Resolver;
use crate::object::Kind;
use crate::pack_writer::{Deflater, whole_head};
use crate::storage::WriteStorage;
use crate::{Error, Result};

/// What git deflates added bases with.
const LEVEL: u32 = 1;

impl<S: WriteStorage, O: Observer> Resolver<'_, '_, S, O> {
    /// Resolves deltas whose bases the repository has; how many bases that were. Adds them to the
    /// pack unless its objects become loose.
    pub(super) async fn complete(&mut self) -> Result<u32> {
        let odb = &self.inspector.repository.odb;
        let format = self.inspector.format();
        let mut added = 0;
        for entry in self.deltas.unclaimed() {
            // It may have been resolved since, upon a base that was itself such a delta.
            let base = self.entries.oid(entry);
            if self.entries.is_resolved(entry) || self.deltas.base(&base).is_some() {
                continue;
            }
            let Some(location) = odb.find(&base).await? else { continue };
            let object = odb.read_at(&base, location).await?;
            if oid_of(format, object.kind, &object.content)? != base {
                return Err(Error::Corrupt(format!("local object {base} is corrupt")));
            }
            if self.loose.is_none() {
                self.append(object.kind, &base, &object.content).await?;
                added += 1;
            }
            self.resolve_external(object.kind, base, object.content).await?;
        }
        Ok(added)
    }

    async fn append(&mut self, kind: Kind, oid: &gitwasi_wire::Oid, content: &[u8]) -> Result<()> {
        let offset = self.spool.len();
        let mut crc = flate2::Crc::new();
        let head = whole_head(kind, content.len() as u64);
        crc.update(&head);
        self.spool.append(&head).await?;
        let mut deflater = Deflater::with_level(LEVEL);
        let mut pieces = content.chunks(64 << 10).peekable();
        loop {
            let piece = pieces.next().unwrap_or_default();
            let last = pieces.peek().is_none();
            let deflated = deflater.deflate(piece, last)?;
            crc.update(deflated);
            self.spool.append(deflated).await?;
            self.inspector.engine().worked(piece.len() as u64 / 64 + 8).await;
            if last {
                break;
            }
        }
        self.entries.push(offset, crc.sum(), kind, oid);
        Ok(())
    }
}
