//! The packs of an odb, numbered.
//!
//! Packs that appear while a request is under way, because of a repack, are numbered behind those
//! it began with: no number ever changes its meaning, and a pack that was opened can be read to
//! the end, even when its files are gone.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use gitwasi_wire::Oid;

use super::directory::PackDirectory;
use super::multi_pack_index::MultiPackIndex;
use super::{Location, Odb, Pack};
use crate::storage::Storage;
use crate::{Error, Result};

/// Listings of all object directories, one after another.
#[derive(Debug)]
pub(super) struct Generations<S: Storage>(OnceCell<Box<Generation<S>>>);

/// The packs that were new in a listing.
#[derive(Debug)]
struct Generation<S: Storage> {
    /// The number of the first of them.
    first: u32,
    packs: Vec<Rc<Pack<S>>>,
    directories: Vec<Rc<PackDirectory<S>>>,
    multi: Vec<NumberedMulti<S>>,
    /// Packs that no multi-pack-index covers, in the order they are asked.
    alone: Vec<u32>,
    next: Generations<S>,
}

/// A multi-pack-index, and the odb's numbers of its packs.
#[derive(Debug)]
pub(super) struct NumberedMulti<S: Storage> {
    pub(super) index: Rc<MultiPackIndex<S>>,
    pub(super) packs: Vec<u32>,
}

/// Repacks that one request lives through; after that, objects that are missed are missing.
const MAX_GENERATIONS: usize = 8;

impl<S: Storage> Default for Generations<S> {
    fn default() -> Self {
        Self(OnceCell::new())
    }
}

impl<S: Storage> Generations<S> {
    fn iter(&self) -> impl Iterator<Item = &Generation<S>> {
        let first = self.0.get().map(|first| &**first);
        std::iter::successors(first, |generation| generation.next.0.get().map(|next| &**next))
    }
}

impl<S: Storage> Odb<S> {
    /// Lists the packs, unless that was done.
    pub(crate) async fn list(&self) -> Result<()> {
        if self.generations.0.get().is_none() {
            let first = self.new_packs(0, false).await?;
            _ = self.generations.0.set(Box::new(first));
        }
        Ok(())
    }

    /// Looks for packs that are new; false if there are none. `again` as for
    /// [`PackDirectory::open`].
    pub(super) async fn list_again(&self, again: bool) -> Result<bool> {
        self.list().await?;
        if self.generations.iter().count() >= MAX_GENERATIONS {
            return Ok(false);
        }
        let generation = self.new_packs(self.pack_count() as u32, again).await?;
        if generation.packs.is_empty() {
            return Ok(false);
        }
        let last = self.generations.iter().last();
        let next = last.map_or(&*self.generations, |last| &last.next);
        Ok(next.0.set(Box::new(generation)).is_ok())
    }

    /// What is listed now and was not before.
    async fn new_packs(&self, first: u32, again: bool) -> Result<Generation<S>> {
        let (mut packs, mut multi, mut alone) = (Vec::new(), Vec::new(), Vec::new());
        let mut directories = Vec::with_capacity(self.directories.len());
        for directory in &self.directories {
            let listed = PackDirectory::open(&self.engine, directory, self.format, again).await?;
            let mut numbers = HashMap::new();
            let mut new = Vec::new();
            for pack in &listed.packs {
                let mut before = self.generations.iter().flat_map(|generation| &generation.packs);
                match before.position(|before| Rc::ptr_eq(before, pack)) {
                    Some(number) => _ = numbers.insert(pack.name(), number as u32),
                    None => {
                        let number = first + packs.len() as u32;
                        numbers.insert(pack.name(), number);
                        new.push((number, pack.name()));
                        packs.push(Rc::clone(pack));
                    }
                }
            }
            if packs.len() > self.engine.limits.packs {
                return Err(Error::LimitExceeded("packs"));
            }
            // Nothing may be asked of a multi-pack-index when one of its packs is gone, nor of the
            // layers above, which do not tell what it does.
            let mut covered = std::collections::HashSet::new();
            for index in &listed.multi {
                let packs = index.names().map(|name| numbers.get(name).copied());
                let Some(packs) = packs.collect::<Option<_>>() else { break };
                covered.extend(index.names());
                multi.push(NumberedMulti { index: Rc::clone(index), packs });
            }
            let uncovered = new.iter().filter(|(_, name)| !covered.contains(name));
            alone.extend(uncovered.map(|(number, _)| *number));
            directories.push(Rc::clone(&listed));
        }
        let next = Generations::default();
        Ok(Generation { first, packs, directories, multi, alone, next })
    }

    /// The object directories as they were listed first.
    pub(super) fn pack_directories(&self) -> &[Rc<PackDirectory<S>>] {
        self.generations.0.get().map_or(&[], |first| &first.directories)
    }

    /// Where an object is in the packs that are listed.
    pub(crate) async fn find_listed(&self, oid: &Oid) -> Result<Option<Location>> {
        self.list().await?;
        for generation in self.generations.iter() {
            for multi in &generation.multi {
                if let Some((number, _)) = multi.index.find(oid).await? {
                    let pack = multi.packs.get(number as usize).copied();
                    let pack = pack.ok_or_else(|| Error::corrupt("multi-pack-index"))?;
                    if let Some(location) = self.find_in(pack, oid).await? {
                        return Ok(Some(location));
                    }
                }
            }
            for pack in &generation.alone {
                if let Some(location) = self.find_in(*pack, oid).await? {
                    return Ok(Some(location));
                }
            }
        }
        Ok(None)
    }

    async fn find_in(&self, number: u32, oid: &Oid) -> Result<Option<Location>> {
        let pack = self.pack(number);
        let idx = match pack.idx(self).await {
            Ok(idx) => idx,
            Err(error) if error.is_absent() => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(pos) = idx.find(oid).await? else { return Ok(None) };
        // Who was told a location can read there: a pack that is gone is not one.
        match pack.data(self).await {
            Ok(_) => Ok(Some(Location::Packed { pack: number, pos })),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The pack of that number.
    ///
    /// # Panics
    /// For a number that no location has.
    pub(crate) fn pack(&self, number: u32) -> &Pack<S> {
        let mut generations = self.generations.iter();
        generations
            .find_map(|generation| {
                generation.packs.get(number.checked_sub(generation.first)? as usize)
            })
            .expect("numbers come from locations")
    }

    /// The multi-pack-indexes that the request began with.
    pub(super) fn multi_pack_indexes(&self) -> &[NumberedMulti<S>] {
        self.generations.0.get().map_or(&[], |first| &first.multi)
    }

    /// Whether no other place is asked before this pack, so that all its objects count here.
    pub(crate) fn is_asked_first(&self, pack: u32) -> bool {
        let first = self.generations.0.get();
        first.is_some_and(|first| first.multi.is_empty() && first.alone.first() == Some(&pack))
    }

    /// The number of packs that are listed, in all object directories.
    pub fn pack_count(&self) -> usize {
        self.generations.iter().map(|generation| generation.packs.len()).sum()
    }
}
