//! The tables that are listed, each over those before it.

use std::rc::Rc;

use bstr::ByteSlice;
use gitwasi_wire::ObjectFormat;

use super::block::Value;
use super::cursor::Cursor;
use super::table::{Section, Table};
use crate::storage::Storage;
use crate::{Engine, Error, Repository, Result};

/// The tables as they were listed at one moment. They never change, and stay readable when the list
/// does.
#[derive(Debug)]
pub(crate) struct Stack<S: Storage> {
    /// The oldest first, with their names.
    pub(crate) tables: Vec<(String, Rc<Table<S>>)>,
}

/// Records of several tables in the order of their names.
#[derive(Debug)]
pub(crate) struct Merged<S: Storage> {
    /// The oldest table first.
    cursors: Vec<Cursor<S>>,
    /// The name that came last.
    pub(crate) last: Vec<u8>,
    /// Of a ref that came last, the change that it came with.
    pub(crate) update_index: u64,
}

/// Times that the list is read again because a table is gone.
const ATTEMPTS: usize = 10;

impl<S: Storage> Stack<S> {
    /// Opens the stack of a repository.
    ///
    /// # Limits
    /// [`crate::Limits::packs`] tables.
    pub(crate) async fn open(repository: &Repository<S>) -> Result<Self> {
        let directory = repository.file("reftable");
        Self::open_at(&repository.engine, &directory, repository.object_format()).await
    }

    /// Opens the stack in a directory: that of a worktree, perhaps.
    pub(crate) async fn open_at(
        engine: &Engine<S>,
        directory: &str,
        format: ObjectFormat,
    ) -> Result<Self> {
        for _ in 0..ATTEMPTS {
            if let Some(tables) = tables(engine, directory, format).await? {
                return Ok(Self { tables });
            }
        }
        Err(Error::corrupt("a reftable that is listed and not there"))
    }

    /// The records from the first one on that is not before `name`.
    pub(crate) async fn seek(&self, section: Section, name: &[u8]) -> Result<Merged<S>> {
        self.seek_from(0, section, name).await
    }

    /// As [`Self::seek`], without the first `start` tables.
    pub(crate) async fn seek_from(
        &self,
        start: usize,
        section: Section,
        name: &[u8],
    ) -> Result<Merged<S>> {
        let mut cursors = Vec::with_capacity(self.tables.len());
        for (_, table) in self.tables.iter().skip(start) {
            cursors.push(Rc::clone(table).seek(section, name).await?);
        }
        Ok(Merged { cursors, last: Vec::new(), update_index: 0 })
    }
}

impl<S: Storage> Merged<S> {
    /// Moves to the first record that is not before `name`, wherever it was.
    pub(crate) async fn seek(&mut self, name: &[u8]) -> Result<()> {
        self.last.clear();
        for cursor in &mut self.cursors {
            cursor.seek(name).await?;
        }
        Ok(())
    }

    /// What the newest table says of `name`, which was sought.
    pub(crate) fn at(&self, name: &[u8]) -> Option<&Value> {
        let found = self.cursors.iter().rev().find(|cursor| cursor.is_at(name))?;
        found.value.as_ref()
    }

    /// Moves to the next name, [`Self::last`]; what the newest table that has it says.
    pub(crate) async fn next(&mut self) -> Result<Option<Value>> {
        let names = self.cursors.iter().filter(|cursor| cursor.value.is_some());
        let Some(least) = names.map(|cursor| &cursor.name).min() else { return Ok(None) };
        // Else a table that is not sorted could send us to and fro for ever.
        if *least <= self.last {
            return Err(Error::corrupt("a reftable that is not sorted"));
        }
        self.last.clone_from(least);
        let mut newest = None;
        for cursor in &mut self.cursors {
            if cursor.is_at(&self.last) {
                self.update_index = cursor.update_index;
                newest = cursor.value.take();
                cursor.advance().await?;
            }
        }
        Ok(newest)
    }

    /// The first name that begins with `prefix` and is not deleted.
    pub(crate) async fn find_below(&mut self, prefix: &[u8]) -> Result<Option<Vec<u8>>> {
        self.seek(prefix).await?;
        loop {
            let live = self.cursors.iter().filter(|cursor| cursor.value.is_some());
            let first = live.map(|cursor| &cursor.name).min();
            let Some(first) = first.filter(|name| name.starts_with(prefix)) else {
                return Ok(None);
            };
            if self.at(first) != Some(&Value::Deleted) {
                return Ok(Some(first.clone()));
            }
            self.next().await?;
        }
    }
}

impl<S: Storage> Cursor<S> {
    fn is_at(&self, name: &[u8]) -> bool {
        self.value.is_some() && self.name == name
    }
}

/// Opens the tables, the oldest first; `None` if one is gone, because the list was replaced.
async fn tables<S: Storage>(
    engine: &Engine<S>,
    directory: &str,
    format: ObjectFormat,
) -> Result<Option<Vec<(String, Rc<Table<S>>)>>> {
    let mut tables = Vec::new();
    for name in names(engine, directory).await? {
        let path = format!("{directory}/{name}");
        match Table::open(engine, &path, format).await? {
            Some(table) => tables.push((name, Rc::new(table))),
            None => return Ok(None),
        }
    }
    Ok(Some(tables))
}

/// The names of the tables that are listed, the oldest first.
///
/// # Limits
/// [`crate::Limits::packs`]
pub(crate) async fn names<S: Storage>(engine: &Engine<S>, directory: &str) -> Result<Vec<String>> {
    let list = engine.read_small(&format!("{directory}/tables.list")).await?;
    let list = list.ok_or_else(|| Error::corrupt("no reftable/tables.list"))?;
    let mut names = Vec::new();
    for name in list.split(|byte| *byte == b'\n').filter(|name| !name.is_empty()) {
        let name = name.to_str().ok().filter(|name| !name.contains('/') && *name != "..");
        let name = name.ok_or_else(|| Error::corrupt("reftable/tables.list"))?;
        if names.len() == engine.limits.packs {
            return Err(Error::LimitExceeded("packs"));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}
