//! What is kept for each entry of a pack that is taken in: 33 bytes, 45 with sha256.

use std::rc::Rc;

use gitwasi_wire::{ObjectFormat, Oid};

use crate::object::Kind;
use crate::storage::Storage;
use crate::working_memory::{Leased, Share};
use crate::{Engine, Result};

/// The entries of a pack, in its order.
#[derive(Debug)]
pub(super) struct Entries {
    oid_len: usize,
    /// The object's own oid, and until that is known that of the base.
    oids: Leased<Vec<u8>>,
    offsets: Leased<Vec<u64>>,
    crcs: Leased<Vec<u32>>,
    kinds: Leased<Vec<u8>>,
    memory: Rc<Share>,
}

/// Bytes that are kept for an entry when all have arrived: its place in the order of oids and in
/// [`super::NewObjects`] included.
pub(super) const fn bytes_each(oid_len: usize) -> usize {
    oid_len + 13 + 4 + oid_len + 1
}

/// An entry that is a delta and not resolved yet.
const UNRESOLVED: u8 = 0x80;
/// An entry that was a delta.
const DELTA: u8 = 0x40;
const KIND: u8 = 0x07;

impl Entries {
    pub(super) fn new(format: ObjectFormat, memory: &Rc<Share>) -> Self {
        Self {
            oid_len: format.oid_len(),
            oids: Leased::<Vec<_>>::new(memory),
            offsets: Leased::<Vec<_>>::new(memory),
            crcs: Leased::<Vec<_>>::new(memory),
            kinds: Leased::<Vec<_>>::new(memory),
            memory: Rc::clone(memory),
        }
    }

    /// The request's working memory.
    pub(super) fn memory(&self) -> &Rc<Share> {
        &self.memory
    }

    pub(super) fn len(&self) -> u32 {
        self.offsets.len() as u32
    }

    /// Adds a whole object.
    pub(super) fn push(&mut self, offset: u64, crc: u32, kind: Kind, oid: &Oid) -> Result<()> {
        self.add(offset, crc, kind.pack_type(), oid.as_bytes())
    }

    /// Adds a delta, with the oid of its base if that is how the base is named.
    pub(super) fn push_delta(&mut self, offset: u64, crc: u32, base: Option<&Oid>) -> Result<()> {
        self.add(offset, crc, UNRESOLVED | DELTA, base.map_or(&[], |oid| oid.as_bytes()))
    }

    fn add(&mut self, offset: u64, crc: u32, kind: u8, oid: &[u8]) -> Result<()> {
        self.oids.reserve(self.oid_len)?;
        self.offsets.push(offset)?;
        self.crcs.push(crc)?;
        self.kinds.push(kind)?;
        self.oids.extend_from_slice(oid)?;
        self.oids.resize(self.offsets.len() * self.oid_len, 0);
        Ok(())
    }

    /// Names a delta's object.
    pub(super) fn resolve(&mut self, entry: u32, kind: Kind, oid: &Oid) {
        let at = entry as usize;
        self.kinds[at] = DELTA | kind.pack_type();
        self.oids[at * self.oid_len..][..self.oid_len].copy_from_slice(oid.as_bytes());
    }

    pub(super) fn is_resolved(&self, entry: u32) -> bool {
        self.kinds[entry as usize] & UNRESOLVED == 0
    }

    /// What an entry is that is stored whole; `None` for what is or was a delta.
    pub(super) fn whole(&self, entry: u32) -> Option<Kind> {
        let kind = self.kinds[entry as usize];
        if kind & DELTA == 0 { Kind::from_pack_type(kind & KIND) } else { None }
    }

    /// What a resolved entry is.
    pub(super) fn kind(&self, entry: u32) -> Option<Kind> {
        Kind::from_pack_type(self.kinds[entry as usize] & KIND)
    }

    pub(super) fn offset(&self, entry: u32) -> u64 {
        self.offsets[entry as usize]
    }

    pub(super) fn crc(&self, entry: u32) -> u32 {
        self.crcs[entry as usize]
    }

    /// The bytes of an entry's oid, or of its base's until it is resolved.
    pub(super) fn oid_bytes(&self, entry: u32) -> &[u8] {
        &self.oids[entry as usize * self.oid_len..][..self.oid_len]
    }

    pub(super) fn oid(&self, entry: u32) -> Oid {
        Oid::from_bytes(self.oid_bytes(entry)).unwrap_or(Oid::zero(ObjectFormat::Sha1))
    }

    /// The entry that begins at `offset`.
    pub(super) fn at_offset(&self, offset: u64) -> Option<u32> {
        self.offsets.binary_search(&offset).ok().map(|entry| entry as u32)
    }

    /// The entries in the order of their oids; equal ones in that of the pack, as git has them.
    pub(super) async fn by_oid<S: Storage>(&self, engine: &Engine<S>) -> Result<Leased<Vec<u32>>> {
        // By the first byte, then each of these by itself: others may run in between.
        let mut starts = [0usize; 257];
        for entry in 0..self.len() {
            starts[usize::from(self.oid_bytes(entry)[0]) + 1] += 1;
        }
        for first in 0..256 {
            starts[first + 1] += starts[first];
        }
        let mut order = Leased::filled(&self.memory, 0, self.len() as usize)?;
        let mut ends = starts;
        for entry in 0..self.len() {
            let end = &mut ends[usize::from(self.oid_bytes(entry)[0])];
            order[*end] = entry;
            *end += 1;
        }
        for first in 0..256 {
            let same = &mut order[starts[first]..starts[first + 1]];
            same.sort_unstable_by(|a, b| {
                self.oid_bytes(*a).cmp(self.oid_bytes(*b)).then_with(|| a.cmp(b))
            });
            engine.worked(same.len() as u64 / 4).await;
        }
        Ok(order)
    }
}
