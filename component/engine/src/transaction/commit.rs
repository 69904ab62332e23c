//! Moves refs that are locked and checked.

use std::collections::BTreeMap;

use bstr::{BString, ByteSlice};
use futures_util::future::try_join_all;
use gitwasi_wire::Oid;

use super::directories::remove_empty_parents;
use super::lock::Lock;
use super::packed_refs::{self, Rewrite};
use super::reflog::{self, Entry};
use super::{FileTransaction, Prepared, Refusal};
use crate::storage::{StorageError, WriteStorage};
use crate::{Error, Result};

impl<S: WriteStorage> FileTransaction<'_, S> {
    /// Makes durable what the refs shall be at.
    pub(super) async fn make_durable(&self) -> Result<(), StorageError> {
        let locks = self.prepared.iter().flat_map(|prepared| &prepared.locks);
        try_join_all(locks.map(Lock::make_durable)).await.map(drop)
    }

    /// Makes the updates, each by its number; all are durable then.
    ///
    /// Those that move through `packed-refs` are made together or not at all.
    pub(crate) async fn commit(mut self) -> Vec<(usize, Result<(), Refusal>)> {
        let mut outcomes = if self.through_packed_refs {
            self.commit_together().await
        } else {
            self.commit_one_by_one().await
        };
        if let Err(error) = self.flush().await {
            for (_, outcome) in outcomes.iter_mut().filter(|(_, outcome)| outcome.is_ok()) {
                *outcome = Err(Refusal::failed(&"refs".into(), error.clone()));
            }
        }
        let deleted = self
            .prepared
            .iter()
            .filter(|prepared| prepared.new.is_none() || self.through_packed_refs);
        // One name for each directory will do.
        let deleted: BTreeMap<Vec<u8>, BString> = deleted
            .map(|prepared| (parent(&prepared.name).to_vec(), prepared.name.clone()))
            .collect();
        self.release().await;
        // Only now, for the locks were in the same directories; the innermost first.
        for name in deleted.into_values().rev() {
            let storage = &self.repository.engine.storage;
            remove_empty_parents(storage, &self.repository.path, &name.to_string()).await;
        }
        outcomes
    }

    async fn commit_one_by_one(&mut self) -> Vec<(usize, Result<(), Refusal>)> {
        let mut outcomes = Vec::with_capacity(self.prepared.len());
        let storage = &self.repository.engine.storage;
        for prepared in self.prepared.iter().filter(|prepared| prepared.new.is_some()) {
            let mut outcome = Ok(());
            if !prepared.is_unchanged() {
                outcome = self.log(prepared).await;
                if outcome.is_ok() {
                    let committed = prepared.locks[0].commit(storage).await;
                    outcome = committed.map_err(Refusal::storage(&prepared.name));
                    self.touched.extend(prepared.locks[0].directories().map(str::to_owned));
                }
            }
            outcomes.push((prepared.number, outcome));
        }
        outcomes.extend(self.commit_deletes().await);
        outcomes
    }

    /// First the packed refs are deleted, all of them by one rename, then the files: in between
    /// the files still hold what the refs were at.
    async fn commit_deletes(&mut self) -> Vec<(usize, Result<(), Refusal>)> {
        let deletes = || self.prepared.iter().filter(|prepared| prepared.new.is_none());
        if deletes().next().is_none() {
            return Vec::new();
        }
        let mut rewrite = Rewrite::default();
        let mut logs = self.remove_reflogs().await;
        for prepared in deletes() {
            rewrite.insert(prepared.name.clone(), None);
            if let Err(Refusal::Failed(_, error)) = self.log(prepared).await {
                logs = Err(error);
            }
        }
        let packed = match logs {
            Ok(()) => self.rewrite(&rewrite).await,
            Err(error) => Err(error),
        };
        let mut outcomes = Vec::new();
        let mut touched = Vec::new();
        for prepared in deletes() {
            let outcome = match &packed {
                Ok(()) => self.remove_file(prepared, &mut touched).await,
                Err(error) => Err(Refusal::failed(&prepared.name, again(error))),
            };
            outcomes.push((prepared.number, outcome));
        }
        self.touched.extend(touched);
        outcomes
    }

    /// Moves all refs by one rename of `packed-refs`.
    ///
    /// Files count before `packed-refs`. So what the refs are at goes into `packed-refs` first,
    /// then the files go, and nothing has changed but the place. Then the rename that counts.
    async fn commit_together(&mut self) -> Vec<(usize, Result<(), Refusal>)> {
        let outcome = self.move_together().await;
        self.prepared
            .iter()
            .map(|prepared| {
                let outcome = match &outcome {
                    Ok(()) => Ok(()),
                    Err(error) => Err(Refusal::failed(&prepared.name, again(error))),
                };
                (prepared.number, outcome)
            })
            .collect()
    }

    async fn move_together(&mut self) -> Result<()> {
        let loose: Vec<&Prepared<S>> =
            self.prepared.iter().filter(|prepared| prepared.is_loose).collect();
        if !loose.is_empty() {
            let mut rewrite = Rewrite::default();
            for prepared in &loose {
                let peeled = self.peel(&prepared.old).await?;
                rewrite.insert(prepared.name.clone(), Some((prepared.old, peeled)));
            }
            self.rewrite(&rewrite).await?;
            let mut touched = Vec::new();
            for prepared in loose {
                if let Err(Refusal::Failed(_, error)) =
                    self.remove_file(prepared, &mut touched).await
                {
                    return Err(error);
                }
            }
            // Files that came back after a crash would hide what is moved next.
            self.touched.extend(touched);
            self.flush().await?;
        }
        let mut rewrite = BTreeMap::new();
        for prepared in &self.prepared {
            let entry = match prepared.new {
                Some(new) => Some((new, self.peel(&new).await?)),
                None => None,
            };
            rewrite.insert(prepared.name.clone(), entry);
            if !prepared.is_unchanged()
                && let Err(Refusal::Failed(_, error)) = self.log(prepared).await
            {
                return Err(error);
            }
        }
        self.remove_reflogs().await?;
        self.rewrite(&rewrite).await
    }

    /// Writes `packed-refs` anew, if all locks are still ours.
    async fn rewrite(&self, rewrite: &Rewrite) -> Result<()> {
        let refs = self.prepared.iter().flat_map(|prepared| &prepared.locks);
        for lock in refs.chain(&self.packed_refs_lock) {
            lock.check(&self.repository.engine.storage).await?;
        }
        packed_refs::rewrite(self.repository, self.scratch, rewrite).await
    }

    async fn peel(&self, oid: &Oid) -> Result<Option<Oid>> {
        match self.repository.odb().peel(oid).await {
            // A ref may be broken: git then writes it without its peeled value, too.
            Err(Error::Corrupt(_)) => Ok(None),
            peeled => peeled,
        }
    }

    async fn remove_file(
        &self,
        prepared: &Prepared<S>,
        touched: &mut Vec<String>,
    ) -> Result<(), Refusal> {
        if !prepared.is_loose {
            return Ok(());
        }
        let lock = &prepared.locks[0];
        match self.repository.engine.storage.remove_file(lock.file()).await {
            Ok(()) | Err(StorageError::NotFound) => {}
            Err(error) => return Err(Refusal::failed(&prepared.name, error)),
        }
        touched.extend(lock.directories().map(str::to_owned));
        Ok(())
    }

    /// Writes the reflogs of an update; of a delete those of the symbolic refs that stay.
    async fn log(&self, prepared: &Prepared<S>) -> Result<(), Refusal> {
        let zero = Oid::zero(self.repository.object_format());
        let new = prepared.new.as_ref().unwrap_or(&zero);
        let (identity, message) = (&self.options.identity, self.options.message);
        let entry = Entry { old: &prepared.old, new, identity, message };
        let own = prepared.new.is_some().then_some(&prepared.name);
        for name in own.into_iter().chain(&prepared.also_logged) {
            let (engine, path) = (&self.repository.engine, &self.repository.path);
            reflog::append(engine, path, name, self.options.log, &entry)
                .await
                .map_err(|error| Refusal::failed(&prepared.name, error))?;
        }
        Ok(())
    }

    async fn remove_reflogs(&self) -> Result<()> {
        let storage = &self.repository.engine.storage;
        for prepared in self.prepared.iter().filter(|prepared| prepared.new.is_none()) {
            reflog::remove(storage, &self.repository.path, &prepared.name).await?;
        }
        Ok(())
    }

    /// Makes durable what was renamed and removed, and the directories that were made for it.
    async fn flush(&mut self) -> Result<(), StorageError> {
        for directory in std::mem::take(&mut self.touched).iter().rev() {
            self.repository.engine.storage.sync_directory(directory).await?;
        }
        Ok(())
    }
}

/// The same error once more, for the next ref.
pub(super) fn again(error: &Error) -> Error {
    match error {
        Error::Storage(error) => Error::Storage(error.clone()),
        error => Error::Corrupt(error.to_string()),
    }
}

fn parent(name: &[u8]) -> &[u8] {
    name.rfind_byte(b'/').map_or(&[], |end| &name[..end])
}
