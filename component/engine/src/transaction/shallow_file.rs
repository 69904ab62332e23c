//! The `shallow` file: where the repository's own history is cut.
//!
//! Spec: gitrepository-layout(5), "shallow"

use gitwasi_wire::Oid;

use super::lock::{Lock, LockError};
use crate::storage::WriteStorage;
use crate::{Repository, Result};

/// The file, locked.
#[derive(Debug)]
pub(crate) struct ShallowFile<'r, S: WriteStorage> {
    repository: &'r Repository<S>,
    scratch: &'r str,
    lock: Lock<S>,
}

impl<'r, S: WriteStorage> ShallowFile<'r, S> {
    /// Locks it; `None` if somebody else holds the lock.
    pub(crate) async fn lock(
        repository: &'r Repository<S>,
        scratch: &'r str,
        timeout: u64,
    ) -> Result<Option<Self>> {
        let places = (repository.path.as_str(), scratch);
        let lock = Lock::take(&repository.engine.storage, places, "shallow", None, timeout).await;
        match lock {
            Ok(lock) => Ok(Some(Self { repository, scratch, lock })),
            Err(LockError::Storage(error)) => Err(error.into()),
            Err(LockError::Held | LockError::NotADirectory) => Ok(None),
        }
    }

    /// Adds commits and releases the lock.
    pub(crate) async fn extend(self, new: &[Oid]) -> Result<()> {
        let written = self.write(new).await;
        self.lock.release(&self.repository.engine.storage).await;
        written
    }

    async fn write(&self, new: &[Oid]) -> Result<()> {
        let mut commits = self.repository.shallow().await?;
        commits.extend_from_slice(new)?;
        commits.sort();
        commits.dedup();
        let content: String = commits.iter().map(|oid| format!("{oid}\n")).collect();
        let path = self.repository.file("shallow");
        let storage = &self.repository.engine.storage;
        super::replace_file(storage, self.scratch, &path, content.into_bytes()).await?;
        Ok(())
    }
}
