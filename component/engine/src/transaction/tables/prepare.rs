//! Locks the stack and checks updates against it.

use std::collections::BTreeSet;

use bstr::{BStr, BString, ByteSlice};
use gitwasi_wire::Oid;

use super::{Locked, Prepared, TableTransaction, log};
use crate::refs::reftable::{Section, Stack, Value, has_room};
use crate::refs::{Target, is_valid_name};
use crate::storage::WriteStorage;
use crate::transaction::lock::{Lock, LockError};
use crate::transaction::name_conflict::{below, directories};
use crate::transaction::prepare::check_old;
use crate::transaction::{Options, Refusal, Update};
use crate::{Error, Repository, Result};

/// What is in the way of names, and what was found not to be.
#[derive(Debug, Default)]
struct Names {
    /// Refs that the transaction moves.
    taken: BTreeSet<BString>,
    /// Directories that are no refs.
    free: BTreeSet<BString>,
    /// Whether all refs move or none.
    atomic: bool,
}

impl<'r, S: WriteStorage> TableTransaction<'r, S> {
    pub(in crate::transaction) async fn prepare(
        repository: &'r Repository<S>,
        scratch: &'r str,
        updates: &[Update],
        atomic: bool,
        options: &'r Options,
    ) -> (Self, Vec<Result<(), Refusal>>) {
        let mut transaction =
            Self { repository, scratch, options, locked: None, prepared: Vec::new() };
        let mut locked = match transaction.lock().await {
            Ok(locked) => locked,
            Err(refusal) => {
                // Of the others only that they are not alone.
                let mut first = Some(refusal);
                let outcome = |_| Err(first.take().unwrap_or(Refusal::NotAlone));
                let outcomes = updates.iter().map(outcome).collect();
                return (transaction, outcomes);
            }
        };
        let mut names = Names { atomic, ..Names::default() };
        let mut outcomes = Vec::with_capacity(updates.len());
        let mut all_right = true;
        let head = match locked.find(BStr::new("HEAD")).await {
            Ok(Some(Target::Symbolic(target))) => Some(target),
            _ => None,
        };
        for (number, update) in updates.iter().enumerate() {
            repository.engine.worked(8).await;
            if atomic && !all_right {
                outcomes.push(Err(Refusal::NotAlone));
                continue;
            }
            let checked =
                transaction.check(&mut locked, number, update, head.as_ref(), &mut names).await;
            all_right &= checked.is_ok();
            outcomes.push(checked.map(|prepared| {
                names.taken.insert(prepared.name.clone());
                names.taken.extend(prepared.also_logged.iter().cloned());
                transaction.prepared.push(prepared);
            }));
        }
        transaction.locked = Some(locked);
        if atomic && !all_right {
            transaction.prepared.clear();
            for outcome in outcomes.iter_mut().filter(|outcome| outcome.is_ok()) {
                *outcome = Err(Refusal::NotAlone);
            }
        }
        if transaction.prepared.is_empty() {
            transaction.release().await;
        }
        (transaction, outcomes)
    }

    async fn lock(&self) -> Result<Locked<S>, Refusal> {
        let storage = &self.repository.engine.storage;
        let places = (self.repository.path.as_str(), self.scratch);
        let timeout = self.options.tables_timeout;
        let taken = Lock::take(storage, places, "reftable/tables.list", None, timeout).await;
        let lock = taken.map_err(|error| match error {
            LockError::Storage(error) => Refusal::failed(&"refs".into(), error),
            LockError::Held | LockError::NotADirectory => Refusal::TablesLocked,
        })?;
        let opened = async {
            let stack = Stack::open(self.repository).await?;
            let refs = stack.seek(Section::Refs, b"").await?;
            let below = stack.seek(Section::Refs, b"").await?;
            let logs = stack.seek(Section::Logs, b"").await?;
            Ok::<_, Error>((stack, refs, below, logs))
        };
        match opened.await {
            Ok((stack, refs, below, logs)) => Ok(Locked { lock, stack, refs, below, logs }),
            Err(error) => {
                lock.release(storage).await;
                Err(Refusal::failed(&"refs".into(), error))
            }
        }
    }

