//! Whether the repository has an object already, asked for each object of a pack.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use gitwasi_wire::Oid;

use crate::odb::{Location, Odb};
use crate::storage::{DirEntry, Storage, StorageError};
use crate::working_memory::Lease;
use crate::{Error, Result};

/// Questions about one first byte after which its loose objects are listed.
const LIST_AFTER: u8 = 4;

/// The objects of the repository. Loose ones are looked for one by one first, and listed when
/// that would cost more.
#[derive(Debug)]
pub(super) struct Existing<'r, S: Storage> {
    odb: &'r Odb<S>,
    loose: RefCell<HashMap<(u32, u8), Loose>>,
    /// For the names that are known.
    lease: RefCell<Lease>,
    names: Cell<usize>,
}

/// What is known of the loose objects of one first byte.
#[derive(Debug)]
enum Loose {
    /// They were asked for that often.
    Asked(u8),
    /// The names, sorted, without the first two digits.
    Names(Vec<String>),
}

impl<'r, S: Storage> Existing<'r, S> {
    pub(super) fn new(odb: &'r Odb<S>) -> Self {
        let lease = RefCell::new(Lease::new(&odb.memory));
        Self { odb, loose: RefCell::default(), lease, names: Cell::new(0) }
    }

    /// Where the object is, if it is there.
    pub(super) async fn find(&self, oid: &Oid) -> Result<Option<Location>> {
        // Not in packs that appear meanwhile: most of what is asked for is new, and nowhere.
        if let Some(location) = self.odb.find_listed(oid).await? {
            return Ok(Some(location));
        }
        for directory in 0..self.odb.directories().len() as u32 {
            if self.is_loose(directory, oid).await? {
                return Ok(Some(Location::Loose { directory }));
            }
        }
        Ok(None)
    }

    async fn is_loose(&self, directory: u32, oid: &Oid) -> Result<bool> {
        let first = oid.as_bytes()[0];
        let asked =
            match self.loose.borrow_mut().entry((directory, first)).or_insert(Loose::Asked(0)) {
                Loose::Names(names) => {
                    let hex = oid.to_string();
                    return Ok(names.binary_search_by(|name| name.as_str().cmp(&hex[2..])).is_ok());
                }
                Loose::Asked(times) => {
                    *times = times.saturating_add(1);
                    *times
                }
            };
        let engine = &self.odb.engine;
        if asked <= LIST_AFTER {
            return self.odb.is_loose(directory, oid).await;
        }
        let path = format!("{}/{first:02x}", self.odb.directories()[directory as usize]);
        let limit = engine.limits.directory_entries;
        let each = size_of::<String>() + oid.as_bytes().len() * 2 + size_of::<DirEntry>();
        let most = limit.min(self.lease.borrow().affordable(each).saturating_sub(self.names.get()));
        let names = match engine.storage.entries(&path, most).await {
            Ok(entries) => {
                let mut names: Vec<_> = entries.into_iter().map(|entry| entry.name).collect();
                names.sort_unstable();
                names
            }
            Err(error) if error.is_absent() => Vec::new(),
            Err(StorageError::TooMany) if most < limit => {
                return Err(self.lease.borrow().refusal(limit * each));
            }
            Err(error) => return Err(Error::Storage(error)),
        };
        self.names.set(self.names.get() + names.len());
        self.lease.borrow_mut().cover(self.names.get() * each)?;
        let hex = oid.to_string();
        let found = names.binary_search_by(|name| name.as_str().cmp(&hex[2..])).is_ok();
        self.loose.borrow_mut().insert((directory, first), Loose::Names(names));
        Ok(found)
    }
}
