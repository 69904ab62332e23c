//! The engine's storage over a preopened directory.
//!
//! Spec: wasi:filesystem@0.3.0

mod write;

use std::time::Duration;

use gitwasi_engine::storage::{DirEntry, Kind, Stat, Storage, StorageError, StorageFile};

use crate::bindings::wasi::clocks::monotonic_clock;
use crate::bindings::wasi::clocks::system_clock::{self, Instant};
use crate::bindings::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, OpenFlags, PathFlags,
};
use wit_bindgen::StreamResult;

/// Entries of a directory that are taken at once.
const ENTRIES_AT_ONCE: usize = 256;

/// The files below one preopened directory.
#[derive(Debug)]
pub(crate) struct PreopenStorage {
    directory: Descriptor,
    /// What the directory is called here: the prefix of absolute paths into it.
    name: String,
}

impl PreopenStorage {
    pub(crate) fn new(directory: Descriptor, name: String) -> Self {
        Self { directory, name }
    }

    async fn open_at(
        &self,
        path: &str,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> Result<Descriptor, ErrorCode> {
        self.directory.open_at(PathFlags::SYMLINK_FOLLOW, relative(path), open, flags).await
    }
}

/// The path as `wasi:filesystem` wants it: the directory itself is `.`.
fn relative(path: &str) -> String {
    if path.is_empty() { ".".to_owned() } else { path.to_owned() }
}

impl Storage for PreopenStorage {
    type File = PreopenFile;

    async fn entries(&self, dir: &str, limit: usize) -> Result<Vec<DirEntry>, StorageError> {
        let dir = self.open_at(dir, OpenFlags::DIRECTORY, DescriptorFlags::READ).await;
        let (mut stream, outcome) = dir.map_err(read_error)?.read_directory();
        let mut entries = Vec::new();
        loop {
            let (result, batch) = stream.read(Vec::with_capacity(ENTRIES_AT_ONCE)).await;
            for entry in batch {
                if entries.len() == limit {
                    return Err(StorageError::TooMany);
                }
                entries.push(DirEntry { name: entry.name, kind: kind(&entry.type_) });
            }
            if !matches!(result, StreamResult::Complete(_)) {
                break;
            }
        }
        outcome.await.map_err(read_error)?;
        Ok(entries)
    }

    async fn open(&self, path: &str) -> Result<PreopenFile, StorageError> {
        let file = self.open_at(path, OpenFlags::empty(), DescriptorFlags::READ).await;
        Ok(PreopenFile { file: file.map_err(read_error)? })
    }

    async fn stat(&self, path: &str) -> Result<Stat, StorageError> {
        let path = relative(path);
        let stat = self.directory.stat_at(PathFlags::SYMLINK_FOLLOW, path.clone()).await;
        let hash = self.directory.metadata_hash_at(PathFlags::SYMLINK_FOLLOW, path).await;
        Ok(convert_stat(&stat.map_err(read_error)?, hash.map_err(read_error)?.lower))
    }

    async fn look(&self, path: &str) -> Result<Stat, StorageError> {
        let stat = self.directory.stat_at(PathFlags::empty(), relative(path)).await;
        Ok(convert_stat(&stat.map_err(read_error)?, 0))
    }

    fn locate(&self, absolute: &str) -> Option<String> {
        let inside = absolute.strip_prefix(&self.name)?;
        let inside = inside.strip_prefix('/').or(self.name.ends_with('/').then_some(inside))?;
        let leaves = inside.split('/').any(|component| component == "..");
        (!leaves).then(|| inside.to_owned())
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(monotonic_clock::now())
    }

    fn wall_clock(&self) -> u64 {
        nanoseconds(&system_clock::now()).unwrap_or_default()
    }

    async fn yield_now(&self) {
        wit_bindgen::yield_async().await;
    }

    async fn pause(&self, milliseconds: u64) {
        monotonic_clock::wait_for(milliseconds.saturating_mul(1_000_000)).await;
    }
}

/// An open file below a preopened directory.
#[derive(Debug)]
pub(crate) struct PreopenFile {
    file: Descriptor,
}

impl StorageFile for PreopenFile {
    async fn stat(&self) -> Result<Stat, StorageError> {
        let stat = self.file.stat().await.map_err(read_error)?;
        let hash = self.file.metadata_hash().await.map_err(read_error)?;
        Ok(convert_stat(&stat, hash.lower))
    }

    async fn read_at(&self, offset: u64, length: usize) -> Result<Vec<u8>, StorageError> {
        let (mut stream, outcome) = self.file.read_via_stream(offset);
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let (result, read) = stream.read(bytes).await;
            bytes = read;
            if !matches!(result, StreamResult::Complete(_)) {
                // The stream ended, and its outcome tells whether the file did.
                outcome.await.map_err(read_error)?;
                break;
            }
        }
        Ok(bytes)
    }
}

fn convert_stat(stat: &DescriptorStat, identity: u64) -> Stat {
    let time =
        |instant: &Option<Instant>| instant.as_ref().and_then(nanoseconds).unwrap_or_default();
    Stat {
        kind: kind(&stat.type_),
        size: stat.size,
        modified: time(&stat.data_modification_timestamp),
        changed: time(&stat.status_change_timestamp),
        identity,
    }
}

/// Since 1970; none before, and after 2554.
fn nanoseconds(instant: &Instant) -> Option<u64> {
    let seconds = u64::try_from(instant.seconds).ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(u64::from(instant.nanoseconds))
}

fn kind(kind: &DescriptorType) -> Kind {
    match kind {
        DescriptorType::RegularFile => Kind::File,
        DescriptorType::Directory => Kind::Directory,
        DescriptorType::SymbolicLink => Kind::Link,
        _ => Kind::Other,
    }
}

/// What went wrong while reading.
///
/// A path that leads out of the preopened directory, which is what `not-permitted` says, names
/// nothing here.
fn read_error(error: ErrorCode) -> StorageError {
    match error {
        ErrorCode::NotPermitted => StorageError::NotFound,
        // What a directory answers that is read as a file.
        ErrorCode::BadDescriptor => StorageError::WrongKind,
        error => write_error(error),
    }
}

fn write_error(error: ErrorCode) -> StorageError {
    match error {
        ErrorCode::NoEntry => StorageError::NotFound,
        ErrorCode::NotDirectory
        | ErrorCode::IsDirectory
        | ErrorCode::NameTooLong
        | ErrorCode::Loop
        | ErrorCode::IllegalByteSequence => StorageError::WrongKind,
        ErrorCode::Exist => StorageError::Exists,
        ErrorCode::NotEmpty => StorageError::NotEmpty,
        ErrorCode::InsufficientSpace | ErrorCode::Quota => StorageError::NoSpace,
        ErrorCode::NotPermitted | ErrorCode::Access | ErrorCode::ReadOnly => {
            StorageError::NotPermitted
        }
        error => StorageError::Failed(format!("{error:?}")),
    }
}
