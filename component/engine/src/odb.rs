//! The object database: loose objects and packs of the repository and of its alternates.
//!
//! Spec: gitrepository-layout(5), "objects"; gitformat-pack(5)

mod base_cache;
mod bitmap;
mod commit_graph;
mod delta;
mod directory;
mod generation;
mod held;
mod idx;
mod inflate;
mod large;
mod loose;
mod multi_pack_index;
mod pack;
mod read;
mod rev;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gitwasi_wire::{ObjectFormat, Oid};

pub use base_cache::BaseCache;
pub(crate) use bitmap::{BitmapView, Bitmaps};
pub(crate) use commit_graph::CommitGraph;
pub(crate) use delta::{apply as apply_delta, copy as copy_instruction, sizes as delta_sizes};
pub(crate) use directory::PackDirectories;
pub(crate) use held::HeldObjects;
pub(crate) use inflate::InflatePool;
pub(crate) use loose::LooseReader;
pub(crate) use pack::{EntryKind, HEADER_LEN, Pack};
pub use read::Object;
pub(crate) use rev::Rev;

use crate::storage::Storage;
use crate::working_memory::{Lease, Share};
use crate::{Engine, Error, Result};
use generation::Generations;

/// Where an object is. An object that is in several places has one of them, always the same
/// while the odb is open: sets of objects rely on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Location {
    /// In a pack, at a position of its index.
    Packed {
        /// Number of the pack in the odb.
        pack: u32,
        /// Place of the oid in the pack index's order.
        pos: u32,
    },
    /// Loose.
    Loose {
        /// Number of the object directory.
        directory: u32,
    },
}

/// The objects of a repository.
///
/// Packs are listed when the first object is asked for. What a repack moves meanwhile is found
/// again: packs that were listed stay open, and new ones are added behind them.
#[derive(Debug)]
pub struct Odb<S: Storage> {
    pub(crate) engine: Rc<Engine<S>>,
    pub(crate) format: ObjectFormat,
    directories: Vec<String>,
    held: Rc<HeldObjects>,
    /// Files of loose objects that were read, as far as there is room.
    read_files: Rc<HeldObjects>,
    generations: Rc<Generations<S>>,
    /// Whether the directories were listed again because an object was missed.
    listed_again: Cell<bool>,
    recent: Rc<RefCell<Recent>>,
    pub(crate) inflaters: Rc<InflatePool>,
    /// The request's working memory.
    pub(crate) memory: Rc<Share>,
}

/// Locations found lately: trees name the same objects again and again.
#[derive(Debug)]
struct Recent {
    slots: Vec<Option<(Oid, Location)>>,
    inserted: usize,
    lease: Lease,
}

/// The number of the object directory that is none: objects in memory.
const HELD: u32 = u32::MAX;

/// Bytes of small loose objects' files that are kept: most are asked first what they are, then for
/// their content.
const READ_FILES: usize = 256 * 1024;

/// Entries of [`Recent`] to begin with, and at most; at 48 bytes each, less than 1 MiB for every
/// open odb.
const RECENT: std::ops::RangeInclusive<usize> = 1 << 8..=1 << 14;

impl<S: Storage> Odb<S> {
    pub(crate) async fn open(
        engine: &Rc<Engine<S>>,
        directories: Vec<String>,
        format: ObjectFormat,
        memory: &Rc<Share>,
    ) -> Result<Self> {
        Ok(Self {
            engine: Rc::clone(engine),
            format,
            directories,
            held: Rc::default(),
            read_files: HeldObjects::new(READ_FILES),
            generations: Rc::default(),
            listed_again: Cell::new(false),
            recent: Rc::new(RefCell::new(Recent::new(memory))),
            inflaters: Rc::clone(&engine.inflaters),
            memory: Rc::clone(memory),
        })
    }

    /// The same objects, and those that a push holds in memory.
    pub(crate) fn with_held(self, held: &Rc<HeldObjects>) -> Self {
        Self { held: Rc::clone(held), ..self }
    }

    /// Another one of the same objects, which shares what either has found out.
    pub(crate) fn shared(&self) -> Self {
        Self {
            engine: Rc::clone(&self.engine),
            format: self.format,
            directories: self.directories.clone(),
            held: Rc::clone(&self.held),
            read_files: Rc::clone(&self.read_files),
            generations: Rc::clone(&self.generations),
            listed_again: self.listed_again.clone(),
            recent: Rc::clone(&self.recent),
            inflaters: Rc::clone(&self.inflaters),
            memory: Rc::clone(&self.memory),
        }
    }

