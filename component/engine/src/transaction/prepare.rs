//! Locks refs, reads them under their locks and compares.

use std::collections::BTreeSet;

use bstr::{BStr, BString, ByteSlice};
use gitwasi_wire::Oid;

use super::directories::remove_if_empty;
use super::lock::{Lock, LockError};
use super::name_conflict::{self, Conflict, Known};
use super::raw_ref::RawRef;
use super::{FileTransaction, MANY, Options, Prepared, Refusal, Update, reflog};
use crate::Repository;
use crate::storage::WriteStorage;

impl<'r, S: WriteStorage> FileTransaction<'r, S> {
    /// Locks and checks `updates`; what is answered holds for each of them, in their order.
    ///
    /// With `atomic` nothing stays locked unless all may be made. `scratch` is a directory that
    /// nobody else uses.
    pub(crate) async fn prepare(
        repository: &'r Repository<S>,
        scratch: &'r str,
        updates: &[Update],
        atomic: bool,
        options: &'r Options,
    ) -> (Self, Vec<Result<(), Refusal>>) {
        let mut transaction = Self {
            repository,
            scratch,
            options,
            atomic,
            through_packed_refs: updates.len() > 1 && atomic || updates.len() >= MANY,
            known: Known::default(),
            prepared: Vec::new(),
            packed_refs_lock: None,
            touched: BTreeSet::new(),
        };
        if updates.len() >= MANY {
            // If that fails, each name is looked at by itself, and fails by itself.
            let made = updates.iter().filter(|update| update.new.is_some());
            let asked = made.map(|update| update.name.clone()).collect();
            transaction.known = Known::new(repository, asked).await.unwrap_or_default();
        }
        let mut names = BTreeSet::new();
        let mut outcomes = Vec::with_capacity(updates.len());
        let mut all_locked = true;
        let head = match RawRef::read(repository, BStr::new("HEAD")).await {
            Ok(RawRef::Symbolic(target)) => Some(target),
            _ => None,
        };
        for (number, update) in updates.iter().enumerate() {
            repository.engine.worked(8).await;
            if atomic && !all_locked {
                outcomes.push(Err(Refusal::NotAlone));
                continue;
            }
            let outcome = transaction.lock(number, update, head.as_ref(), &mut names).await;
            all_locked &= outcome.is_ok();
            outcomes.push(outcome);
        }
        if let Err(refusal) = transaction.lock_packed_refs().await {
            all_locked = false;
            for (number, outcome) in outcomes.iter_mut().enumerate() {
                let needs = transaction.through_packed_refs || updates[number].new.is_none();
                if outcome.is_ok() && needs {
                    transaction.unlock(number).await;
                    *outcome = Err(match refusal {
                        LockError::Storage(ref error) => {
                            Refusal::failed(&updates[number].name, error.clone())
                        }
                        _ => Refusal::PackedRefsLocked,
                    });
                }
            }
        }
        if atomic && !all_locked {
            transaction.release().await;
            for outcome in outcomes.iter_mut().filter(|outcome| outcome.is_ok()) {
                *outcome = Err(Refusal::NotAlone);
            }
        }
        (transaction, outcomes)
    }

    /// Gives everything back as it was.
    pub(crate) async fn roll_back(mut self) {
        self.release().await;
    }

    pub(super) fn old_values(&self) -> impl Iterator<Item = (usize, Oid)> {
        self.prepared.iter().map(|prepared| (prepared.number, prepared.old))
    }

    /// Whether there is anything to commit.
    pub(crate) fn is_empty(&self) -> bool {
        self.prepared.is_empty()
    }

    async fn lock(
        &mut self,
        number: usize,
        update: &Update,
        head: Option<&BString>,
        names: &mut BTreeSet<BString>,
    ) -> Result<(), Refusal> {
        let mut locks = Vec::new();
        let locked = self.lock_chain(number, update, head, names, &mut locks).await;
        match locked {
            Ok(mut prepared) => {
                locks.reverse();
                prepared.locks = locks;
                names.insert(prepared.name.clone());
                names.extend(prepared.also_logged.iter().cloned());
                self.prepared.push(prepared);
                Ok(())
            }
            Err(refusal) => {
                for lock in locks.into_iter().rev() {
                    lock.release(&self.repository.engine.storage).await;
                }
                Err(refusal)
            }
        }
    }

