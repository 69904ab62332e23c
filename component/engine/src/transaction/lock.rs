//! Lock files: `<file>.lock`, which only one process can make.
//!
//! A lock is made as a link to a file that was written before, under a name of the transaction's
//! own. So it appears whole, and after a crash it is known whose it was: it is the same file as the
//! one that was left.

use std::cell::{Cell, RefCell};

use super::directories::{make_parents, parent, remove_made};
use crate::storage::{Kind, Storage, StorageError, StorageWriter, WriteStorage};
use crate::{Engine, Result};

/// How the names of locks go on behind the transaction's path.
const PREFIX: &str = "lock-";

/// Bytes of one component of such a name: less than any file system takes, with the transaction's
/// own name before it.
const COMPONENT: usize = 160;

/// Nanoseconds after which a lock is looked at before anything relies on it: of a process that has
/// slept for longer, somebody may have taken it for a dead one's, and hold one of the same name.
const DOUBT: u64 = 30_000_000_000;

/// How often directories are made that are not there, or vanish before a lock is in them. Git's
/// number, and once more because git makes them first.
const ATTEMPTS: u32 = 4;

/// A lock that is held.
#[derive(Debug)]
pub(super) struct Lock<S: WriteStorage> {
    /// The file that is locked.
    file: String,
    /// The lock's other name, the transaction's own.
    own: String,
    /// Directories that were made to hold the lock.
    made: Vec<String>,
    /// Whether the lock is still ours: one that was committed may be somebody else's by now.
    held: Cell<bool>,
    /// When it was taken, by the wall clock, which does not stop with the process.
    taken: u64,
    /// Its content, unless that is durable.
    written: RefCell<Option<S::Writer>>,
}

/// Why a lock could not be taken.
#[derive(Debug)]
pub(super) enum LockError {
    /// Somebody else holds it.
    Held,
    /// The name of a directory is taken by something else.
    NotADirectory,
    /// The storage failed.
    Storage(StorageError),
}

impl From<StorageError> for LockError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::WrongKind => Self::NotADirectory,
            error => Self::Storage(error),
        }
    }
}

impl<S: WriteStorage> Lock<S> {
    /// Locks the file `name` of the repository at `repository`.
    ///
    /// `content`, if there is any, becomes the file's by [`Self::commit`], and has to be made durable
    /// before that.
    /// Waits up to `timeout` milliseconds for somebody else to release it.
    pub(super) async fn take(
        storage: &S,
        (repository, scratch): (&str, &str),
        name: &str,
        content: Option<Vec<u8>>,
        timeout: u64,
    ) -> Result<Self, LockError> {
        let file = format!("{repository}/{name}");
        let own = own_path(scratch, name);
        if own.starts_with(&format!("{scratch}/")) {
            make_parents(storage, &own).await?;
        }
        let taken = storage.wall_clock();
        let (made, held, written) = (Vec::new(), Cell::new(false), RefCell::default());
        let mut lock = Self { file, own, made, held, taken, written };
        let taken = match lock.write(storage, content).await {
            Ok(()) => lock.link(storage, timeout).await,
            Err(error) => Err(error.into()),
        };
        if taken.is_err() {
            _ = storage.remove_file(&lock.own).await;
            remove_made(storage, &lock.made).await;
        }
        taken.map(|()| lock)
    }

    async fn write(&self, storage: &S, content: Option<Vec<u8>>) -> Result<(), StorageError> {
        let writer = storage.create_new(&self.own).await?;
        if let Some(content) = content {
            writer.write_at(0, content).await?;
            self.written.replace(Some(writer));
        }
        Ok(())
    }