    /// Where an object is; `None` if there is no such object.
    pub async fn find(&self, oid: &Oid) -> Result<Option<Location>> {
        if oid.object_format() != self.format {
            return Ok(None);
        }
        if self.held.find(oid).is_some() {
            return Ok(Some(Location::Loose { directory: HELD }));
        }
        if let Some(location) = self.recent.borrow().find(oid) {
            return Ok(Some(location));
        }
        let location = self.search(oid).await?;
        if let Some(location) = location {
            self.recent.borrow_mut().insert(*oid, location);
        }
        Ok(location)
    }

    async fn search(&self, oid: &Oid) -> Result<Option<Location>> {
        if let Some(location) = self.find_listed(oid).await? {
            return Ok(Some(location));
        }
        for (number, directory) in self.directories.iter().enumerate() {
            if loose::exists(&self.engine, directory, oid).await? {
                return Ok(Some(Location::Loose { directory: number as u32 }));
            }
        }
        self.find_anew(oid).await
    }

    /// As [`Self::find`], in packs only.
    pub(crate) async fn find_packed(&self, oid: &Oid) -> Result<Option<Location>> {
        match self.find_listed(oid).await? {
            Some(location) => Ok(Some(location)),
            None => self.find_anew(oid).await,
        }
    }

    /// Looks for an object in packs that appeared after the others were listed: a repack may
    /// have moved it.
    async fn find_anew(&self, oid: &Oid) -> Result<Option<Location>> {
        // Once by listing, because the time of a directory may be too coarse to tell.
        let listed_again = self.listed_again.replace(true);
        if self.list_again(!listed_again).await? { self.find_listed(oid).await } else { Ok(None) }
    }

    /// The object directories, the repository's own first.
    pub(crate) fn directories(&self) -> &[String] {
        &self.directories
    }

    /// The oid of the packed object at `pos` of `pack`'s index.
    pub(crate) async fn oid_at(&self, pack: u32, pos: u32) -> Result<Oid> {
        self.pack(pack).idx(self).await?.oid_at(pos).await
    }

    /// Opens a loose object that was found in `directory`.
    pub(crate) async fn open_loose(&self, directory: u32, oid: &Oid) -> Result<LooseReader<S>> {
        let Some(directory) = self.directories.get(directory as usize) else {
            let held = self.held.find(oid);
            let held = held.ok_or_else(|| Error::Corrupt(format!("missing object {oid}")))?;
            return LooseReader::held(held).await;
        };
        if let Some(file) = self.read_files.find(oid) {
            return LooseReader::held(file).await;
        }
        let reader = LooseReader::open(&self.engine, &loose::path(directory, oid)).await?;
        if let Some(file) = reader.small_file() {
            _ = self.read_files.add(oid, file.to_vec());
        }
        Ok(reader)
    }

    /// Whether a loose object is in `directory`, one of [`Self::directories`].
    pub(crate) async fn is_loose(&self, directory: u32, oid: &Oid) -> Result<bool> {
        loose::exists(&self.engine, &self.directories[directory as usize], oid).await
    }
}

impl Recent {
    fn new(memory: &Rc<Share>) -> Self {
        Self { slots: Vec::new(), inserted: 0, lease: Lease::new(memory) }
    }

    fn slot(&self, oid: &Oid) -> usize {
        let bytes = oid.as_bytes();
        (usize::from(bytes[4]) << 8 | usize::from(bytes[5])) & (self.slots.len().wrapping_sub(1))
    }

    fn find(&self, oid: &Oid) -> Option<Location> {
        let slot = self.slots.get(self.slot(oid))?.as_ref();
        slot.filter(|(seen, _)| seen == oid).map(|(_, location)| *location)
    }

    fn insert(&mut self, oid: Oid, location: Location) {
        if self.inserted >= self.slots.len() && self.slots.len() < *RECENT.end() {
            let size = (self.slots.len() * 8).clamp(*RECENT.start(), *RECENT.end());
            if !self.lease.cover_cache(size * size_of::<Option<(Oid, Location)>>()) {
                self.inserted = 0;
                return;
            }
            let before = std::mem::replace(&mut self.slots, vec![None; size]);
            for (oid, location) in before.into_iter().flatten() {
                let slot = self.slot(&oid);
                self.slots[slot] = Some((oid, location));
            }
        }
        self.inserted += 1;
        let slot = self.slot(&oid);
        self.slots[slot] = Some((oid, location));
    }
}