    /// Locks the ref, and what it points to if it is symbolic; the ref that moves comes last.
    async fn lock_chain(
        &self,
        number: usize,
        update: &Update,
        head: Option<&BString>,
        names: &BTreeSet<BString>,
        locks: &mut Vec<Lock<S>>,
    ) -> Result<Prepared<S>, Refusal> {
        let asked = &update.name;
        let failed = |error| Refusal::failed(asked, error);
        let mut name = asked.clone();
        let mut also_logged = Vec::new();
        for _ in 0..=self.repository.engine.limits.symref_depth {
            if names.contains(&name) {
                return Err(Refusal::Duplicate(name));
            }
            let log_head = head == Some(&name) && !also_logged.iter().any(|name| name == "HEAD");
            if log_head && self.is_logged("HEAD").await {
                let head = BString::from("HEAD");
                locks.push(self.take(asked, &head, None, names).await?);
                also_logged.push(head);
            }
            // A ref that moves through packed-refs, or is deleted, is only kept from others.
            let content = update.new.filter(|_| !self.through_packed_refs);
            locks.push(self.take(asked, &name, content, names).await?);
            let raw = RawRef::read(self.repository, name.as_bstr()).await.map_err(failed)?;
            let (old, is_loose) = match raw {
                RawRef::Loose(oid) => (oid, true),
                RawRef::Packed(oid) => (oid, false),
                RawRef::Broken => return Err(Refusal::Broken(asked.clone(), name)),
                RawRef::Symbolic(target) => {
                    also_logged.push(std::mem::replace(&mut name, target));
                    continue;
                }
                RawRef::Absent { directory } => {
                    self.check_absent(update, &name, directory, names).await?;
                    (Oid::zero(self.repository.object_format()), false)
                }
            };
            check_old(update, &old)?;
            let new = update.new;
            if new != Some(old) {
                let own = new.is_some().then_some(&name);
                self.check_logs(asked, own.into_iter().chain(&also_logged)).await?;
            }
            return Ok(Prepared {
                number,
                name,
                old,
                new,
                is_loose,
                locks: Vec::new(),
                also_logged,
            });
        }
        Err(Refusal::Broken(asked.clone(), name))
    }

    /// Checks that what is to be logged can be.
    async fn check_logs(
        &self,
        asked: &BString,
        names: impl Iterator<Item = &BString>,
    ) -> Result<(), Refusal> {
        let (engine, path) = (&self.repository.engine, &self.repository.path);
        for name in names {
            match reflog::obstacle(engine, path, name, self.options.log).await {
                Ok(None) => {}
                Ok(Some(refusal)) => return Err(refusal),
                Err(error) => return Err(Refusal::failed(asked, error)),
            }
        }
        Ok(())
    }

    /// Checks that a ref that is not there may be made, and clears its place.
    async fn check_absent(
        &self,
        update: &Update,
        name: &BString,
        directory: bool,
        names: &BTreeSet<BString>,
    ) -> Result<(), Refusal> {
        let failed = |error| Refusal::failed(&update.name, error);
        if update.old.is_some_and(|old| !old.is_zero()) {
            return Err(Refusal::Unresolved(update.name.clone(), name.clone()));
        }
        if update.new.is_none() {
            // Git looks for other refs in the way of what it deletes, too: for each by itself,
            // unless all move or none.
            let found = name_conflict::find_existing(self.repository, name.as_bstr()).await;
            return match found.map_err(failed)? {
                Some(other) if self.atomic || !names.contains(&other) => {
                    let (asked, name) = (update.name.clone(), name.clone());
                    Err(Refusal::NameConflict { asked, name, other })
                }
                _ => Ok(()),
            };
        }
        self.check_name(&update.name, name, names).await?;
        if directory {
            let path = self.repository.file(&name.to_str_lossy());
            if !remove_if_empty(&self.repository.engine, &path).await.map_err(failed)? {
                // A ref that was made a moment ago, or what is no ref at all.
                let found = name_conflict::find_existing(self.repository, name.as_bstr()).await;
                let (asked, name) = (update.name.clone(), name.clone());
                return Err(match found.map_err(failed)? {
                    Some(other) => Refusal::NameConflict { asked, name, other },
                    None => Refusal::Blocked(asked, name.to_string()),
                });
            }
        }
        Ok(())
    }

