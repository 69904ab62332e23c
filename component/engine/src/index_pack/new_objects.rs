//! Which objects a pack brought, at 21 bytes each.

use gitwasi_wire::Oid;

use super::entries::Entries;
use crate::object::Kind;

/// The objects of a pack, by their oids.
#[derive(Debug, Clone, Default)]
pub struct NewObjects {
    /// Oids one after the other, sorted.
    oids: Vec<u8>,
    kinds: Vec<u8>,
}

impl NewObjects {
    /// Those of `entries`, which `order` has in the order of their oids.
    pub(super) fn new(entries: &Entries, order: &[u32]) -> Self {
        let mut objects = Self::default();
        let mut last: &[u8] = &[];
        for entry in order {
            let oid = entries.oid_bytes(*entry);
            if oid != last {
                objects.oids.extend_from_slice(oid);
                objects.kinds.push(entries.kind(*entry).map_or(0, Kind::pack_type));
                last = oid;
            }
        }
        objects
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// What the object is; `None` if it was not in the pack.
    pub fn kind(&self, oid: &Oid) -> Option<Kind> {
        let wanted = oid.as_bytes();
        let (mut low, mut high) = (0, self.len());
        if self.oids.len() != high * wanted.len() {
            return None;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            match self.oids[middle * wanted.len()..][..wanted.len()].cmp(wanted) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Kind::from_pack_type(self.kinds[middle]),
            }
        }
        None
    }

    /// The objects in the order of their oids.
    pub fn iter(&self) -> impl Iterator<Item = (Oid, Kind)> + '_ {
        let length = self.oids.len().checked_div(self.len()).unwrap_or(1);
        self.oids
            .chunks_exact(length)
            .zip(&self.kinds)
            .filter_map(|(oid, kind)| Some((Oid::from_bytes(oid)?, Kind::from_pack_type(*kind)?)))
    }
}
