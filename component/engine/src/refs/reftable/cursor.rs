//! The records of one table in order.

use std::rc::Rc;

use super::block::{Block, Value};
use super::table::{Section, Table, bad};
use crate::Result;
use crate::storage::Storage;

/// A place among the refs or the log entries of one table.
#[derive(Debug)]
pub(crate) struct Cursor<S: Storage> {
    table: Rc<Table<S>>,
    section: Section,
    block: Option<Block>,
    next: u64,
    /// The name that was sought last, if the record is the first that is not before it.
    sought: Option<Vec<u8>>,
    /// The name of the record that was read last.
    pub(super) name: Vec<u8>,
    /// Of a ref, the change that it came with.
    pub(super) update_index: u64,
    /// What it says; `None` at the end.
    pub(super) value: Option<Value>,
}

/// Indexes of indexes at most.
const MAX_LEVELS: usize = 16;

impl<S: Storage> Cursor<S> {
    /// A cursor at no record yet.
    pub(super) fn new(table: Rc<Table<S>>, section: Section) -> Self {
        let next = table.end;
        Self {
            table,
            section,
            block: None,
            next,
            sought: None,
            name: Vec::new(),
            update_index: 0,
            value: None,
        }
    }

    /// Moves to the first record that is not before `name`.
    pub(super) async fn seek(&mut self, name: &[u8]) -> Result<()> {
        let is_behind = self.sought.take().is_some_and(|sought| sought.as_slice() <= name);
        if !is_behind || !self.seek_in_block(name)? {
            self.next = self.find_block(name).await?;
            self.block = None;
            self.advance().await?;
            while self.value.is_some() && self.name.as_slice() < name {
                self.advance().await?;
            }
        }
        self.sought = Some(name.to_vec());
        Ok(())
    }

    /// Whether the record is in the block that is at hand, or the cursor was at the end before.
    fn seek_in_block(&mut self, name: &[u8]) -> Result<bool> {
        if self.value.is_none() {
            return Ok(true);
        }
        while self.value.is_some() {
            if self.name.as_slice() >= name {
                return Ok(true);
            }
            self.read()?;
        }
        Ok(false)
    }

    /// Where the block begins that holds the first record which is not before `name`, or one
    /// before it.
    async fn find_block(&self, name: &[u8]) -> Result<u64> {
        let table = &self.table;
        let place = table.place(self.section);
        let Some(first) = place.first else { return Ok(table.end) };
        if place.index == 0 || name.is_empty() {
            return Ok(first);
        }
        let mut at = place.index;
        let mut level = 0;
        while level < MAX_LEVELS {
            let Some((mut block, next)) = table.block(at).await? else { return Ok(table.end) };
            if block.kind == self.section.kind() {
                return Ok(at);
            }
            if block.kind != b'i' {
                // Behind the last name of all.
                return if level == 0 { Ok(table.end) } else { Err(bad()) };
            }
            let (mut last, mut found) = (Vec::new(), None);
            while let Some(value) = block.next(&mut last, table.format).ok_or_else(bad)? {
                if let Value::Block(position) = value
                    && last.as_slice() >= name
                {
                    found = Some(position);
                    break;
                }
            }
            match found {
                Some(position) => {
                    at = position;
                    level += 1;
                }
                // Git leaves up to three blocks side by side at the top.
                None => at = next,
            }
        }
        Err(bad())
    }

    /// Reads the next record.
    pub(super) async fn advance(&mut self) -> Result<()> {
        self.sought = None;
        loop {
            self.read()?;
            if self.value.is_some() {
                return Ok(());
            }
            self.block = match self.table.block(self.next).await? {
                Some((block, next)) if block.kind == self.section.kind() => {
                    self.next = next;
                    self.name.clear();
                    Some(block)
                }
                _ => return Ok(()),
            };
        }
    }

    /// Reads the next record of the block.
    fn read(&mut self) -> Result<()> {
        self.value = None;
        if let Some(block) = &mut self.block {
            self.value = block.next(&mut self.name, self.table.format).ok_or_else(bad)?;
            let first = self.table.updates.0;
            self.update_index = first.checked_add(block.update_index).ok_or_else(bad)?;
        }
        Ok(())
    }
}
