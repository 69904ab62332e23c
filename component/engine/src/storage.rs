//! The one seam between the engine and whatever holds the repositories' files.
//!
//! Shaped after `wasi:filesystem` 0.3: asynchronous, positional reads, no mapping, paths as
//! UTF-8 strings relative to one root, `/` between components.

mod block_cache;
mod file;
pub mod memory;
pub mod native;
mod write;

use std::time::Duration;

pub use block_cache::BlockCache;
pub use file::{BLOCK_SIZE, CachedFile};
pub use write::{StorageWriter, WriteStorage};

/// Something that holds files.
pub trait Storage: std::fmt::Debug {
    /// An open file.
    type File: StorageFile + std::fmt::Debug;

    /// Lists a directory in no particular order, without `.` and `..`.
    ///
    /// Names that are no UTF-8 are left out.
    ///
    /// # Errors
    /// [`StorageError::TooMany`] when there are more than `limit` entries.
    async fn entries(&self, dir: &str, limit: usize) -> Result<Vec<DirEntry>, StorageError>;

    /// Opens a file for reading. A directory may be opened too; then reading it fails with
    /// [`StorageError::WrongKind`].
    async fn open(&self, path: &str) -> Result<Self::File, StorageError>;

    /// Tells what is at a path, following symbolic links.
    async fn stat(&self, path: &str) -> Result<Stat, StorageError>;

    /// As [`Self::stat`], but at the lowest price: it follows no symbolic link, and leaves
    /// [`Stat::identity`] 0.
    async fn look(&self, path: &str) -> Result<Stat, StorageError>;

    /// Where in this storage a path lies that a repository names absolutely (in its alternates);
    /// `None` when it lies outside.
    fn locate(&self, absolute: &str) -> Option<String>;

    /// Lets other tasks of the instance run. Called from within long computations.
    async fn yield_now(&self);

    /// Waits: for a lock that somebody else holds for a moment, or for a turn to compute.
    async fn pause(&self, milliseconds: u64);

    /// Time since some moment that stays the same while the instance lives.
    fn now(&self) -> Duration;

    /// Nanoseconds since 1970-01-01T00:00:00Z, by the wall clock that also dates the files.
    fn wall_clock(&self) -> u64;
}

/// What is at a path, links followed; `None` if there is nothing. Costs no more than it has to.
pub(crate) async fn look<S: Storage>(
    storage: &S,
    path: &str,
) -> Result<Option<Stat>, StorageError> {
    let found = match storage.look(path).await {
        Ok(stat) if stat.kind == Kind::Link => storage.stat(path).await,
        found => found,
    };
    match found {
        Ok(stat) => Ok(Some(stat)),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error),
    }
}

/// An open file.
pub trait StorageFile {
    /// Tells what the file is.
    async fn stat(&self) -> Result<Stat, StorageError>;

    /// Reads `length` bytes from `offset`, fewer only where the file ends.
    async fn read_at(&self, offset: u64, length: usize) -> Result<Vec<u8>, StorageError>;
}

/// One entry of a directory.
#[derive(Debug, Clone)]
pub struct DirEntry {
    /// Its name: one path component.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link; `stat` follows it.
    Link,
    /// Anything else.
    Other,
}

/// What is known of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// Its length in bytes.
    pub size: u64,
    /// Last modification, in nanoseconds since 1970-01-01T00:00:00Z; 0 when unknown.
    pub modified: u64,
    /// Last change of any kind, the name included, in the same unit; 0 when unknown.
    pub changed: u64,
    /// Differs for files that differ though all else is the same, as far as the storage can tell
    /// without reading them; 0 when it was not asked.
    pub identity: u64,
}

/// Why the storage did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StorageError {
    /// There is nothing at that path.
    #[error("nothing there")]
    NotFound,
    /// What is there is a directory, or is none, or the path is not one.
    #[error("of another kind")]
    WrongKind,
    /// A directory has more entries than the caller allows.
    #[error("too many entries")]
    TooMany,
    /// There is something of the name that was to be made.
    #[error("it exists")]
    Exists,
    /// A directory to be removed has entries.
    #[error("not empty")]
    NotEmpty,
    /// There is no room for what was to be written.
    #[error("no space left")]
    NoSpace,
    /// The storage may be read only, or this part of it.
    #[error("not permitted")]
    NotPermitted,
    /// Anything else; the text is for the log.
    #[error("{0}")]
    Failed(String),
}

impl StorageError {
    /// Whether there is no file of that name, for whichever reason.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::NotFound | Self::WrongKind)
    }
}
