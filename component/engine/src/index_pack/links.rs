//! What the objects of a pack name: when all of that is in the pack, too, nothing that they reach
//! is missing, and no walk has to find that out.

use std::collections::HashMap;
use std::rc::Rc;

use gitwasi_wire::{ObjectFormat, Oid};

use super::NewObjects;
use crate::Engine;
use crate::object::{Commit, EntryMode, Kind, Tag, Tree};
use crate::quick_hash::QuickState;
use crate::storage::Storage;
use crate::working_memory::{Lease, Share};

/// Bytes that a name takes while the table grows.
const EACH: usize = 3 * size_of::<(Oid, Kind)>();

/// The objects that others name, and what each is said to be.
#[derive(Debug)]
pub(super) struct Links {
    named: HashMap<Oid, Kind, QuickState>,
    lease: Lease,
}

impl Links {
    /// Nothing was looked at yet.
    pub(super) fn new(memory: &Rc<Share>) -> Self {
        Self { named: HashMap::default(), lease: Lease::new(memory) }
    }

    /// Notes what an object names, or what entries of a tree name; `None` if what is named cannot
    /// be known of all objects any more.
    pub(super) fn with(mut self, kind: Kind, content: &[u8], format: ObjectFormat) -> Option<Self> {
        match kind {
            Kind::Blob => {}
            Kind::Tree => {
                for entry in Tree::new(content, format) {
                    let entry = entry.ok()?;
                    match entry.mode {
                        EntryMode::Submodule => {}
                        EntryMode::Tree => self.name(entry.oid, Kind::Tree)?,
                        EntryMode::Blob => self.name(entry.oid, Kind::Blob)?,
                    }
                }
            }
            Kind::Commit => {
                let commit = Commit::parse(content, format).ok()?;
                self.name(commit.tree_id, Kind::Tree)?;
                for parent in commit.parents {
                    self.name(parent, Kind::Commit)?;
                }
            }
            Kind::Tag => {
                let tag = Tag::parse(content, format).ok()?;
                self.name(tag.target, tag.kind)?;
            }
        }
        Some(self)
    }

    fn name(&mut self, oid: Oid, kind: Kind) -> Option<()> {
        let room = self.lease.cover_cache((self.named.len() + 1) * EACH);
        let before = room.then(|| self.named.insert(oid, kind))?;
        before.is_none_or(|before| before == kind).then_some(())
    }

    /// Whether each is one of `objects`, and what it is said to be.
    pub(super) async fn are_within<S: Storage>(
        &self,
        objects: &NewObjects,
        engine: &Engine<S>,
    ) -> bool {
        for (oid, kind) in &self.named {
            if objects.kind(oid) != Some(*kind) {
                return false;
            }
            engine.worked(1).await;
        }
        true
    }
}
