//! Blocks of files, kept within a bound that the whole instance shares.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::Stat;
use crate::clock_cache::ClockCache;

/// Blocks by file and number.
#[derive(Debug)]
pub struct BlockCache {
    blocks: RefCell<Blocks>,
    files: RefCell<Files>,
}

type Blocks = ClockCache<(u64, u64), Rc<Vec<u8>>>;

#[derive(Debug, Default)]
struct Files {
    seen: HashMap<String, (u64, Stat)>,
    last: u64,
}

/// File names remembered at most; past that all are forgotten, which only costs reads.
const MAX_FILES: usize = 16_384;

impl BlockCache {
    /// An empty cache that holds at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { blocks: RefCell::new(ClockCache::against_scans(limit)), files: RefCell::default() }
    }

    /// A number for the file at `path`: the same as before if the file has not changed.
    pub(super) fn file_id(&self, path: &str, stat: &Stat) -> u64 {
        let files = &mut *self.files.borrow_mut();
        if let Some((id, seen)) = files.seen.get(path)
            && seen == stat
        {
            return *id;
        }
        if files.seen.len() >= MAX_FILES {
            files.seen.clear();
        }
        files.last += 1;
        files.seen.insert(path.to_owned(), (files.last, *stat));
        files.last
    }

    pub(super) fn block(&self, file: u64, number: u64) -> Option<Rc<Vec<u8>>> {
        self.blocks.borrow_mut().find(&(file, number))
    }

    pub(super) fn insert(&self, file: u64, number: u64, block: Rc<Vec<u8>>) {
        let bytes = block.capacity();
        self.blocks.borrow_mut().insert((file, number), block, bytes);
    }
}
