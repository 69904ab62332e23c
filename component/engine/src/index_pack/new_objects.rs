//! Which objects a pack brought, at 21 bytes each.

use std::rc::Rc;

use gitwasi_wire::Oid;

use super::entries::Entries;
use crate::Result;
use crate::object::Kind;
use crate::working_memory::{Lease, Share};

/// The objects of a pack, by their oids.
#[derive(Debug, Clone, Default)]
pub struct NewObjects {
    /// Oids one after the other, sorted.
    oids: Vec<u8>,
    kinds: Vec<u8>,
    closed: bool,
    _lease: Option<Rc<Lease>>,
}

impl NewObjects {
    /// Those of `entries`, which `order` has in the order of their oids.
    pub(super) fn new(entries: &Entries, order: &[u32], memory: &Rc<Share>) -> Result<Self> {
        let mut lease = Lease::new(memory);
        let (mut oids, mut kinds) = (Vec::new(), Vec::new());
        if let Some(first) = order.first() {
            let length = entries.oid_bytes(*first).len();
            lease.cover(order.len() * (length + 1))?;
            oids.reserve_exact(order.len() * length);
            kinds.reserve_exact(order.len());
        }
        let mut last: &[u8] = &[];
        for entry in order {
            let oid = entries.oid_bytes(*entry);
            if oid != last {
                oids.extend_from_slice(oid);
                kinds.push(entries.kind(*entry).map_or(0, Kind::pack_type));
                last = oid;
            }
        }
        Ok(Self { oids, kinds, closed: false, _lease: Some(Rc::new(lease)) })
    }

    /// Notes that all that they name is among them.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// Whether all that they name is known to be among them.
    pub fn is_closed(&self) -> bool {
        self.closed
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
