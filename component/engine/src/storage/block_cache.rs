//! Blocks of files, kept within a bound that the whole instance shares.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use quick_cache::unsync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};

use super::Stat;
use super::file::SMALL_BLOCK_SIZE;
use crate::quick_hash::QuickState;

/// Blocks by file and number.
#[derive(Debug)]
pub struct BlockCache {
    blocks: RefCell<Blocks>,
    files: RefCell<Files>,
}

type Key = (u64, u64);
type Block = Rc<Vec<u8>>;
/// What is asked for once passes through a small part; what comes back is kept: a pack that is
/// read from end to end does not drive out the index that is read here and there.
type Blocks = Cache<Key, Block, Bytes, QuickState, DefaultLifecycle<Key, Block>>;

/// Blocks weigh what they take.
#[derive(Debug, Clone)]
struct Bytes;

impl Weighter<Key, Block> for Bytes {
    fn weight(&self, _key: &Key, block: &Block) -> u64 {
        // What weighs nothing would stay for ever.
        block.capacity().max(1) as u64
    }
}

/// The part of the cache that is for blocks that came back.
const HOT: f64 = 0.5;

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
        let options = OptionsBuilder::new()
            .shards(1)
            .estimated_items_capacity(limit / SMALL_BLOCK_SIZE)
            .weight_capacity(limit as u64)
            .hot_allocation(HOT)
            .ghost_allocation(1.0)
            .build()
            .expect("all that has no default is set");
        let blocks = Blocks::with_options(
            options,
            Bytes,
            QuickState::default(),
            DefaultLifecycle::default(),
        );
        Self { blocks: RefCell::new(blocks), files: RefCell::default() }
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
        self.blocks.borrow().get(&(file, number)).cloned()
    }

    pub(super) fn insert(&self, file: u64, number: u64, block: Rc<Vec<u8>>) {
        self.blocks.borrow_mut().insert((file, number), block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(cache: &BlockCache, file: u64, number: u64) -> bool {
        let there = cache.block(file, number).is_some();
        if !there {
            cache.insert(file, number, Rc::new(vec![0; SMALL_BLOCK_SIZE]));
        }
        there
    }

    #[test]
    fn what_passes_does_not_drive_out_what_comes_back() {
        const ROOM: u64 = 100;
        let cache = BlockCache::new(SMALL_BLOCK_SIZE * ROOM as usize);
        // A table that is asked here and there, while a file passes that is far larger.
        let mut missed = 0;
        for number in 0..50 * ROOM {
            ask(&cache, 1, number);
            missed += u32::from(!ask(&cache, 2, number * 7 % 40));
        }
        assert!(missed < 200, "{missed}");
        // Another one takes its place when the first is not asked any more.
        missed = 0;
        for number in 0..50 * ROOM {
            ask(&cache, 1, number);
            missed += u32::from(!ask(&cache, 3, number * 7 % 40));
        }
        assert!(missed < 300, "{missed}");
    }

    #[test]
    fn it_holds_no_more_than_it_may() {
        let cache = BlockCache::new(SMALL_BLOCK_SIZE * 10);
        for number in 0..1000 {
            ask(&cache, 1, number * number % 31);
            assert!(cache.blocks.borrow().weight() <= 10 * SMALL_BLOCK_SIZE as u64);
        }
    }
}
