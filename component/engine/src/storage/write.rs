//! What a push asks of the storage beyond reading.
//!
//! Shaped after `wasi:filesystem` 0.3: no modes and no locks; exclusive creation, hard links and
//! renames are what is atomic. A push also needs random names; they come from here, too, so that the
//! engine asks nobody else. Paths are as for [`Storage`].

use super::{Storage, StorageError, StorageFile};

/// Storage whose files can be made, moved and removed.
pub trait WriteStorage: Storage {
    /// A file that is being written. What was written can be read back.
    type Writer: StorageWriter + std::fmt::Debug;

    /// Makes a file that must not exist yet, neither as a file nor as a dangling link.
    ///
    /// # Errors
    /// [`StorageError::Exists`] if there is something of that name.
    async fn create_new(&self, path: &str) -> Result<Self::Writer, StorageError>;

    /// Opens a file to be written, and makes it if it is not there. Keeps its content.
    async fn open_or_create(&self, path: &str) -> Result<Self::Writer, StorageError>;

    /// Makes a directory; its parent must exist.
    ///
    /// # Errors
    /// [`StorageError::Exists`] if there is something of that name.
    async fn create_directory(&self, path: &str) -> Result<(), StorageError>;

    /// Moves a file or directory, and replaces a file of the new name in one step.
    async fn rename(&self, from: &str, to: &str) -> Result<(), StorageError>;

    /// Gives a file a second name, in one step.
    ///
    /// # Errors
    /// [`StorageError::Exists`] if there is something of that name.
    async fn link(&self, from: &str, to: &str) -> Result<(), StorageError>;

    /// Removes a file.
    async fn remove_file(&self, path: &str) -> Result<(), StorageError>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// [`StorageError::NotEmpty`] if it is not empty.
    async fn remove_directory(&self, path: &str) -> Result<(), StorageError>;

    /// Makes the entries of a directory durable: what was made, moved or removed in it.
    async fn sync_directory(&self, path: &str) -> Result<(), StorageError>;

    /// Random bits, for names that nobody else may have made or foresee.
    fn random(&self) -> u64;
}

/// A file that is being written.
pub trait StorageWriter: StorageFile {
    /// Writes all of `bytes` at `offset`; a hole before it reads as zeros.
    async fn write_at(&self, offset: u64, bytes: Vec<u8>) -> Result<(), StorageError>;

    /// Cuts the file off, or fills it up with zeros.
    async fn set_size(&self, size: u64) -> Result<(), StorageError>;

    /// Makes the content durable.
    async fn sync(&self) -> Result<(), StorageError>;
}
