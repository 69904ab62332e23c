//! A cache bound by weight: forgets what was not used since it was last looked at.

use std::collections::HashMap;
use std::hash::Hash;

use crate::quick_hash::QuickState;

/// Values by key within a bound of bytes; second chance decides what is forgotten.
#[derive(Debug)]
pub(crate) struct ClockCache<K, V> {
    limit: usize,
    bytes: usize,
    slots: Vec<Option<Slot<K, V>>>,
    /// Slots that are empty.
    free: Vec<usize>,
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
        let (slots, free, index) = (Vec::new(), Vec::new(), HashMap::default());
        Self { limit, bytes: 0, slots, free, index, hand: 0 }
    }

    /// Bytes of what is there.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that it may hold.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Holds no more from now on than it does.
    pub(crate) fn stop_growing(&mut self) {
        self.limit = self.limit.min(self.bytes);
    }

    /// A value that is still there.
    pub(crate) fn find(&mut self, key: &K) -> Option<V> {
        let slot = self.slots.get_mut(*self.index.get(key)?)?.as_mut()?;
        slot.used = true;
        Some(slot.value.clone())
    }

    /// Keeps a value that weighs `bytes`, unless it alone would fill an eighth of the cache.
    pub(crate) fn insert(&mut self, key: K, value: V, bytes: usize) {
        if bytes > self.limit / 8 || self.index.contains_key(&key) {
            return;
        }
        self.bytes += bytes;
        while self.bytes > self.limit && !self.index.is_empty() {
            self.evict();
        }
        let slot = Some(Slot { key, value, bytes, used: false });
        // In the place of one that went, which the hand has just left: so it has a whole turn of
        // the hand to be used.
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place] = slot;
                place
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        self.index.insert(key, place);
    }

    fn evict(&mut self) {
        loop {
            if self.hand >= self.slots.len() {
                self.hand = 0;
            }
            let place = self.hand;
            self.hand += 1;
            let Some(slot) = &mut self.slots[place] else { continue };
            if std::mem::take(&mut slot.used) {
                continue;
            }
            self.bytes -= slot.bytes;
            self.index.remove(&slot.key);
            self.slots[place] = None;
            self.free.push(place);
            return;
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
        for number in 9..200 {
            cache.insert(number, (), 5 + number % 5);
            assert!(cache.find(&number).is_some(), "the newest stays");
            assert!(cache.bytes <= 80);
        }
        assert!(cache.slots.len() <= 17, "places are used again");
    }

    #[test]
    fn one_large_value_does_not_displace_the_rest() {
        let mut cache = ClockCache::new(80);
        cache.insert(1, (), 10);
        cache.insert(2, (), 11);
        assert!(cache.find(&1).is_some() && cache.find(&2).is_none());
    }
}
