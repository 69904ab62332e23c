//! Tables that are leased before they grow.

use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use super::{Lease, Share};
use crate::Result;

/// Bytes of a table up to which it grows to twice its size, and by a quarter from then on.
const LARGE: usize = 1 << 20;

/// What grows entry by entry.
pub(crate) trait Table: Default {
    /// Entries that it has.
    fn entries(&self) -> usize;

    /// Entries that it can have before it grows.
    fn room(&self) -> usize;

    /// Bytes of a table with room for so many entries.
    fn bytes(room: usize) -> usize;

    /// Grows to have room for so many entries, or somewhat more.
    fn grow(&mut self, room: usize);

    /// For how many entries it has room after it has grown, `entries` at least.
    fn next_room(&self, entries: usize) -> usize {
        let room = self.room();
        let more = if Self::bytes(room) < LARGE { room } else { room / 4 };
        entries.max(room + more).max(4)
    }
}

/// A table and the lease for it.
///
/// What adds to it is called by the names that the table has for it, and may fail.
#[derive(Debug)]
pub(crate) struct Leased<T> {
    table: T,
    lease: Lease,
}

impl<T: Table> Leased<T> {
    /// An empty table.
    pub(crate) fn new(share: &Rc<Share>) -> Self {
        Self { table: T::default(), lease: Lease::new(share) }
    }

    /// Sees to it that `more` entries have room.
    #[inline]
    pub(crate) fn reserve(&mut self, more: usize) -> Result<()> {
        let entries = self.table.entries() + more;
        if entries <= self.table.room() {
            return Ok(());
        }
        self.grow(self.table.next_room(entries))
    }

    /// As [`Self::reserve`], with room for no entry more.
    pub(crate) fn reserve_exact(&mut self, more: usize) -> Result<()> {
        let entries = self.table.entries() + more;
        if entries <= self.table.room() { Ok(()) } else { self.grow(entries) }
    }

    #[cold]
    fn grow(&mut self, room: usize) -> Result<()> {
        // While it moves it is there twice.
        self.lease.cover(T::bytes(self.table.room()) + T::bytes(room))?;
        self.table.grow(room);
        self.lease.shrink_to(T::bytes(self.table.room()));
        Ok(())
    }

    pub(crate) fn into_parts(self) -> (T, Lease) {
        (self.table, self.lease)
    }
}

impl<T> Deref for Leased<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.table
    }
}

impl<T> DerefMut for Leased<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.table
    }
}

impl<T> Leased<Vec<T>> {
    #[inline]
    pub(crate) fn push(&mut self, entry: T) -> Result<()> {
        self.reserve(1)?;
        self.table.push(entry);
        Ok(())
    }

    pub(crate) fn extend(&mut self, entries: impl IntoIterator<Item = T>) -> Result<()> {
        entries.into_iter().try_for_each(|entry| self.push(entry))
    }

    pub(crate) fn extend_from_slice(&mut self, entries: &[T]) -> Result<()>
    where
        T: Clone,
    {
        self.reserve(entries.len())?;
        self.table.extend_from_slice(entries);
        Ok(())
    }

    /// A table of `count` entries that are all the same.
    pub(crate) fn filled(share: &Rc<Share>, entry: T, count: usize) -> Result<Self>
    where
        T: Clone,
    {
        let mut lease = Lease::new(share);
        lease.cover(Vec::<T>::bytes(count))?;
        Ok(Self { table: vec![entry; count], lease })
    }

    /// A table of these entries.
    pub(crate) fn of(share: &Rc<Share>, entries: impl IntoIterator<Item = T>) -> Result<Self> {
        let mut table = Self::new(share);
        table.extend(entries)?;
        Ok(table)
    }

    /// Leases a table that is there, and not large.
    pub(crate) fn held(share: &Rc<Share>, table: Vec<T>) -> Result<Self> {
        let mut lease = Lease::new(share);
        lease.cover(Vec::<T>::bytes(table.capacity()))?;
        Ok(Self { table, lease })
    }
}

impl<K: Eq + Hash, V, S: BuildHasher + Default> Leased<HashMap<K, V, S>> {
    #[inline]
    pub(crate) fn insert(&mut self, key: K, value: V) -> Result<Option<V>> {
        self.reserve(1)?;
        Ok(self.table.insert(key, value))
    }
}

impl<K: Eq + Hash, S: BuildHasher + Default> Leased<HashSet<K, S>> {
    #[inline]
    pub(crate) fn insert(&mut self, key: K) -> Result<bool> {
        self.reserve(1)?;
        Ok(self.table.insert(key))
    }

    /// A set of these.
    pub(crate) fn of(share: &Rc<Share>, keys: impl IntoIterator<Item = K>) -> Result<Self> {
        let mut set = Self::new(share);
        for key in keys {
            set.insert(key)?;
        }
        Ok(set)
    }
}

impl<T: Ord> Leased<BinaryHeap<T>> {
    #[inline]
    pub(crate) fn push(&mut self, entry: T) -> Result<()> {
        self.reserve(1)?;
        self.table.push(entry);
        Ok(())
    }
}

impl<T> Leased<VecDeque<T>> {
    #[inline]
    pub(crate) fn push_back(&mut self, entry: T) -> Result<()> {
        self.reserve(1)?;
        self.table.push_back(entry);
        Ok(())
    }
}

/// Tables that lie in one row.
macro_rules! rows {
    ($($table:ident $(: $bound:ident)?),*) => {$(
        impl<T $(: $bound)?> Table for $table<T> {
            fn entries(&self) -> usize {
                self.len()
            }

            fn room(&self) -> usize {
                self.capacity()
            }

            fn bytes(room: usize) -> usize {
                room.saturating_mul(size_of::<T>())
            }

            fn grow(&mut self, room: usize) {
                self.reserve_exact(room - self.len());
            }
        }
    )*};
}

rows!(Vec, VecDeque, BinaryHeap: Ord);

impl<K: Eq + Hash, V, S: BuildHasher + Default> Table for HashMap<K, V, S> {
    fn entries(&self) -> usize {
        self.len()
    }

    fn room(&self) -> usize {
        self.capacity()
    }

    fn bytes(room: usize) -> usize {
        hashed(room).saturating_mul(size_of::<(K, V)>() + 1)
    }

    fn grow(&mut self, room: usize) {
        self.reserve(room - self.len());
    }

    fn next_room(&self, entries: usize) -> usize {
        entries.max(self.capacity() + 1)
    }
}

impl<K: Eq + Hash, S: BuildHasher + Default> Table for HashSet<K, S> {
    fn entries(&self) -> usize {
        self.len()
    }

    fn room(&self) -> usize {
        self.capacity()
    }

    fn bytes(room: usize) -> usize {
        hashed(room).saturating_mul(size_of::<K>() + 1)
    }

    fn grow(&mut self, room: usize) {
        self.reserve(room - self.len());
    }

    fn next_room(&self, entries: usize) -> usize {
        entries.max(self.capacity() + 1)
    }
}

/// Places that a hash table has for so many entries: an eighth of them stays empty.
fn hashed(room: usize) -> usize {
    if room == 0 { 0 } else { room.saturating_mul(8).div_ceil(7).next_power_of_two() }
}
