//! Hashing of small keys that are numbers, in tables that are asked millions of times.
//!
//! A folded multiplication with a seed that differs for every instance: who writes a pack chooses
//! offsets, and shall not be able to choose those that collide.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Makes hashers of one seed.
#[derive(Debug, Clone)]
pub(crate) struct QuickState(u64);

/// Hashes numbers.
#[derive(Debug)]
pub(crate) struct QuickHasher {
    seed: u64,
    hash: u64,
}

/// An odd number without a pattern: the golden ratio's digits.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl Default for QuickState {
    fn default() -> Self {
        Self(RandomState::new().hash_one(FACTOR))
    }
}

impl BuildHasher for QuickState {
    type Hasher = QuickHasher;

    fn build_hasher(&self) -> QuickHasher {
        QuickHasher { seed: self.0, hash: self.0 }
    }
}

impl Hasher for QuickHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word) ^ (chunk.len() as u64) << 56);
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.hash ^ number) * u128::from(FACTOR ^ self.seed | 1);
        self.hash = (product >> 64) as u64 ^ product as u64;
    }

    fn finish(&self) -> u64 {
        self.hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_go_to_different_places() {
        let state = QuickState::default();
        let places: std::collections::HashSet<u64> =
            (0..4096u64).map(|number| state.hash_one((number, number * 65536)) >> 40).collect();
        assert!(places.len() > 4000);
        let low: std::collections::HashSet<u64> =
            (0..4096u64).map(|number| state.hash_one((7u64, number << 16)) & 0xffff).collect();
        assert!(low.len() > 3700);
    }
}
