//! Thin packs: bases that the repository has are added, so that the pack stands alone.
//!
//! Spec: gitformat-pack(5); git-index-pack(1), "--fix-thin"
//!
//! # Deviation
//! What is added is deflated by another library than git's, so the pack's bytes may differ from
//! those that git would write. Its objects, and the order they are in, do not.

use gitwasi_wire::Oid;

use super::blocks::{PIECE, Pieces as _};
use super::object_hasher::oid_of;
use super::resolve::{Held, Resolver};
use super::{Observer, Stage};
use crate::object::Kind;
use crate::pack_writer::{Deflater, whole_head};
use crate::storage::WriteStorage;
use crate::{Error, Result};

/// What git deflates added bases with.
const LEVEL: u32 = 1;

impl<S: WriteStorage, O: Observer> Resolver<'_, '_, S, O> {
    /// Resolves deltas whose bases the repository has. Adds these to the pack unless its objects
    /// become loose.
    pub(super) async fn complete(&mut self) -> Result<()> {
        let odb = &self.inspector.repository.odb;
        let format = self.inspector.format();
        self.stage = Stage::Completing;
        for entry in self.deltas.unclaimed()?.iter().copied() {
            // It may have been resolved since, upon a base that was itself such a delta.
            let base = self.entries.oid(entry);
            if self.entries.is_resolved(entry) || self.deltas.base(&base).is_some() {
                continue;
            }
            let Some(location) = odb.find(&base).await? else { continue };
            let (kind, size) = odb.header(&base, location).await?;
            self.tally.external = self.tally.external.max(size);
            let held = if self.is_large(kind, size) {
                self.spill_stored(&base, location).await?
            } else {
                let object = odb.read_at(&base, location).await?;
                if oid_of(format, kind, &object.content)? != base {
                    return Err(Error::Corrupt(format!("local object {base} is corrupt")));
                }
                Held::Memory(object.content)
            };
            if self.loose.is_none() {
                self.append(kind, &base, &held).await?;
                self.tally.added += 1;
            }
            self.resolve_external(kind, base, held).await?;
        }
        self.stage = Stage::Completed;
        self.tell().await
    }

    async fn append(&mut self, kind: Kind, oid: &Oid, held: &Held<S>) -> Result<()> {
        let offset = self.spool.len();
        let mut crc = flate2::Crc::new();
        let head = whole_head(kind, held.size());
        crc.update(&head);
        self.spool.append(&head).await?;
        let mut deflater = Deflater::with_level(LEVEL);
        match held {
            Held::Memory(content) => {
                for piece in content.chunks(PIECE) {
                    self.deflate(&mut deflater, &mut crc, piece).await?;
                }
            }
            Held::File(file) => {
                let mut pieces = file.pieces();
                loop {
                    let piece = pieces.next().await?;
                    if piece.is_empty() {
                        break;
                    }
                    self.deflate(&mut deflater, &mut crc, &piece).await?;
                }
            }
            Held::Elsewhere => {}
        }
        let deflated = deflater.deflate(&[], true)?;
        crc.update(deflated);
        self.spool.append(deflated).await?;
        self.entries.push(offset, crc.sum(), kind, oid)
    }

    async fn deflate(
        &mut self,
        deflater: &mut Deflater,
        crc: &mut flate2::Crc,
        piece: &[u8],
    ) -> Result<()> {
        let deflated = deflater.deflate(piece, false)?;
        crc.update(deflated);
        self.spool.append(deflated).await?;
        self.inspector.engine().worked(piece.len() as u64 / 64 + 8).await;
        Ok(())
    }
}
