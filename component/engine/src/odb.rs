//! The object database: loose objects and packs of the repository and of its alternates.
//!
//! Spec: gitrepository-layout(5), "objects"; gitformat-pack(5)

mod base_cache;
mod bitmap;
mod delta;
mod idx;
mod inflate;
mod loose;
mod multi_pack_index;
mod pack;
mod read;
mod rev;

use std::cell::RefCell;
use std::rc::Rc;

use gitwasi_wire::{ObjectFormat, Oid};

pub use base_cache::BaseCache;
pub(crate) use bitmap::Bitmaps;
pub(crate) use delta::{apply as apply_delta, copy as copy_instruction, sizes as delta_sizes};
pub(crate) use inflate::InflatePool;
pub(crate) use loose::LooseReader;
pub(crate) use pack::{EntryKind, HEADER_LEN, Pack};
pub use read::Object;
pub(crate) use rev::Rev;

use crate::storage::{Kind as FileKind, Storage};
use crate::{Engine, Error, Result};
use multi_pack_index::MultiPackIndex;

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
#[derive(Debug)]
pub struct Odb<S: Storage> {
    pub(crate) engine: Rc<Engine<S>>,
    pub(crate) format: ObjectFormat,
    directories: Vec<String>,
    packs: Vec<Pack<S>>,
    multi: Vec<MultiPackIndex<S>>,
    /// Packs that no multi-pack-index covers, in the order they are asked.
    alone: Vec<u32>,
    recent: RefCell<Recent>,
    pub(crate) inflaters: InflatePool,
}

/// Locations found lately: trees name the same objects again and again.
#[derive(Debug)]
struct Recent(Vec<Option<(Oid, Location)>>);

/// Entries of [`Recent`]; at 56 bytes each, less than 1 MiB for every open odb.
const RECENT: usize = 1 << 14;

impl<S: Storage> Odb<S> {
    pub(crate) async fn open(
        engine: &Rc<Engine<S>>,
        directories: Vec<String>,
        format: ObjectFormat,
    ) -> Result<Self> {
        let mut odb = Self {
            engine: Rc::clone(engine),
            format,
            directories,
            packs: Vec::new(),
            multi: Vec::new(),
            alone: Vec::new(),
            recent: RefCell::new(Recent(Vec::new())),
            inflaters: InflatePool::default(),
        };
        for number in 0..odb.directories.len() {
            odb.add_packs(number).await?;
        }
        Ok(odb)
    }

    async fn add_packs(&mut self, directory: usize) -> Result<()> {
        let engine = Rc::clone(&self.engine);
        let directory = format!("{}/pack", self.directories[directory]);
        let entries =
            match engine.storage.entries(&directory, engine.limits.directory_entries).await {
                Ok(entries) => entries,
                Err(error) if error.is_absent() => return Ok(()),
                Err(error) => return Err(error.into()),
            };
        let mut found = Vec::new();
        let mut multi = None;
        for entry in &entries {
            if entry.kind == FileKind::Directory {
                continue;
            }
            if entry.name == "multi-pack-index" {
                multi = MultiPackIndex::open(&engine, &directory, self.format).await?;
            }
            let Some(stem) = entry.name.strip_suffix(".idx") else { continue };
            if !stem.starts_with("pack-") {
                continue;
            }
            let stem = format!("{directory}/{stem}");
            // An index without a pack is left by a repack that is under way.
            match engine.storage.stat(&format!("{stem}.pack")).await {
                Ok(stat) => found.push((stat.modified, stem)),
                Err(error) if error.is_absent() => {}
                Err(error) => return Err(error.into()),
            }
        }
        if self.packs.len() + found.len() > engine.limits.packs {
            return Err(Error::LimitExceeded("packs"));
        }
        // The newest first, as git asks them; names decide between equals, to be deterministic.
        found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let first = self.packs.len() as u32;
        let mut covered = vec![false; found.len()];
        if let Some(mut multi) = multi {
            let names: Vec<&str> =
                found.iter().map(|(_, stem)| &stem[directory.len() + 1..]).collect();
            if multi.number_packs(&names, first, &mut covered) {
                self.multi.push(multi);
            } else {
                covered.fill(false);
            }
        }
        for (number, (_, stem)) in found.into_iter().enumerate() {
            self.packs.push(Pack::new(stem));
            if !covered[number] {
                self.alone.push(first + number as u32);
            }
        }
        Ok(())
    }

    /// Where an object is; `None` if there is no such object.
    pub async fn find(&self, oid: &Oid) -> Result<Option<Location>> {
        if oid.object_format() != self.format {
            return Ok(None);
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
        if let Some(location) = self.find_packed(oid).await? {
            return Ok(Some(location));
        }
        for (number, directory) in self.directories.iter().enumerate() {
            if loose::exists(&self.engine, directory, oid).await? {
                return Ok(Some(Location::Loose { directory: number as u32 }));
            }
        }
        Ok(None)
    }

    /// As [`Self::find`], in packs only.
    pub(crate) async fn find_packed(&self, oid: &Oid) -> Result<Option<Location>> {
        for multi in &self.multi {
            if let Some((pack, _)) = multi.find(oid).await?
                && let Some(pos) = self.pack(pack).idx(self).await?.find(oid).await?
            {
                return Ok(Some(Location::Packed { pack, pos }));
            }
        }
        for pack in &self.alone {
            if let Some(pos) = self.pack(*pack).idx(self).await?.find(oid).await? {
                return Ok(Some(Location::Packed { pack: *pack, pos }));
            }
        }
        Ok(None)
    }

    /// The object directories, the repository's own first.
    pub(crate) fn directories(&self) -> &[String] {
        &self.directories
    }

    /// The oid of the packed object at `pos` of `pack`'s index.
    pub(crate) async fn oid_at(&self, pack: u32, pos: u32) -> Result<Oid> {
        self.pack(pack).idx(self).await?.oid_at(pos).await
    }

    pub(crate) fn pack(&self, number: u32) -> &Pack<S> {
        &self.packs[number as usize]
    }

    /// Whether no other place is asked before this pack, so that all its objects count here.
    pub(crate) fn is_asked_first(&self, pack: u32) -> bool {
        self.multi.is_empty() && self.alone.first() == Some(&pack)
    }

    /// The number of packs, in all object directories.
    pub fn pack_count(&self) -> usize {
        self.packs.len()
    }

    pub(crate) fn loose_path(&self, directory: u32, oid: &Oid) -> String {
        loose::path(&self.directories[directory as usize], oid)
    }
}

impl Recent {
    fn slot(oid: &Oid) -> usize {
        let bytes = oid.as_bytes();
        (usize::from(bytes[4]) << 8 | usize::from(bytes[5])) % RECENT
    }

    fn find(&self, oid: &Oid) -> Option<Location> {
        self.0.get(Self::slot(oid))?.filter(|(seen, _)| seen == oid).map(|(_, location)| location)
    }

    fn insert(&mut self, oid: Oid, location: Location) {
        if self.0.is_empty() {
            self.0.resize(RECENT, None);
        }
        self.0[Self::slot(&oid)] = Some((oid, location));
    }
}
