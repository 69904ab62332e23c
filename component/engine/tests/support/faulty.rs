//! Native storage that fails at some write operation: once, or from then on.

use std::cell::Cell;
use std::rc::Rc;

use gitwasi_engine::storage::native::{NativeFile, NativeStorage};
use gitwasi_engine::storage::{
    DirEntry, Stat, Storage, StorageError, StorageFile, StorageWriter, WriteStorage,
};

/// What happens at the operation that was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It and all that follow fail; of a write, half arrives.
    Dies,
    /// It fails for want of space; what follows succeeds.
    FailsOnce,
    /// From then on whatever needs space fails for want of it: of a write, half arrives. What is
    /// there can be renamed and removed.
    Full,
    /// From then on nothing may be changed.
    ReadOnly,
    /// The process sleeps for an hour when it has taken a lock. Meanwhile the lock was taken for a
    /// dead one's, and somebody else took it.
    LosesLocks,
    /// Nothing fails, but all of it happens two hours later.
    Late,
    /// Nothing fails, but ten seconds pass between any two looks at the clock.
    Slow,
}

#[derive(Debug)]
struct Plan {
    fault: Fault,
    left: Cell<usize>,
    struck: Cell<bool>,
    looks: Cell<u64>,
}

/// What is in a lock that somebody else has taken.
pub const STRANGER: &[u8] = b"stranger";

impl Plan {
    /// Counts an operation; whether it fails, and is the first that does.
    fn strikes(&self) -> Option<bool> {
        if matches!(self.fault, Fault::LosesLocks | Fault::Late | Fault::Slow) {
            return None;
        }
        if self.struck.get() {
            return (self.fault != Fault::FailsOnce).then_some(false);
        }
        match self.left.get() {
            0 => {
                self.struck.set(true);
                Some(true)
            }
            left => {
                self.left.set(left - 1);
                None
            }
        }
    }

    fn check(&self) -> Result<(), StorageError> {
        match self.strikes() {
            None => Ok(()),
            Some(_) => Err(match self.fault {
                Fault::FailsOnce | Fault::Full => StorageError::NoSpace,
                Fault::ReadOnly => StorageError::NotPermitted,
                Fault::Dies | Fault::LosesLocks | Fault::Late | Fault::Slow => {
                    StorageError::Failed("killed".into())
                }
            }),
        }
    }

    /// As [`Self::check`], of what takes no space.
    fn check_in_place(&self) -> Result<(), StorageError> {
        if self.fault == Fault::Full { Ok(()) } else { self.check() }
    }
}

/// Storage whose write operation number `n` fails.
#[derive(Debug, Clone)]
pub struct Faulty {
    inner: NativeStorage,
    plan: Rc<Plan>,
}

impl Faulty {
    pub fn new(inner: NativeStorage, fault: Fault, n: usize) -> Self {
        let plan = Plan { fault, left: n.into(), struck: false.into(), looks: 0.into() };
        Self { inner, plan: Rc::new(plan) }
    }

    /// Whether the operation was reached.
    pub fn struck(&self) -> bool {
        self.plan.struck.get()
    }
}

impl Storage for Faulty {
    type File = NativeFile;

    async fn entries(&self, dir: &str, limit: usize) -> Result<Vec<DirEntry>, StorageError> {
        self.inner.entries(dir, limit).await
    }

    async fn open(&self, path: &str) -> Result<NativeFile, StorageError> {
        self.inner.open(path).await
    }

    async fn stat(&self, path: &str) -> Result<Stat, StorageError> {
        self.inner.stat(path).await
    }

    async fn look(&self, path: &str) -> Result<Stat, StorageError> {
        self.inner.look(path).await
    }

    fn wall_clock(&self) -> u64 {
        let hours = match self.plan.fault {
            Fault::LosesLocks if self.plan.struck.get() => 1,
            Fault::Late => 2,
            _ => 0,
        };
        self.inner.wall_clock() + hours * 3_600_000_000_000
    }

    fn locate(&self, absolute: &str) -> Option<String> {
        self.inner.locate(absolute)
    }

    fn now(&self) -> std::time::Duration {
        if self.plan.fault != Fault::Slow {
            return self.inner.now();
        }
        self.plan.looks.set(self.plan.looks.get() + 1);
        std::time::Duration::from_secs(10 * self.plan.looks.get())
    }

    async fn yield_now(&self) {}

    async fn pause(&self, _milliseconds: u64) {}
}

impl WriteStorage for Faulty {
    type Writer = FaultyFile;

    async fn create_new(&self, path: &str) -> Result<FaultyFile, StorageError> {
        self.plan.check()?;
        Ok(FaultyFile { file: self.inner.create_new(path).await?, plan: Rc::clone(&self.plan) })
    }

    async fn open_or_create(&self, path: &str) -> Result<FaultyFile, StorageError> {
        self.plan.check()?;
        Ok(FaultyFile { file: self.inner.open_or_create(path).await?, plan: Rc::clone(&self.plan) })
    }

    async fn create_directory(&self, path: &str) -> Result<(), StorageError> {
        self.plan.check()?;
        self.inner.create_directory(path).await
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.plan.check_in_place()?;
        self.inner.rename(from, to).await
    }

    async fn link(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.plan.check()?;
        self.inner.link(from, to).await?;
        if self.plan.fault == Fault::LosesLocks && to.ends_with(".lock") {
            self.plan.struck.set(true);
            self.inner.remove_file(to).await?;
            let stranger = self.inner.create_new(to).await?;
            stranger.write_at(0, STRANGER.to_vec()).await?;
        }
        Ok(())
    }

    async fn remove_file(&self, path: &str) -> Result<(), StorageError> {
        self.plan.check_in_place()?;
        self.inner.remove_file(path).await
    }

    async fn remove_directory(&self, path: &str) -> Result<(), StorageError> {
        self.plan.check_in_place()?;
        self.inner.remove_directory(path).await
    }

    async fn sync_directory(&self, _path: &str) -> Result<(), StorageError> {
        self.plan.check_in_place()
    }

    fn random(&self) -> u64 {
        self.inner.random()
    }
}

/// A file of [`Faulty`].
#[derive(Debug)]
pub struct FaultyFile {
    file: NativeFile,
    plan: Rc<Plan>,
}

impl StorageFile for FaultyFile {
    async fn stat(&self) -> Result<Stat, StorageError> {
        self.file.stat().await
    }

    async fn read_at(&self, offset: u64, length: usize) -> Result<Vec<u8>, StorageError> {
        self.file.read_at(offset, length).await
    }
}

impl StorageWriter for FaultyFile {
    async fn write_at(&self, offset: u64, mut bytes: Vec<u8>) -> Result<(), StorageError> {
        match self.plan.strikes() {
            None => self.file.write_at(offset, bytes).await,
            Some(first) => {
                if first && self.plan.fault != Fault::ReadOnly {
                    bytes.truncate(bytes.len() / 2);
                    self.file.write_at(offset, bytes).await?;
                }
                Err(match self.plan.fault {
                    Fault::ReadOnly => StorageError::NotPermitted,
                    _ => StorageError::NoSpace,
                })
            }
        }
    }

    async fn set_size(&self, size: u64) -> Result<(), StorageError> {
        self.plan.check()?;
        self.file.set_size(size).await
    }

    async fn sync(&self) -> Result<(), StorageError> {
        self.plan.check_in_place()
    }
}
