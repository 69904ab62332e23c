//! Inflated objects that later deltas are likely to build on.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::clock_cache::ClockCache;
use crate::object::Kind;

/// Objects by the file and offset of their pack entry, shared by the instance.
#[derive(Debug)]
pub struct BaseCache(RefCell<ClockCache<(u64, u64), Rc<Base>>>);

/// An inflated object.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) kind: Kind,
    pub(super) content: Rc<Vec<u8>>,
    /// Its position in the index of its pack, once it is known.
    pub(super) pos: Cell<Option<u32>>,
}

impl BaseCache {
    /// An empty cache that holds at most `limit` bytes of content.
    pub fn new(limit: usize) -> Self {
        Self(RefCell::new(ClockCache::new(limit)))
    }

    pub(super) fn find(&self, file: u64, offset: u64) -> Option<Rc<Base>> {
        self.0.borrow_mut().find(&(file, offset))
    }

    pub(super) fn insert(&self, file: u64, offset: u64, kind: Kind, content: &Rc<Vec<u8>>) {
        let bytes = content.capacity() + 100;
        let base = Base { kind, content: Rc::clone(content), pos: Cell::new(None) };
        self.0.borrow_mut().insert((file, offset), Rc::new(base), bytes);
    }
}