    async fn check_name(
        &self,
        asked: &BString,
        name: &BString,
        names: &BTreeSet<BString>,
    ) -> Result<(), Refusal> {
        let conflict =
            name_conflict::find(self.repository, name.as_bstr(), names, &self.known).await;
        let (asked, name) = (asked.clone(), name.clone());
        match conflict {
            Ok(None) => Ok(()),
            Ok(Some(Conflict::Existing(other))) => {
                Err(Refusal::NameConflict { asked, name, other })
            }
            Ok(Some(Conflict::Update(other))) => {
                Err(Refusal::ConflictsWithUpdate { asked, name, other })
            }
            Err(error) => Err(Refusal::failed(&asked, error)),
        }
    }

    async fn take(
        &self,
        asked: &BString,
        name: &BString,
        content: Option<Oid>,
        names: &BTreeSet<BString>,
    ) -> Result<Lock<S>, Refusal> {
        let bad_name = || Refusal::Unresolved(asked.clone(), name.clone());
        let path = name.to_str().map_err(|_| bad_name())?;
        let content = content.map(|oid| format!("{oid}\n").into_bytes());
        let places = (self.repository.path.as_str(), self.scratch);
        let storage = &self.repository.engine.storage;
        match Lock::take(storage, places, path, content, self.options.ref_timeout).await {
            Ok(lock) => Ok(lock),
            Err(LockError::Held) => Err(Refusal::Locked(asked.clone(), path.to_owned())),
            Err(LockError::Storage(error)) => Err(Refusal::failed(asked, error)),
            Err(LockError::NotADirectory) => {
                self.check_name(asked, name, names).await?;
                Err(Refusal::Blocked(asked.clone(), path.to_owned()))
            }
        }
    }

    async fn lock_packed_refs(&mut self) -> Result<(), LockError> {
        let deletes = self.prepared.iter().any(|prepared| prepared.new.is_none());
        if self.prepared.is_empty() || !deletes && !self.through_packed_refs {
            return Ok(());
        }
        let places = (self.repository.path.as_str(), self.scratch);
        let storage = &self.repository.engine.storage;
        let timeout = self.options.packed_refs_timeout;
        self.packed_refs_lock =
            Some(Lock::take(storage, places, "packed-refs", None, timeout).await?);
        Ok(())
    }

    async fn is_logged(&self, name: &str) -> bool {
        let repository = self.repository;
        reflog::is_kept(&repository.engine, &repository.path, name, self.options.log).await
    }

    async fn unlock(&mut self, number: usize) {
        let Some(at) = self.prepared.iter().position(|prepared| prepared.number == number) else {
            return;
        };
        for lock in self.prepared.remove(at).locks {
            lock.release(&self.repository.engine.storage).await;
        }
    }

    /// Releases all locks that are still held, the last one first.
    pub(super) async fn release(&mut self) {
        let storage = &self.repository.engine.storage;
        for prepared in self.prepared.drain(..).rev() {
            for lock in prepared.locks {
                lock.release(storage).await;
            }
        }
        if let Some(lock) = self.packed_refs_lock.take() {
            lock.release(storage).await;
        }
    }
}

pub(super) fn check_old(update: &Update, is: &Oid) -> Result<(), Refusal> {
    match update.old {
        Some(expected) if expected != *is => Err(match expected.is_zero() {
            true => Refusal::Exists(update.name.clone()),
            false => Refusal::Moved { name: update.name.clone(), is: *is, expected },
        }),
        _ => Ok(()),
    }
}
