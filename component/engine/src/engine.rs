//! What the repositories of one instance share.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::time::Duration;

use crate::odb::{BaseCache, InflatePool, PackDirectories};
use crate::refs::{KnownPackedRefs, PeeledTags, SoundRefs};
use crate::remembered::Remembered;
use crate::repository::KnownRepository;
use crate::storage::{BlockCache, CachedFile, DirEntry, Storage, StorageError, StorageFile};
use crate::upload_pack::turns::Turns;
use crate::working_memory::WorkingMemory;
use crate::{Limits, Repository, Result};

/// Units of work after which other tasks may run: well below a millisecond of computing.
const WORK_UNITS: u64 = 256;

/// Opens repositories of one storage; holds the caches that they share.
#[derive(Debug)]
pub struct Engine<S: Storage> {
    pub(crate) storage: S,
    pub(crate) limits: Limits,
    pub(crate) working_memory: Rc<WorkingMemory>,
    pub(crate) blocks: Rc<BlockCache>,
    pub(crate) bases: BaseCache,
    /// Tells this instance from every other in logs: drawn by chance.
    pub(crate) session_id: u64,
    pub(crate) inflaters: Rc<InflatePool>,
    pub(crate) pack_directories: RefCell<PackDirectories<S>>,
    pub(crate) repositories: RefCell<HashMap<String, Rc<KnownRepository>>>,
    pub(crate) sound_refs: RefCell<SoundRefs>,
    pub(crate) packed_refs: RefCell<KnownPackedRefs<S>>,
    /// Small files, and directories.
    pub(crate) files: Remembered<Vec<u8>>,
    pub(crate) listings: Remembered<Vec<DirEntry>>,
    pub(crate) peeled: RefCell<PeeledTags>,
    /// Bytes of tables that are kept with open packs.
    pub(crate) kept: Cell<usize>,
    /// Packs that were opened since all were closed last.
    pub(crate) open_packs: Cell<usize>,
    /// When leftovers of pushes were looked for last, by repository.
    pub(crate) swept: RefCell<HashMap<String, Duration>>,
    /// Whose turn it is to select objects.
    pub(crate) turns: Turns,
    work: Cell<u64>,
}

impl<S: Storage> Engine<S> {
    /// An engine over `storage`, with empty caches.
    pub fn new(storage: S, limits: Limits) -> Rc<Self> {
        let working_memory = WorkingMemory::new(limits.working_memory);
        let blocks = Rc::new(BlockCache::new(limits.block_cache));
        let bases = BaseCache::new(limits.base_cache);
        let session_id = RandomState::new().hash_one(limits.block_cache);
        let files = Remembered::new(limits.remembered_files);
        let listings = Remembered::new(limits.remembered_listings);
        Rc::new(Self {
            storage,
            limits,
            working_memory,
            blocks,
            bases,
            inflaters: Rc::default(),
            pack_directories: RefCell::default(),
            repositories: RefCell::default(),
            sound_refs: RefCell::default(),
            packed_refs: RefCell::default(),
            files,
            listings,
            peeled: RefCell::default(),
            kept: Cell::new(0),
            open_packs: Cell::new(0),
            session_id,
            swept: RefCell::default(),
            turns: Turns::default(),
            work: Cell::new(0),
        })
    }

    /// Opens the bare repository at `path`, relative to the storage's root.
    ///
    /// # Errors
    /// [`crate::Error::NotARepository`] if there is none.
    pub async fn open(self: &Rc<Self>, path: &str) -> Result<Repository<S>> {
        Repository::open(self, path).await
    }

    /// Bytes of [`Limits::working_memory`] that are leased right now.
    pub fn leased_memory(&self) -> usize {
        self.working_memory.leased()
    }

    pub(crate) async fn open_file(&self, path: &str) -> Result<CachedFile<S>, StorageError> {
        CachedFile::open(&self.storage, &self.blocks, path).await
    }

    /// Counts bytes of a table that stays with an open pack.
    pub(crate) fn keep(&self, bytes: usize) {
        self.kept.set(self.kept.get().saturating_add(bytes));
    }

    /// Counts work of about a microsecond a unit, and lets other tasks run when it has piled up.
    pub(crate) async fn worked(&self, units: u64) {
        let work = self.work.get() + units;
        if work < WORK_UNITS {
            self.work.set(work);
        } else {
            self.work.set(0);
            self.storage.yield_now().await;
        }
    }

    /// Reads a small file whole; `None` if there is none.
    ///
    /// # Limits
    /// [`Limits::small_file`].
    pub(crate) async fn read_small(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let limit = self.limits.small_file;
        let read = async {
            let file = self.storage.open(path).await?;
            let mut content = file.read_at(0, 4096).await?;
            if content.len() == 4096 {
                content.extend(file.read_at(4096, limit as usize).await?);
            }
            Ok(content)
        };
        let content = match read.await {
            Ok(content) => content,
            Err(error) if StorageError::is_absent(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if content.len() as u64 > limit {
            return Err(crate::Error::LimitExceeded("small_file"));
        }
        Ok(Some(content))
    }
}