    async fn link(&mut self, storage: &S, timeout: u64) -> Result<(), LockError> {
        let path = self.path();
        let (mut waited, mut step) = (0, 0);
        let mut attempts = ATTEMPTS;
        loop {
            match storage.link(&self.own, &path).await {
                Ok(()) => {
                    self.held.set(true);
                    return Ok(());
                }
                Err(StorageError::Exists) if waited < timeout => {
                    step += 1;
                    let pause = (step * step).min(timeout - waited);
                    waited += pause;
                    storage.pause(pause).await;
                }
                Err(StorageError::Exists) => return Err(LockError::Held),
                // The first of its directory, or somebody has removed one that was empty.
                Err(StorageError::NotFound) if attempts > 0 => {
                    attempts -= 1;
                    self.made.extend(make_parents(storage, &path).await?);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Makes the content durable with which the lock was taken.
    pub(super) async fn make_durable(&self) -> Result<(), StorageError> {
        let written = self.written.take();
        match written {
            Some(written) => written.sync().await,
            None => Ok(()),
        }
    }

    /// Fills a lock that was taken without content; durable then.
    pub(super) async fn write_content(
        &self,
        storage: &S,
        content: Vec<u8>,
    ) -> Result<(), StorageError> {
        let writer = storage.open_or_create(&self.own).await?;
        if !content.is_empty() {
            writer.write_at(0, content).await?;
        }
        writer.sync().await
    }

    fn path(&self) -> String {
        format!("{}.lock", self.file)
    }

    /// The directories whose entries change when the file does.
    pub(super) fn directories(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.file).chain(&self.made).map(|path| parent(path))
    }

    /// The locked file.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Puts the lock's content in the place of the file, and so releases the lock.
    pub(super) async fn commit(&self, storage: &S) -> Result<(), StorageError> {
        self.check(storage).await?;
        self.make_durable().await?;
        storage.rename(&self.path(), &self.file).await?;
        self.held.set(false);
        _ = storage.remove_file(&self.own).await;
        Ok(())
    }

    /// Fails if the lock was taken away.
    pub(super) async fn check(&self, storage: &S) -> Result<(), StorageError> {
        let is_old = storage.wall_clock().saturating_sub(self.taken) >= DOUBT;
        if is_old && !is_same(storage, &self.path(), &self.own).await? {
            return Err(StorageError::Failed(format!("{} was taken away", self.path())));
        }
        Ok(())
    }

    /// Releases the lock, unless it was committed or taken away.
    pub(super) async fn release(self, storage: &S) {
        if !self.held.get() {
            return;
        }
        if self.check(storage).await.is_err() {
            _ = storage.remove_file(&self.own).await;
            return;
        }
        match storage.remove_file(&self.path()).await {
            Ok(()) | Err(StorageError::NotFound) => _ = storage.remove_file(&self.own).await,
            // By its other name the lock is found again.
            Err(_) => {}
        }
        remove_made(storage, &self.made).await;
    }
}

/// Releases the locks of a transaction that never ended, by what is left in its directory.
///
/// A lock that somebody else holds by now is not touched: it is another file.
pub(crate) async fn release_left_locks<S: WriteStorage>(
    engine: &Engine<S>,
    repository: &str,
    scratch: &str,
) -> Result<()> {
    let (storage, limit) = (&engine.storage, engine.limits.directory_entries);
    let mut unread = vec![String::new()];
    while let Some(directory) = unread.pop() {
        let entries = match storage.entries(&format!("{scratch}{directory}"), limit).await {
            Ok(entries) => entries,
            Err(error) if error.is_absent() => continue,
            Err(error) => return Err(error.into()),
        };
        for entry in entries {
            let own = format!("{directory}/{}", entry.name);
            if !own[1..].starts_with(PREFIX) {
                continue;
            }
            if entry.kind == Kind::Directory {
                unread.push(own);
                continue;
            }
            if let Some(name) = locked_name(&own[1..]) {
                release_left(storage, repository, &name, &format!("{scratch}{own}")).await?;
            }
        }
    }
    Ok(())
}

/// Removes a file that a transaction has left beside its directory, and releases the lock that it
/// tells of, if it is one.
pub(crate) async fn release_left_lock<S: WriteStorage>(
    engine: &Engine<S>,
    repository: &str,
    own: &str,
) -> Result<()> {
    let (_, name) = own.rsplit_once('/').unwrap_or_default();
    if let Some(name) = name.split_once('.').and_then(|(_, name)| locked_name(name)) {
        release_left(&engine.storage, repository, &name, own).await?;
    }
    match engine.storage.remove_file(own).await {
        Ok(()) | Err(StorageError::NotFound) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn release_left<S: WriteStorage>(
    storage: &S,
    repository: &str,
    name: &str,
    own: &str,
) -> Result<()> {
    let lock = format!("{repository}/{name}.lock");
    if is_same(storage, &lock, own).await? {
        match storage.remove_file(&lock).await {
            // Another instance sweeps, too.
            Ok(()) | Err(StorageError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        super::directories::remove_empty_parents(storage, repository, name).await;
    }
    Ok(())
}

/// The transaction's own path of the lock of a file: beside its directory, or within it if the
/// name is long.
fn own_path(scratch: &str, name: &str) -> String {
    let own = own_name(name);
    let separator = if own.contains('/') { '/' } else { '.' };
    format!("{scratch}{separator}{own}")
}

/// The name that the lock of a file has in a transaction: one component, unless it is long.
fn own_name(name: &str) -> String {
    let encoded = name.replace('%', "%25").replace('/', "%2F");
    let mut own = PREFIX.to_owned();
    let mut length = 0;
    for char in encoded.chars() {
        if length + char.len_utf8() > COMPONENT {
            own.push('/');
            length = 0;
        }
        own.push(char);
        length += char.len_utf8();
    }
    own
}

/// The file that is locked, by the name of its lock in a transaction.
fn locked_name(own: &str) -> Option<String> {
    let encoded = own.strip_prefix(PREFIX)?.replace('/', "");
    Some(encoded.replace("%2F", "/").replace("%25", "%"))
}

/// Whether two names are of one file.
pub(crate) async fn is_same<S: Storage>(
    storage: &S,
    a: &str,
    b: &str,
) -> Result<bool, StorageError> {
    let mut found = [None, None];
    for (slot, path) in found.iter_mut().zip([a, b]) {
        *slot = match storage.stat(path).await {
            Ok(stat) => Some(stat),
            Err(error) if error.is_absent() => return Ok(false),
            Err(error) => return Err(error),
        };
    }
    // More than the identity: a storage may not be able to tell files apart.
    Ok(found[0] == found[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_tells_what_it_locks() {
        let long = format!("refs/heads/{}/ä%2F", "é/".repeat(300));
        for name in ["HEAD", "packed-refs", "refs/heads/a%b", &long] {
            let own = own_name(name);
            assert!(own.split('/').all(|component| component.len() <= COMPONENT + PREFIX.len()));
            assert_eq!(locked_name(&own).as_deref(), Some(name));
        }
        assert_eq!(own_name("refs/heads/main"), "lock-refs%2Fheads%2Fmain");
    }
}
