//! Loose objects that have no file yet: those of a push until its refs move.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use gitwasi_wire::Oid;

/// Objects in memory, each as its file would be.
#[derive(Debug, Default)]
pub(crate) struct HeldObjects {
    limit: usize,
    bytes: Cell<usize>,
    objects: RefCell<BTreeMap<Oid, Rc<Vec<u8>>>>,
}

impl HeldObjects {
    /// Room for `limit` bytes.
    pub(crate) fn new(limit: usize) -> Rc<Self> {
        Rc::new(Self { limit, ..Self::default() })
    }

    /// Takes an object in, if there is room, and gives it back otherwise.
    pub(crate) fn add(&self, oid: &Oid, file: Vec<u8>) -> Result<(), Vec<u8>> {
        let bytes = self.bytes.get() + file.len();
        if bytes > self.limit {
            return Err(file);
        }
        self.bytes.set(bytes);
        self.objects.borrow_mut().insert(*oid, Rc::new(file));
        Ok(())
    }

    /// An object's file.
    pub(crate) fn find(&self, oid: &Oid) -> Option<Rc<Vec<u8>>> {
        self.objects.borrow().get(oid).cloned()
    }

    /// All of them in the order of their oids.
    pub(crate) fn all(&self) -> Vec<(Oid, Rc<Vec<u8>>)> {
        self.objects.borrow().iter().map(|(oid, file)| (*oid, Rc::clone(file))).collect()
    }
}
