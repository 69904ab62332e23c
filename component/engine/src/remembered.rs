//! Small files and directories, as they were when they were read last.
//!
//! A look at the path tells whether that still holds, at a fraction of what reading costs. It can
//! only tell by times, which a file system keeps no finer than it likes: what was changed shortly
//! before it was read could change again without a trace, and is not remembered.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use crate::storage::{DirEntry, Kind, Stat, Storage, look};
use crate::{Engine, Result};

/// Nanoseconds after which times tell whether something changed. FAT counts in two seconds;
/// nothing in use is coarser.
const SETTLED: u64 = 2_500_000_000;

/// What is remembered of some kind, by path.
#[derive(Debug)]
pub(crate) struct Remembered<T> {
    known: RefCell<HashMap<String, (Stat, Rc<T>)>>,
    bytes: Cell<usize>,
    limit: usize,
}

/// What is added for each entry to the bytes that it holds.
const ENTRY_BYTES: usize = 128;

impl<T> Remembered<T> {
    /// Nothing yet, and at most `limit` bytes. Past it all is forgotten, which only costs reads.
    pub(crate) fn new(limit: usize) -> Self {
        Self { known: RefCell::default(), bytes: Cell::new(0), limit }
    }

    fn find(&self, path: &str, stat: &Stat) -> Option<Rc<T>> {
        let known = self.known.borrow();
        known.get(path).filter(|(seen, _)| seen == stat).map(|(_, value)| Rc::clone(value))
    }

    fn insert(&self, path: &str, stat: Stat, value: &Rc<T>, bytes: usize) {
        let mut known = self.known.borrow_mut();
        let bytes = bytes + path.len() + ENTRY_BYTES;
        if self.bytes.get() + bytes > self.limit {
            known.clear();
            self.bytes.set(0);
        }
        if bytes <= self.limit {
            self.bytes.set(self.bytes.get() + bytes);
            known.insert(path.to_owned(), (stat, Rc::clone(value)));
        }
    }
}

impl<S: Storage> Engine<S> {
    /// What is at a path, links followed; `None` if there is nothing.
    ///
    /// Equal answers mean that nothing has changed, if [`Self::is_settled`] says so of them.
    pub(crate) async fn look(&self, path: &str) -> Result<Option<Stat>> {
        Ok(look(&self.storage, path).await?)
    }

    /// Whether a change that comes from now on will show.
    pub(crate) fn is_settled(&self, stat: &Stat) -> bool {
        let changed = stat.modified.max(stat.changed);
        changed.saturating_add(SETTLED) < self.storage.wall_clock()
    }

    /// As [`Engine::read_small`], for a file that is read again and again.
    pub(crate) async fn recall_file(&self, path: &str) -> Result<Option<Rc<Vec<u8>>>> {
        match self.look(path).await? {
            Some(stat) if stat.kind != Kind::Directory => self.recall_file_at(path, stat).await,
            _ => Ok(None),
        }
    }

    /// As [`Self::recall_file`], for a file that was looked at just now.
    pub(crate) async fn recall_file_at(
        &self,
        path: &str,
        stat: Stat,
    ) -> Result<Option<Rc<Vec<u8>>>> {
        if let Some(content) = self.files.find(path, &stat) {
            return Ok(Some(content));
        }
        let Some(content) = self.read_small(path).await? else { return Ok(None) };
        let content = Rc::new(content);
        if self.is_settled(&stat) {
            self.files.insert(path, stat, &content, content.capacity());
        }
        Ok(Some(content))
    }

    /// As [`Storage::entries`], for a directory that is listed again and again; `None` if there is
    /// none.
    pub(crate) async fn recall_entries(
        &self,
        path: &str,
        limit: usize,
    ) -> Result<Option<Rc<Vec<DirEntry>>>> {
        let Some(stat) = self.look(path).await? else { return Ok(None) };
        if let Some(entries) = self.listings.find(path, &stat) {
            return Ok(Some(entries));
        }
        let entries = match self.storage.entries(path, limit).await {
            Ok(entries) => Rc::new(entries),
            Err(error) if error.is_absent() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if self.is_settled(&stat) {
            let size = |entry: &DirEntry| entry.name.len() + size_of::<DirEntry>();
            self.listings.insert(path, stat, &entries, entries.iter().map(size).sum());
        }
        Ok(Some(entries))
    }
}
