//! Which deltas wait for which base: 8 bytes each, and once more an oid for each base that is
//! named by its oid.

use std::ops::Range;
use std::rc::Rc;

use gitwasi_wire::Oid;

use super::entries::Entries;
use crate::Result;
use crate::working_memory::{Leased, Share};

/// The deltas of a pack by their bases.
#[derive(Debug)]
pub(super) struct Deltas {
    memory: Rc<Share>,
    count: u32,
    /// Base and delta; sorted by base, then the delta that most others build on last.
    by_offset: Leased<Vec<(u32, u32)>>,
    /// Deltas whose bases are named by oid, each base's together.
    by_oid: Leased<Vec<u32>>,
    /// The bases of these, sorted.
    bases: Leased<Vec<BaseOid>>,
    base_oids: Leased<Vec<u8>>,
}

/// A base that is named by its oid.
#[derive(Debug)]
struct BaseOid {
    /// Where its deltas end.
    end: u32,
    /// The base, once it is found: an entry, or one of those below.
    found: u32,
}

const NOT_FOUND: u32 = u32::MAX;
const EXTERNAL: u32 = u32::MAX - 1;

/// Where a base's content comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    /// An entry of the pack.
    Entry(u32),
    /// The repository.
    External,
}

/// The deltas that wait for one base.
#[derive(Debug, Clone, Default)]
pub(super) struct Waiting {
    by_offset: Range<usize>,
    by_oid: Range<usize>,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.by_offset.is_empty() && self.by_oid.is_empty()
    }
}

impl Deltas {
    pub(super) fn new(memory: &Rc<Share>) -> Self {
        Self {
            memory: Rc::clone(memory),
            count: 0,
            by_offset: Leased::<Vec<_>>::new(memory),
            by_oid: Leased::<Vec<_>>::new(memory),
            bases: Leased::<Vec<_>>::new(memory),
            base_oids: Leased::<Vec<_>>::new(memory),
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn add_by_offset(&mut self, base: Option<u32>, entry: u32) -> Result<()> {
        self.count += 1;
        self.by_offset.extend(base.map(|base| (base, entry)))
    }

    pub(super) fn add_by_oid(&mut self, entry: u32) -> Result<()> {
        self.count += 1;
        self.by_oid.push(entry)
    }

    /// Puts them in order once all are there.
    pub(super) fn sort(&mut self, entries: &Entries) -> Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        // How many deltas build on each entry, in any number of steps, as far as offsets tell.
        // A base precedes its deltas, so that each is complete when its turn comes.
        let mut above = Leased::filled(&self.memory, 0u32, entries.len() as usize)?;
        for (base, entry) in self.by_offset.iter().rev() {
            above[*base as usize] += above[*entry as usize] + 1;
        }
        self.by_offset
            .sort_unstable_by_key(|(base, entry)| (*base, above[*entry as usize], *entry));
        self.by_oid.sort_unstable_by(|a, b| {
            let order = entries.oid_bytes(*a).cmp(entries.oid_bytes(*b));
            order.then_with(|| (above[*a as usize], *a).cmp(&(above[*b as usize], *b)))
        });
        let mut last: &[u8] = &[];
        for (place, entry) in self.by_oid.iter().enumerate() {
            let oid = entries.oid_bytes(*entry);
            if oid != last {
                self.base_oids.extend_from_slice(oid)?;
                self.bases.push(BaseOid { end: 0, found: NOT_FOUND })?;
                last = oid;
            }
            if let Some(base) = self.bases.last_mut() {
                base.end = place as u32 + 1;
            }
        }
        Ok(())
    }

    /// The deltas that wait for `node`, which has this oid. Those that name it by its oid are told
    /// once only: an object may be in a pack twice.
    pub(super) fn claim(&mut self, node: Node, oid: &[u8]) -> Waiting {
        let by_offset = match node {
            Node::Entry(entry) => {
                let start = self.by_offset.partition_point(|(base, _)| *base < entry);
                let length = self.by_offset[start..].iter().take_while(|(base, _)| *base == entry);
                start..start + length.count()
            }
            Node::External => 0..0,
        };
        let by_oid = match self.position(oid) {
            Some(at) if self.bases[at].found == NOT_FOUND => {
                self.bases[at].found = match node {
                    Node::Entry(entry) => entry,
                    Node::External => EXTERNAL,
                };
                let start = at.checked_sub(1).map_or(0, |before| self.bases[before].end);
                start as usize..self.bases[at].end as usize
            }
            _ => 0..0,
        };
        Waiting { by_offset, by_oid }
    }

    /// Whether some delta may wait for the object of `entry`, as long as its oid is not known.
    pub(super) fn may_wait(&self, entry: u32) -> bool {
        let at = self.by_offset.partition_point(|(base, _)| *base < entry);
        !self.by_oid.is_empty() || self.by_offset.get(at).is_some_and(|(base, _)| *base == entry)
    }

    /// Takes the next of them; light ones first, so that a base is rarely needed again after a
    /// long chain was followed.
    pub(super) fn next(&self, waiting: &mut Waiting) -> Option<u32> {
        match waiting.by_offset.next() {
            Some(at) => Some(self.by_offset[at].1),
            None => waiting.by_oid.next().map(|at| self.by_oid[at]),
        }
    }

    /// The base of that oid, if it was found.
    pub(super) fn base(&self, oid: &Oid) -> Option<Node> {
        match self.bases[self.position(oid.as_bytes())?].found {
            NOT_FOUND => None,
            EXTERNAL => Some(Node::External),
            entry => Some(Node::Entry(entry)),
        }
    }

    /// Deltas whose bases are named by oid and were not found, in the order of the pack.
    pub(super) fn unclaimed(&self) -> Result<Leased<Vec<u32>>> {
        let mut start = 0;
        let mut unclaimed = Leased::<Vec<_>>::new(&self.memory);
        for base in self.bases.iter() {
            if base.found == NOT_FOUND {
                unclaimed.extend_from_slice(&self.by_oid[start..base.end as usize])?;
            }
            start = base.end as usize;
        }
        unclaimed.sort_unstable();
        Ok(unclaimed)
    }

    fn position(&self, oid: &[u8]) -> Option<usize> {
        let (mut low, mut high) = (0, self.bases.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.base_oids[middle * oid.len()..][..oid.len()].cmp(oid) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(middle),
            }
        }
        None
    }
}
