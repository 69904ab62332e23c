//! Writes the new table and lists it.

use std::cmp::Ordering;

use super::log::NewLogs;
use super::{Locked, Prepared, TableTransaction};
use crate::refs::reftable::{
    BLOCK_SIZE, LARGE_BLOCK_SIZE, Section, Shape, Stack, TableWriter, Value,
};
use crate::storage::WriteStorage;
use crate::{Error, Result};

/// How many times larger a table has to be than all that came after it, or it is merged with them.
/// Git's number: a stack has as many tables as its size has digits.
const FACTOR: u64 = 2;

/// What every table has whatever it holds, as git counts it.
const TABLE_OVERHEAD: u64 = 23;

/// About the bytes of an update: only the choice of what is merged depends on it.
const UPDATE_BYTES: u64 = 64;

impl<S: WriteStorage> TableTransaction<'_, S> {
    /// Writes all updates into one table and puts it in the place of the newest ones.
    pub(super) async fn write(&mut self) -> Result<()> {
        let Some(locked) = &self.locked else { return Ok(()) };
        let storage = &self.repository.engine.storage;
        let directory = self.repository.file("reftable");
        let start = self.first_merged(&locked.stack).await?;
        let (kept, merged) = locked.stack.tables.split_at(start);
        let newest = locked.stack.tables.last().map_or(0, |(_, table)| table.updates.1);
        let newest = newest.checked_add(1).ok_or_else(|| Error::corrupt("a reftable"))?;
        let oldest = merged.first().map_or(newest, |(_, table)| table.updates.0);
        let name = format!(
            "0x{oldest:012x}-0x{newest:012x}-{:08x}.ref",
            storage.random() & u64::from(u32::MAX)
        );
        let path = format!("{directory}/{name}");
        let placed = async {
            let new = format!("{}.table-{:016x}", self.scratch, storage.random());
            let written = async {
                let records = self.write_table(&new, locked, start, (oldest, newest)).await?;
                if records > 0 {
                    storage.rename(&new, &path).await?;
                    // A list must never be found without a table that it names.
                    storage.sync_directory(&directory).await?;
                }
                Ok::<_, Error>(records)
            };
            let written = written.await;
            if !matches!(written, Ok(1..)) {
                _ = storage.remove_file(&new).await;
            }
            let mut list: String = kept.iter().map(|(name, _)| format!("{name}\n")).collect();
            if written? > 0 {
                list.push_str(&format!("{name}\n"));
            }
            locked.lock.write_content(storage, list.into_bytes()).await?;
            locked.lock.commit(storage).await?;
            Ok::<_, Error>(())
        };
        if let Err(error) = placed.await {
            _ = storage.remove_file(&path).await;
            return Err(error);
        }
        storage.sync_directory(&directory).await?;
        // Those who read them by now go on reading; what cannot be removed is swept later.
        for (name, _) in merged {
            _ = storage.remove_file(&format!("{directory}/{name}")).await;
        }
        Ok(())
    }

    /// From which table on the newest ones are merged: until each that stays is large beside what
    /// follows it, but none that somebody else is merging just now.
    async fn first_merged(&self, stack: &Stack<S>) -> Result<usize> {
        let mut bytes = UPDATE_BYTES * self.prepared.len() as u64;
        let mut start = stack.tables.len();
        for (number, (_, table)) in stack.tables.iter().enumerate().rev() {
            let size = table.size().saturating_sub(TABLE_OVERHEAD);
            if size < bytes.saturating_mul(FACTOR) {
                start = number;
            }
            bytes = bytes.saturating_add(size);
        }
        for (number, (name, _)) in stack.tables.iter().enumerate().skip(start).rev() {
            let lock = self.repository.file(&format!("reftable/{name}.lock"));
            if self.repository.engine.look(&lock).await?.is_some() {
                return Ok(number + 1);
            }
        }
        Ok(start)
    }

    /// Writes the table; how many records it has.
    async fn write_table(
        &self,
        path: &str,
        locked: &Locked<S>,
        start: usize,
        updates: (u64, u64),
    ) -> Result<u64> {
        let engine = &self.repository.engine;
        let merged = locked.stack.tables.iter().skip(start);
        // What fitted into a block fits into one of the new table.
        let block_size = merged.map(|(_, table)| table.block_size().unwrap_or(LARGE_BLOCK_SIZE));
        let block_size = block_size.max().unwrap_or(BLOCK_SIZE).max(BLOCK_SIZE);
        let shape = Shape { format: self.repository.object_format(), block_size, updates };
        let file = engine.storage.create_new(path).await?;
        let mut table = TableWriter::new(&file, shape);
        let refs = New::Refs(self.new_refs().await?.into_iter());
        self.merge(&mut table, Section::Refs, locked, start, refs).await?;
        let logs = New::Logs(NewLogs::new(self, &locked.stack, updates.1));
        self.merge(&mut table, Section::Logs, locked, start, logs).await?;
        table.finish().await
    }

    /// Adds records to the table in order: what is new, and what the newest tables hold besides.
    async fn merge(
        &self,
        table: &mut TableWriter<'_, S::Writer>,
        section: Section,
        locked: &Locked<S>,
        start: usize,
        mut news: New<'_, S>,
    ) -> Result<()> {
        // Where nothing is older there is nothing to be hidden.
        let keeps = |value: &Value| start > 0 || *value != Value::Deleted;
        let update_index = table.updates().1;
        let mut stored = locked.stack.seek_from(start, section, b"").await?;
        let (mut new, mut old) = (news.next().await?, stored.next().await?);
        loop {
            self.repository.engine.worked(1).await;
            let is_before = match (&new, &old) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((name, _)), Some(_)) => name.cmp(&stored.last),
            };
            if is_before.is_ge() {
                if is_before.is_gt()
                    && let Some(value) = old.filter(keeps)
                {
                    table.add(section, &stored.last, stored.update_index, &value).await?;
                }
                old = stored.next().await?;
            }
            if is_before.is_le() {
                if let Some((name, value)) = new.filter(|(_, value)| keeps(value)) {
                    table.add(section, &name, update_index, &value).await?;
                }
                new = news.next().await?;
            }
        }
    }

    /// What the refs shall be, in the order of their names.
    async fn new_refs(&self) -> Result<Vec<(Vec<u8>, Value)>> {
        let mut refs = Vec::with_capacity(self.prepared.len());
        for prepared in self.prepared.iter().filter(|prepared| !prepared.is_unchanged()) {
            let Prepared { name, new, .. } = prepared;
            let value = match new {
                None => Value::Deleted,
                Some(new) => match self.repository.odb().peel(new).await {
                    Ok(Some(peeled)) => Value::Tag(*new, peeled),
                    // A ref may be broken: git then writes it without its peeled value, too.
                    Ok(None) | Err(Error::Corrupt(_)) => Value::Direct(*new),
                    Err(error) => return Err(error),
                },
            };
            refs.push((name.to_vec(), value));
        }
        refs.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(refs)
    }
}

/// What the transaction adds, in the order of names.
enum New<'a, S: WriteStorage> {
    Refs(std::vec::IntoIter<(Vec<u8>, Value)>),
    Logs(NewLogs<'a, S>),
}

impl<S: WriteStorage> New<'_, S> {
    async fn next(&mut self) -> Result<Option<(Vec<u8>, Value)>> {
        match self {
            Self::Refs(refs) => Ok(refs.next()),
            Self::Logs(logs) => logs.next().await,
        }
    }
}
