//! Ref transactions: refs move under git's own lock files, compared with what they were, all or
//! none.
//!
//! Every update is locked (`<ref>.lock`), read under its lock and compared before anything moves,
//! so that a native git which works on the same repository is excluded the way it expects to be.
//! A few refs that need not move together become files, as git writes them. Refs that have to
//! move together, and very many refs, move by one rename of `packed-refs`: whenever the process
//! ends, all of them are old or all are new. Where refs are in tables, all of a push are in one.
//!
//! Spec: gitrepository-layout(5), "refs", "packed-refs", "logs"
//!
//! # Cancel safety
//! A transaction has to be committed or rolled back. One that is dropped, or whose process dies,
//! leaves lock files; they are links to files of its own directory, by which
//! [`release_left_locks`] recognizes them later.

mod commit;
mod directories;
mod lock;
mod name_conflict;
mod packed_refs;
mod prepare;
mod raw_ref;
mod reflog;
mod refusal;
mod replace_file;
mod shallow_file;
mod tables;

use std::collections::BTreeSet;

use bstr::BString;
use gitwasi_wire::Oid;

pub(crate) use directories::{make_parents, remove_tree};
pub(crate) use lock::{is_same, release_left_lock, release_left_locks};
pub use reflog::Identity;
pub(crate) use reflog::LogRefUpdates;
pub(crate) use refusal::Refusal;
pub(crate) use replace_file::replace_file;
pub(crate) use shallow_file::ShallowFile;
pub(crate) use tables::sweep as sweep_tables;

use crate::Repository;
use crate::repository::RefStorage;
use crate::storage::{StorageError, WriteStorage};
use lock::Lock;
use name_conflict::Known;
use tables::TableTransaction;

/// One ref to be moved.
#[derive(Debug, Clone)]
pub(crate) struct Update {
    /// The full name. A symbolic ref stands for what it points to.
    pub(crate) name: BString,
    /// What it has to be at, the zero oid for no ref; `None` if that does not matter.
    pub(crate) old: Option<Oid>,
    /// What it shall be at; `None` deletes it.
    pub(crate) new: Option<Oid>,
}

/// How refs are moved.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Which refs get a reflog.
    pub(crate) log: LogRefUpdates,
    /// Who is named in the reflogs.
    pub(crate) identity: Identity,
    /// The message in the reflogs.
    pub(crate) message: &'static str,
    /// Milliseconds to wait for a ref's lock. Git's `core.filesRefLockTimeout`.
    pub(crate) ref_timeout: u64,
    /// Milliseconds to wait for the lock of `packed-refs`. Git's `core.packedRefsTimeout`.
    pub(crate) packed_refs_timeout: u64,
    /// Milliseconds to wait for the lock of a stack of tables. Git's `reftable.lockTimeout`.
    pub(crate) tables_timeout: u64,
}

/// Updates that are locked and checked, and wait to be made.
#[derive(Debug)]
pub(crate) enum Transaction<'r, S: WriteStorage> {
    Files(FileTransaction<'r, S>),
    Tables(TableTransaction<'r, S>),
}

impl<'r, S: WriteStorage> Transaction<'r, S> {
    /// Locks and checks `updates`; what is answered holds for each of them, in their order.
    ///
    /// With `atomic` nothing stays locked unless all may be made. `scratch` is a path that nobody
    /// else uses.
    pub(crate) async fn prepare(
        repository: &'r Repository<S>,
        scratch: &'r str,
        updates: &[Update],
        atomic: bool,
        options: &'r Options,
    ) -> (Self, Vec<Result<(), Refusal>>) {
        match repository.config.ref_storage {
            RefStorage::Files => {
                let prepared =
                    FileTransaction::prepare(repository, scratch, updates, atomic, options);
                let (transaction, outcomes) = prepared.await;
                (Self::Files(transaction), outcomes)
            }
            RefStorage::Reftable => {
                let prepared =
                    TableTransaction::prepare(repository, scratch, updates, atomic, options);
                let (transaction, outcomes) = prepared.await;
                (Self::Tables(transaction), outcomes)
            }
        }
    }

    /// Gives everything back as it was.
    pub(crate) async fn roll_back(self) {
        match self {
            Self::Files(transaction) => transaction.roll_back().await,
            Self::Tables(transaction) => transaction.roll_back().await,
        }
    }

    /// Whether there is anything to commit.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Files(transaction) => transaction.is_empty(),
            Self::Tables(transaction) => transaction.is_empty(),
        }
    }

    /// What the refs are at, each by the number of its update; under their locks, it stays so.
    pub(crate) fn old_values(&self) -> Vec<(usize, Oid)> {
        match self {
            Self::Files(transaction) => transaction.old_values().collect(),
            Self::Tables(transaction) => transaction.old_values().collect(),
        }
    }

    /// Makes durable what the refs shall be at, which [`Self::commit`] relies on.
    pub(crate) async fn make_durable(&self) -> Result<(), StorageError> {
        match self {
            Self::Files(transaction) => transaction.make_durable().await,
            // The table is written when the refs move.
            Self::Tables(_) => Ok(()),
        }
    }

    /// Makes the updates, each by its number; all are durable then.
    ///
    /// Those that move through `packed-refs` or a table are made together or not at all.
    pub(crate) async fn commit(self) -> Vec<(usize, Result<(), Refusal>)> {
        match self {
            Self::Files(transaction) => transaction.commit().await,
            Self::Tables(transaction) => transaction.commit().await,
        }
    }
}

/// A transaction over refs that are files.
#[derive(Debug)]
pub(crate) struct FileTransaction<'r, S: WriteStorage> {
    repository: &'r Repository<S>,
    /// A path of this transaction alone, in the same file system as the refs. Files that it needs
    /// for a moment have names that begin with it and a dot.
    scratch: &'r str,
    options: &'r Options,
    /// Whether all refs move or none.
    atomic: bool,
    /// Whether all refs move by one rename of `packed-refs`.
    through_packed_refs: bool,
    /// What is in the way of the names, if there are many.
    known: Known,
    prepared: Vec<Prepared<S>>,
    packed_refs_lock: Option<Lock<S>>,
    /// Directories whose entries have to be made durable.
    touched: BTreeSet<String>,
}

/// From how many refs on they are moved through `packed-refs` even if they need not move
/// together: a file each has to be flushed, one by one.
const MANY: usize = 64;

/// An update of a ref that is a file, locked and checked.
#[derive(Debug)]
struct Prepared<S: WriteStorage> {
    /// Its place in the list of updates.
    number: usize,
    /// The ref that moves: where symbolic refs led to.
    name: BString,
    /// What it is at; zero for no ref.
    old: Oid,
    /// What it shall be at; `None` deletes it.
    new: Option<Oid>,
    /// Whether it has a file of its own.
    is_loose: bool,
    /// The ref's own lock, then those of the symbolic refs that led to it, and of HEAD.
    locks: Vec<Lock<S>>,
    /// What else gets an entry in its reflog: symbolic refs and HEAD.
    also_logged: Vec<BString>,
}

impl<S: WriteStorage> Prepared<S> {
    fn is_unchanged(&self) -> bool {
        self.new == Some(self.old)
    }
}
