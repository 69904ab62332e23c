//! A cache bound by weight: forgets what was not used since it was last looked at.

use std::collections::HashMap;
use std::hash::Hash;

use crate::quick_hash::QuickState;

/// Values by key within a bound of bytes; second chance decides what is forgotten.
#[derive(Debug)]
pub(crate) struct ClockCache<K, V> {
    limit: usize,
    bytes: usize,
    slots: Vec<Slot<K, V>>,
    index: HashMap<K, usize, QuickState>,
    hand: usize,
}

#[derive(Debug)]
struct Slot<K, V> {
    key: K,
    value: V,
    bytes: usize,
    used: bool,
}

impl<K: Copy + Eq + Hash, V: Clone> ClockCache<K, V> {
    /// An empty cache that holds at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, bytes: 0, slots: Vec::new(), index: HashMap::default(), hand: 0 }
    }

    /// A value that is still there.
    pub(crate) fn find(&mut self, key: &K) -> Option<V> {
        let slot = self.slots.get_mut(*self.index.get(key)?)?;
        slot.used = true;
        Some(slot.value.clone())
    }

    /// Keeps a value that weighs `bytes`, unless it alone would fill an eighth of the cache.
    pub(crate) fn insert(&mut self, key: K, value: V, bytes: usize) {
        if bytes > self.limit / 8 || self.index.contains_key(&key) {
            return;
        }
        self.bytes += bytes;
        while self.bytes > self.limit && !self.slots.is_empty() {
            self.evict();
        }
        self.index.insert(key, self.slots.len());
        self.slots.push(Slot { key, value, bytes, used: false });
    }

    fn evict(&mut self) {
        loop {
            if self.hand >= self.slots.len() {
                self.hand = 0;
            }
            let slot = &mut self.slots[self.hand];
            if !std::mem::take(&mut slot.used) {
                break;
            }
            self.hand += 1;
        }
        let slot = self.slots.swap_remove(self.hand);
        self.bytes -= slot.bytes;
        self.index.remove(&slot.key);
        if let Some(moved) = self.slots.get(self.hand) {
            self.index.insert(moved.key, self.hand);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_survives_what_was_not() {
        let mut cache = ClockCache::new(80);
        for number in 0..8 {
            cache.insert(number, (), 10);
        }
        assert!(cache.find(&0).is_some());
        cache.insert(8, (), 10);
        assert!(cache.find(&0).is_some(), "used, so kept");
        assert!(cache.find(&1).is_none(), "unused, so forgotten");
        assert!(cache.bytes <= 80);
    }

    #[test]
    fn one_large_value_does_not_displace_the_rest() {
        let mut cache = ClockCache::new(80);
        cache.insert(1, (), 10);
        cache.insert(2, (), 11);
        assert!(cache.find(&1).is_some() && cache.find(&2).is_none());
    }
}