    async fn check(
        &self,
        locked: &mut Locked<S>,
        number: usize,
        update: &Update,
        head: Option<&BString>,
        names: &mut Names,
    ) -> Result<Prepared, Refusal> {
        let asked = &update.name;
        let failed = |error| Refusal::failed(asked, error);
        let mut name = asked.clone();
        let mut also_logged = Vec::new();
        for _ in 0..=self.repository.engine.limits.symref_depth {
            if names.taken.contains(&name) {
                return Err(Refusal::Duplicate(name));
            }
            if head == Some(&name) && !also_logged.iter().any(|name| name == "HEAD") {
                also_logged.push("HEAD".into());
            }
            let (old, exists) = match locked.find(name.as_bstr()).await.map_err(failed)? {
                Some(Target::Direct(oid)) => (oid, true),
                Some(Target::Symbolic(target)) if is_valid_name(target.as_bstr()) => {
                    also_logged.push(std::mem::replace(&mut name, target));
                    continue;
                }
                Some(Target::Symbolic(_)) => return Err(Refusal::Broken(asked.clone(), name)),
                None => {
                    locked.check_absent(update, &name, names).await?;
                    (Oid::zero(self.repository.object_format()), false)
                }
            };
            check_old(update, &old)?;
            let mut logged = Vec::with_capacity(also_logged.len());
            for name in also_logged {
                if self.is_logged(locked, name.as_bstr()).await.map_err(failed)? {
                    logged.push(name);
                }
            }
            let is_logged = update.new.is_some()
                && self.is_logged(locked, name.as_bstr()).await.map_err(failed)?;
            let longest = logged.iter().chain([&name]).max_by_key(|name| name.len());
            let fits = |name: &BString| has_room(name, log::longest_entry(self.options));
            if longest.is_some_and(|name| !fits(name)) {
                return Err(Refusal::TooLong(name));
            }
            let (new, also_logged) = (update.new, logged);
            return Ok(Prepared { number, name, old, exists, new, is_logged, also_logged });
        }
        Err(Refusal::Broken(asked.clone(), name))
    }

    async fn is_logged(&self, locked: &mut Locked<S>, name: &BStr) -> Result<bool> {
        if self.options.log.makes(name) {
            return Ok(true);
        }
        Ok(locked.logs.find_below(&log::of(name)).await?.is_some())
    }
}

impl<S: WriteStorage> Locked<S> {
    /// What the stack has for a name.
    async fn find(&mut self, name: &BStr) -> Result<Option<Target>> {
        self.refs.seek(name).await?;
        Ok(self.refs.at(name).and_then(Value::target).map(|(target, _)| target))
    }

    /// Checks that a ref that is not there may be made.
    async fn check_absent(
        &mut self,
        update: &Update,
        name: &BString,
        names: &mut Names,
    ) -> Result<(), Refusal> {
        if update.old.is_some_and(|old| !old.is_zero()) {
            return Err(Refusal::Unresolved(update.name.clone(), name.clone()));
        }
        let failed = |error| Refusal::failed(&update.name, error);
        let existing = self.in_the_way(name.as_bstr(), names).await.map_err(failed)?;
        let name = name.clone();
        // Git looks for other refs in the way of what it deletes, too: for each by itself, unless
        // all move or none.
        let is_delete = update.new.is_none();
        match existing {
            Some(other) if is_delete && !names.atomic && names.taken.contains(&other) => {}
            Some(other) => return Err(Refusal::NameTaken { name, other }),
            None => {}
        }
        if is_delete {
            return Ok(());
        }
        let taken = &names.taken;
        let above = directories(name.as_bstr()).find(|directory| taken.contains(*directory));
        let below = below(name.as_bstr());
        let first = || taken.range(below.clone()..).next();
        let other = above
            .map(ToOwned::to_owned)
            .or_else(|| first().filter(|other| other.starts_with(&below)).cloned());
        match other {
            Some(other) => Err(Refusal::NameTakenByUpdate { name, other }),
            None => Ok(()),
        }
    }

    /// A ref that is a directory of `name`, or below it.
    async fn in_the_way(&mut self, name: &BStr, names: &mut Names) -> Result<Option<BString>> {
        for directory in directories(name) {
            if names.free.contains(directory) {
                continue;
            }
            self.below.seek(directory).await?;
            if self.below.at(directory).is_some_and(|value| *value != Value::Deleted) {
                return Ok(Some(directory.into()));
            }
            names.free.insert(directory.into());
        }
        Ok(self.below.find_below(&below(name)).await?.map(BString::from))
    }
}
