//! The memory that requests draw on for what grows with a repository or with what a client sends.
//!
//! An instance's memory is bound, and asking for more ends every request in it. So each table and
//! each object is leased before it grows: the request that finds nothing left is refused, and all
//! others go on. Caches of the instance have a fixed size and are not leased; those of a request
//! are, and do without when little is left.

mod table;

use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;

pub(crate) use table::Leased;

use crate::{Error, Result};

/// Bytes of one table or object up to which it is not leased: most are small, and few are there
/// at a time.
pub(crate) const FREE: usize = 16 << 10;
/// Leases grow by whole ones of these bytes.
const STEP: usize = 64 << 10;

/// What all requests of an instance have together.
#[derive(Debug)]
pub(crate) struct WorkingMemory {
    limit: usize,
    leased: Cell<usize>,
}

impl WorkingMemory {
    /// `limit` bytes, [`crate::Limits::working_memory`].
    pub(crate) fn new(limit: usize) -> Rc<Self> {
        Rc::new(Self { limit, leased: Cell::new(0) })
    }

    /// Bytes that are leased.
    pub(crate) fn leased(&self) -> usize {
        self.leased.get()
    }
}

/// What one request has of it.
#[derive(Debug)]
pub(crate) struct Share {
    instance: Rc<WorkingMemory>,
    leased: Cell<usize>,
}

impl Share {
    /// Nothing yet.
    pub(crate) fn new(instance: &Rc<WorkingMemory>) -> Rc<Self> {
        Rc::new(Self { instance: Rc::clone(instance), leased: Cell::new(0) })
    }

    /// Refuses what would not fit if there were no other request.
    pub(crate) fn check(&self, bytes: usize) -> Result<()> {
        if self.leased.get().saturating_add(bytes) > self.instance.limit {
            return Err(Error::LimitExceeded("working_memory"));
        }
        Ok(())
    }

    fn take(&self, bytes: usize) -> Result<()> {
        let all = self.instance.leased.get().saturating_add(bytes);
        if all > self.instance.limit {
            self.check(bytes)?;
            return Err(Error::Busy);
        }
        self.instance.leased.set(all);
        self.leased.set(self.leased.get() + bytes);
        Ok(())
    }

    fn give_back(&self, bytes: usize) {
        self.instance.leased.set(self.instance.leased.get() - bytes);
        self.leased.set(self.leased.get() - bytes);
    }
}

/// A part of the working memory, given back when dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    share: Rc<Share>,
    bytes: usize,
}

impl Lease {
    /// An empty one.
    pub(crate) fn new(share: &Rc<Share>) -> Self {
        Self { share: Rc::clone(share), bytes: 0 }
    }

    /// Grows until it covers `bytes`.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`] if this request alone asks for too much, [`Error::Busy`] if the
    /// others leave too little. The lease is as it was before.
    #[inline]
    pub(crate) fn cover(&mut self, bytes: usize) -> Result<()> {
        if bytes <= FREE || bytes <= self.bytes { Ok(()) } else { self.grow(bytes) }
    }

    #[cold]
    fn grow(&mut self, bytes: usize) -> Result<()> {
        let bytes = bytes.checked_next_multiple_of(STEP).unwrap_or(bytes);
        self.share.take(bytes - self.bytes)?;
        self.bytes = bytes;
        Ok(())
    }

    /// Grows for a cache until it covers `bytes`; false, and as it was, if that would leave less
    /// than half of the memory to what cannot be forgotten.
    pub(crate) fn cover_cache(&mut self, bytes: usize) -> bool {
        if bytes <= FREE || bytes <= self.bytes {
            return true;
        }
        let instance = &self.share.instance;
        let all = instance.leased.get() + bytes.next_multiple_of(STEP) - self.bytes;
        all <= instance.limit / 2 && self.grow(bytes).is_ok()
    }

    /// How many more of so many bytes it could cover now.
    pub(crate) fn affordable(&self, bytes: usize) -> usize {
        let instance = &self.share.instance;
        (instance.limit - instance.leased.get() + self.bytes) / bytes
    }

    /// Why it cannot cover `bytes`.
    pub(crate) fn refusal(&self, bytes: usize) -> Error {
        self.share.check(bytes).err().unwrap_or(Error::Busy)
    }

    /// Gives back what is not needed to cover `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let bytes = if bytes <= FREE { 0 } else { bytes.next_multiple_of(STEP) };
        if let Some(more) = self.bytes.checked_sub(bytes) {
            self.share.give_back(more);
            self.bytes = bytes;
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.share.give_back(self.bytes);
    }
}

/// The content of an object, leased as long as a request holds it.
#[derive(Debug, Clone)]
pub struct Content {
    bytes: Rc<Vec<u8>>,
    _lease: Option<Rc<Lease>>,
}

impl Content {
    /// Leases content that a cache holds, too.
    pub(crate) fn shared(share: &Rc<Share>, bytes: Rc<Vec<u8>>) -> Result<Self> {
        let mut lease = Lease::new(share);
        lease.cover(bytes.capacity())?;
        Ok(Self::with(bytes, lease))
    }

    fn with(bytes: Rc<Vec<u8>>, lease: Lease) -> Self {
        let lease = (lease.bytes > 0).then(|| Rc::new(lease));
        Self { bytes, _lease: lease }
    }

    /// The bytes, for a cache.
    pub(crate) fn bytes(&self) -> &Rc<Vec<u8>> {
        &self.bytes
    }
}

impl From<Leased<Vec<u8>>> for Content {
    fn from(content: Leased<Vec<u8>>) -> Self {
        let (bytes, lease) = content.into_parts();
        Self::with(Rc::new(bytes), lease)
    }
}

impl Deref for Content {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_too_much_is_told_and_who_comes_too_late_is_told_otherwise() {
        let memory = WorkingMemory::new(10 * STEP);
        let (one, other) = (Share::new(&memory), Share::new(&memory));
        let (mut lease, mut late) = (Lease::new(&one), Lease::new(&other));
        lease.cover(6 * STEP).expect("room");
        assert!(matches!(lease.cover(10 * STEP + 1), Err(Error::LimitExceeded("working_memory"))));
        assert!(matches!(late.cover(5 * STEP), Err(Error::Busy)));
        assert_eq!(memory.leased(), 6 * STEP);
        lease.shrink_to(STEP + 1);
        assert_eq!(memory.leased(), 2 * STEP);
        late.cover(5 * STEP).expect("room");
        drop((lease, late));
        assert_eq!(memory.leased(), 0);
    }

    #[test]
    fn a_table_is_leased_before_it_grows_and_as_long_as_it_is_there() {
        let memory = WorkingMemory::new(10 * STEP);
        let mut table = Leased::<Vec<u64>>::new(&Share::new(&memory));
        let error = loop {
            if let Err(error) = table.push(7) {
                break error;
            }
            assert!(memory.leased() + FREE >= table.capacity() * 8);
        };
        assert!(matches!(error, Error::LimitExceeded(_)));
        assert!(table.len() * 8 > 2 * STEP && table.len() == table.capacity());
        drop(table);
        assert_eq!(memory.leased(), 0);
    }
}
