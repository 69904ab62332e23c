//! Content that is likely to be needed again, within a bound.

use std::rc::Rc;

use crate::clock_cache::ClockCache;
use crate::working_memory::{Lease, Share};

/// What an entry inflates to, or what it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Part {
    /// The delta that the entry holds.
    Delta,
    /// The object.
    Object,
}

/// Content by entry.
#[derive(Debug)]
pub(super) struct Kept {
    cache: ClockCache<(u32, Part), Rc<Vec<u8>>>,
    room: usize,
    /// For all of it. Where it cannot grow, the cache does not either.
    lease: Lease,
}

/// What a cached value costs besides its bytes.
const OVERHEAD: usize = 100;

impl Kept {
    pub(super) fn new(limit: usize, memory: &Rc<Share>) -> Self {
        Self { cache: ClockCache::new(limit), room: limit, lease: Lease::new(memory) }
    }

    /// Keeps content for as long as nothing has to be forgotten for it: while a pack arrives,
    /// what came first is as good as what comes last.
    pub(super) fn add_if_room(&mut self, entry: u32, part: Part, content: Rc<Vec<u8>>) {
        let bytes = content.capacity() + OVERHEAD;
        if let Some(room) = self.room.checked_sub(bytes) {
            if !self.lease.cover_cache(self.cache.bytes() + bytes) {
                self.room = 0;
                return;
            }
            self.room = room;
            self.cache.insert((entry, part), content, bytes);
        }
    }

    /// Keeps content, and forgets other if need be.
    pub(super) fn add(&mut self, entry: u32, part: Part, content: &Rc<Vec<u8>>) {
        let bytes = content.capacity() + OVERHEAD;
        if !self.lease.cover_cache((self.cache.bytes() + bytes).min(self.cache.limit())) {
            self.cache.stop_growing();
        }
        self.cache.insert((entry, part), Rc::clone(content), bytes);
    }

    pub(super) fn find(&mut self, entry: u32, part: Part) -> Option<Rc<Vec<u8>>> {
        self.cache.find(&(entry, part))
    }
}
