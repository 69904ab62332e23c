//! Ref transactions over reftables: one lock for all refs, one new table for all updates.
//!
//! The list of tables is locked while refs are compared and their objects leave the quarantine.
//! Then the updates, their log entries, and what the newest tables hold besides, as far as these
//! are small, go into one table, and the list is replaced: all updates at once.
//!
//! Spec: reftable.txt of git's technical documentation, "Update transactions", "Compaction"

mod log;
mod prepare;
mod sweep;
mod write;

use bstr::BString;
use gitwasi_wire::Oid;

pub(crate) use sweep::sweep;

use super::lock::Lock;
use super::{Options, Refusal};
use crate::Repository;
use crate::refs::reftable::{Merged, Stack};
use crate::storage::WriteStorage;

/// A transaction over refs that are in tables.
#[derive(Debug)]
pub(crate) struct TableTransaction<'r, S: WriteStorage> {
    repository: &'r Repository<S>,
    scratch: &'r str,
    options: &'r Options,
    locked: Option<Locked<S>>,
    prepared: Vec<Prepared>,
}

/// The stack, which nobody else may change.
#[derive(Debug)]
struct Locked<S: WriteStorage> {
    lock: Lock<S>,
    stack: Stack<S>,
    /// Refs, looked up one after another.
    refs: Merged<S>,
    /// The same, for names that others are directories of.
    below: Merged<S>,
    /// Log entries.
    logs: Merged<S>,
}

/// An update that was checked.
#[derive(Debug)]
struct Prepared {
    /// Its place in the list of updates.
    number: usize,
    /// The ref that moves: where symbolic refs led to.
    name: BString,
    /// What it is at; zero for no ref.
    old: Oid,
    /// Whether it is there: a broken one could be at the zero oid.
    exists: bool,
    /// What it shall be at; `None` deletes it.
    new: Option<Oid>,
    /// Whether the move is written to its own log.
    is_logged: bool,
    /// Whose logs else it is written to: symbolic refs' and HEAD's.
    also_logged: Vec<BString>,
}

impl Prepared {
    /// Whether there is nothing to write.
    fn is_unchanged(&self) -> bool {
        self.new.map_or(!self.exists, |new| self.exists && new == self.old)
    }
}

impl<S: WriteStorage> TableTransaction<'_, S> {
    /// Gives everything back as it was.
    pub(super) async fn roll_back(mut self) {
        self.release().await;
    }

    pub(super) fn old_values(&self) -> impl Iterator<Item = (usize, Oid)> {
        self.prepared.iter().map(|prepared| (prepared.number, prepared.old))
    }

    /// Whether there is anything to commit.
    pub(super) fn is_empty(&self) -> bool {
        self.prepared.is_empty()
    }

    /// Makes the updates, all or none, each by its number; all are durable then.
    pub(super) async fn commit(mut self) -> Vec<(usize, Result<(), Refusal>)> {
        let written = match self.prepared.iter().all(Prepared::is_unchanged) {
            true => Ok(()),
            false => self.write().await,
        };
        let outcome = |prepared: &Prepared| match &written {
            Ok(()) => Ok(()),
            Err(error) => Err(Refusal::failed(&prepared.name, super::commit::again(error))),
        };
        let outcomes = self.prepared.iter().map(|prepared| (prepared.number, outcome(prepared)));
        let outcomes = outcomes.collect();
        self.release().await;
        outcomes
    }

    async fn release(&mut self) {
        if let Some(locked) = self.locked.take() {
            locked.lock.release(&self.repository.engine.storage).await;
        }
    }
}
