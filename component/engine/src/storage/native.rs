//! Storage over `std::fs`, for tests and tools. Blocks; pending only to let others run.

use std::cell::RefCell;
use std::fs;
use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{
    DirEntry, Kind, Stat, Storage, StorageError, StorageFile, StorageWriter, WriteStorage,
};

/// The files below one directory.
#[derive(Debug, Clone)]
pub struct NativeStorage {
    root: PathBuf,
}

impl NativeStorage {
    /// Serves what is below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn path(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }
}

impl Storage for NativeStorage {
    type File = NativeFile;

    async fn entries(&self, dir: &str, limit: usize) -> Result<Vec<DirEntry>, StorageError> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(self.path(dir)).map_err(error)? {
            let entry = entry.map_err(error)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if entries.len() == limit {
                return Err(StorageError::TooMany);
            }
            let kind = entry.file_type().map_err(error)?;
            let kind = match kind {
                kind if kind.is_file() => Kind::File,
                kind if kind.is_dir() => Kind::Directory,
                kind if kind.is_symlink() => Kind::Link,
                _ => Kind::Other,
            };
            entries.push(DirEntry { name, kind });
        }
        Ok(entries)
    }

    async fn open(&self, path: &str) -> Result<NativeFile, StorageError> {
        let file = fs::File::open(self.path(path)).map_err(error)?;
        Ok(NativeFile { file: RefCell::new(file) })
    }

    async fn stat(&self, path: &str) -> Result<Stat, StorageError> {
        fs::metadata(self.path(path)).map(stat).map_err(error)
    }

    async fn look(&self, path: &str) -> Result<Stat, StorageError> {
        let metadata = fs::symlink_metadata(self.path(path)).map_err(error)?;
        Ok(Stat { identity: 0, ..stat(metadata) })
    }

    fn locate(&self, absolute: &str) -> Option<String> {
        let root = fs::canonicalize(&self.root).ok()?;
        let path = fs::canonicalize(absolute).unwrap_or_else(|_| Path::new(absolute).into());
        path.strip_prefix(root).ok()?.to_str().map(str::to_owned)
    }

    async fn yield_now(&self) {
        let mut yielded = false;
        poll_fn(|context| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    async fn pause(&self, milliseconds: u64) {
        std::thread::sleep(Duration::from_millis(milliseconds));
    }

    fn now(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }

    fn wall_clock(&self) -> u64 {
        nanoseconds(SystemTime::now())
    }
}

impl WriteStorage for NativeStorage {
    type Writer = NativeFile;

    async fn create_new(&self, path: &str) -> Result<NativeFile, StorageError> {
        let mut options = fs::OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).open(self.path(path));
        Ok(NativeFile { file: RefCell::new(file.map_err(error)?) })
    }

    async fn open_or_create(&self, path: &str) -> Result<NativeFile, StorageError> {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(self.path(path)).map_err(error)?;
        Ok(NativeFile { file: RefCell::new(file) })
    }

    async fn create_directory(&self, path: &str) -> Result<(), StorageError> {
        fs::create_dir(self.path(path)).map_err(error)
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        fs::rename(self.path(from), self.path(to)).map_err(error)
    }

    async fn link(&self, from: &str, to: &str) -> Result<(), StorageError> {
        fs::hard_link(self.path(from), self.path(to)).map_err(error)
    }

    async fn remove_file(&self, path: &str) -> Result<(), StorageError> {
        fs::remove_file(self.path(path)).map_err(error)
    }

    async fn remove_directory(&self, path: &str) -> Result<(), StorageError> {
        fs::remove_dir(self.path(path)).map_err(error)
    }

    async fn sync_directory(&self, path: &str) -> Result<(), StorageError> {
        fs::File::open(self.path(path)).and_then(|dir| dir.sync_all()).map_err(error)
    }

    fn random(&self) -> u64 {
        RandomState::new().hash_one(self.wall_clock())
    }
}

/// An open file.
#[derive(Debug)]
pub struct NativeFile {
    file: RefCell<fs::File>,
}

impl StorageFile for NativeFile {
    async fn stat(&self) -> Result<Stat, StorageError> {
        self.file.borrow().metadata().map(stat).map_err(error)
    }

    async fn read_at(&self, offset: u64, length: usize) -> Result<Vec<u8>, StorageError> {
        let mut file = self.file.borrow_mut();
        file.seek(SeekFrom::Start(offset)).map_err(error)?;
        let mut bytes = Vec::with_capacity(length);
        (&mut *file).take(length as u64).read_to_end(&mut bytes).map_err(error)?;
        Ok(bytes)
    }
}

impl StorageWriter for NativeFile {
    async fn write_at(&self, offset: u64, bytes: Vec<u8>) -> Result<(), StorageError> {
        let mut file = self.file.borrow_mut();
        file.seek(SeekFrom::Start(offset)).map_err(error)?;
        file.write_all(&bytes).map_err(error)
    }

    async fn set_size(&self, size: u64) -> Result<(), StorageError> {
        self.file.borrow().set_len(size).map_err(error)
    }

    async fn sync(&self) -> Result<(), StorageError> {
        self.file.borrow().sync_all().map_err(error)
    }
}

/// Runs a future over native storage to its end.
///
/// Native storage never waits for anything, so polling again at once is all it takes.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::yield_now();
    }
}

fn stat(metadata: fs::Metadata) -> Stat {
    let kind = if metadata.is_file() {
        Kind::File
    } else if metadata.is_dir() {
        Kind::Directory
    } else if metadata.is_symlink() {
        Kind::Link
    } else {
        Kind::Other
    };
    let modified = metadata.modified().map(nanoseconds).unwrap_or_default();
    #[cfg(unix)]
    let (changed, identity) = {
        use std::os::unix::fs::MetadataExt;
        let seconds = u64::try_from(metadata.ctime()).unwrap_or_default();
        let changed = seconds * 1_000_000_000 + metadata.ctime_nsec().cast_unsigned();
        (changed, metadata.ino())
    };
    #[cfg(not(unix))]
    let (changed, identity) = (modified, modified);
    Stat { kind, size: metadata.len(), modified, changed, identity }
}

/// Since 1970; 0 before.
fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or_default()
}

fn error(error: std::io::Error) -> StorageError {
    match error.kind() {
        ErrorKind::NotFound => StorageError::NotFound,
        ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::InvalidFilename => {
            StorageError::WrongKind
        }
        ErrorKind::AlreadyExists => StorageError::Exists,
        ErrorKind::DirectoryNotEmpty => StorageError::NotEmpty,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StorageError::NoSpace,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StorageError::NotPermitted,
        _ => StorageError::Failed(error.to_string()),
    }
}
