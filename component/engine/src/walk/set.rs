//! Sets of objects: a bit each.

use std::rc::Rc;

use crate::Result;
use crate::working_memory::{Leased, Share};

/// An object of one odb: 8 bytes that stay the same while the odb is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Node {
    pack: u32,
    pos: u32,
}

/// Stands for a pack in the nodes of loose objects.
const LOOSE: u32 = u32::MAX;

impl Node {
    pub(crate) fn packed(pack: u32, pos: u32) -> Self {
        Self { pack, pos }
    }

    pub(crate) fn loose(number: u32) -> Self {
        Self { pack: LOOSE, pos: number }
    }

    pub(crate) fn as_loose(self) -> Option<u32> {
        (self.pack == LOOSE).then_some(self.pos)
    }

    pub(crate) fn pack(self) -> u32 {
        self.pack
    }

    pub(crate) fn pos(self) -> u32 {
        self.pos
    }
}

/// A set of nodes.
#[derive(Debug)]
pub(crate) struct ObjectSet {
    memory: Rc<Share>,
    packs: Vec<Leased<Vec<u64>>>,
    loose: Leased<Vec<u64>>,
    count: u64,
}

impl ObjectSet {
    /// An empty one.
    pub(crate) fn new(memory: &Rc<Share>) -> Self {
        let loose = Leased::<Vec<_>>::new(memory);
        Self { memory: Rc::clone(memory), packs: Vec::new(), loose, count: 0 }
    }

    /// Adds a node; false if it was there.
    pub(crate) fn insert(&mut self, node: Node) -> Result<bool> {
        let words = match node.as_loose() {
            Some(_) => &mut self.loose,
            None => {
                let pack = node.pack as usize;
                if pack >= self.packs.len() {
                    let memory = &self.memory;
                    self.packs.resize_with(pack + 1, || Leased::<Vec<_>>::new(memory));
                }
                &mut self.packs[pack]
            }
        };
        let (word, bit) = (node.pos as usize / 64, 1 << (node.pos % 64));
        if word >= words.len() {
            words.reserve(word + 1 - words.len())?;
            words.resize(word + 1, 0);
        }
        let new = words[word] & bit == 0;
        words[word] |= bit;
        self.count += u64::from(new);
        Ok(new)
    }

    /// Removes a node; false if it was not there.
    pub(crate) fn remove(&mut self, node: Node) -> bool {
        let words = match node.as_loose() {
            Some(_) => Some(&mut self.loose),
            None => self.packs.get_mut(node.pack as usize),
        };
        let bit = 1 << (node.pos % 64);
        let word = words.and_then(|words| words.get_mut(node.pos as usize / 64));
        let Some(word) = word.filter(|word| **word & bit != 0) else { return false };
        *word &= !bit;
        self.count -= 1;
        true
    }

    /// Removes what is in `other`.
    pub(crate) fn subtract(&mut self, other: &Self) {
        let pairs = self.packs.iter_mut().zip(&other.packs);
        for (words, others) in pairs.chain([(&mut self.loose, &other.loose)]) {
            for (word, other) in words.iter_mut().zip(&**others) {
                self.count -= u64::from((*word & other).count_ones());
                *word &= !other;
            }
        }
    }

    pub(crate) fn contains(&self, node: Node) -> bool {
        let words = match node.as_loose() {
            Some(_) => Some(&self.loose),
            None => self.packs.get(node.pack as usize),
        };
        let word = words.and_then(|words| words.get(node.pos as usize / 64));
        word.is_some_and(|word| word >> (node.pos % 64) & 1 != 0)
    }

    /// Number of nodes.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The positions of one pack's objects in the set, ascending.
    pub(crate) fn in_pack(&self, pack: u32) -> impl Iterator<Item = u32> {
        bits(self.packs.get(pack as usize).map_or(&[], |words| words.as_slice()))
    }

    /// How many of one pack's objects are in the set.
    pub(crate) fn count_in_pack(&self, pack: u32) -> u32 {
        let words = self.packs.get(pack as usize).map_or(&[][..], |words| words.as_slice());
        words.iter().map(|word| word.count_ones()).sum()
    }

    /// The numbers of the loose objects in the set, ascending.
    pub(crate) fn loose(&self) -> impl Iterator<Item = u32> {
        bits(&self.loose)
    }
}

fn bits(words: &[u64]) -> impl Iterator<Item = u32> {
    words.iter().enumerate().flat_map(|(number, word)| {
        let mut word = *word;
        std::iter::from_fn(move || {
            let bit = word.trailing_zeros();
            word &= word.wrapping_sub(1);
            (bit < 64).then_some(number as u32 * 64 + bit)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::working_memory::WorkingMemory;

    #[test]
    fn what_was_inserted_comes_out_in_order() {
        let mut set = ObjectSet::new(&Share::new(&WorkingMemory::new(1 << 20)));
        for pos in [200, 3, 64, 63] {
            assert!(set.insert(Node::packed(2, pos)).expect("room"));
        }
        assert!(!set.insert(Node::packed(2, 64)).expect("room"));
        assert!(set.insert(Node::loose(64)).expect("room"));
        assert_eq!(set.in_pack(2).collect::<Vec<_>>(), [3, 63, 64, 200]);
        assert_eq!(set.loose().collect::<Vec<_>>(), [64]);
        assert_eq!((set.count(), set.count_in_pack(2), set.count_in_pack(7)), (5, 4, 0));
        assert!(!set.contains(Node::packed(1, 3)));
        assert!(set.remove(Node::packed(2, 64)) && !set.remove(Node::packed(2, 64)));
        assert!(!set.remove(Node::packed(7, 64)) && !set.remove(Node::loose(6400)));
        assert_eq!((set.count(), set.count_in_pack(2)), (4, 3));
    }
}
