//! Objects that are stored as deltas and too large to be held, read piece by piece.
//!
//! The deltas of the chain are held, and where in each of them which part of its result begins.
//! Each piece of the object is asked for from the last delta down to the object that all build on,
//! which is inflated as far as it is needed. Deltas copy mostly forward; what lies behind is still
//! in a window, or the object is inflated anew.

use std::rc::Rc;

use flate2::Decompress;

use super::Odb;
use super::delta;
use super::inflate::InflatePool;
use super::pack::{EntryKind, Pack};
use crate::clock_cache::ClockCache;
use crate::object::Kind;
use crate::storage::{CachedFile, Storage};
use crate::working_memory::{Lease, Leased};
use crate::{Error, Result};

/// Bytes of one block of the object that all build on.
const BLOCK: usize = 64 << 10;

/// Bytes of a piece at most.
const PIECE: usize = 64 << 10;

/// Instructions of a delta between two whose places are known.
const STRIDE: usize = 32;

/// Bytes by which the object counts as longer when its instructions are counted.
const FREE_STEPS: u64 = 1 << 20;

/// Reads one object.
#[derive(Debug)]
pub(crate) struct LargeReader<'a, S: Storage> {
    odb: &'a Odb<S>,
    kind: Kind,
    size: u64,
    base: BaseReader<'a, S>,
    /// The one that builds on the object comes first.
    deltas: Vec<HeldDelta>,
    /// What is still to be read, the next part last.
    parts: Vec<Part>,
    /// Instructions that may still be followed.
    steps: u64,
}

/// Bytes of what so many of the deltas come to.
#[derive(Debug, Clone, Copy)]
struct Part {
    deltas: usize,
    offset: u64,
    length: u64,
}

impl<S: Storage> Odb<S> {
    /// Opens the object at `offset` of a pack.
    ///
    /// # Limits
    /// [`crate::Limits::object_size`] for the deltas together, [`crate::Limits::delta_depth`],
    /// [`crate::Limits::delta_inflation`].
    pub(crate) async fn open_large<'a>(
        &'a self,
        pack: &'a Pack<S>,
        mut offset: u64,
    ) -> Result<LargeReader<'a, S>> {
        let limits = &self.engine.limits;
        let data = pack.data(self).await?;
        let mut deltas = Vec::new();
        let mut left = limits.object_size;
        let (kind, entry) = loop {
            let entry = pack.entry(self, offset).await?;
            if let EntryKind::Whole(kind) = entry.kind {
                break (kind, entry);
            }
            if deltas.len() == limits.delta_depth {
                return Err(Error::LimitExceeded("delta_depth"));
            }
            let bytes = self.inflate(data, &entry, left).await?;
            left -= entry.size;
            self.engine.worked(entry.size / 256 + 1).await;
            let places = Leased::<Vec<_>>::new(&self.memory);
            deltas.push(HeldDelta::new(bytes, places)?.ok_or_else(|| Error::corrupt("a delta"))?);
            offset = self.base_offset(pack, entry.kind).await?;
        };
        deltas.reverse();
        let mut size = entry.size;
        for delta in &deltas {
            if delta.base != size {
                return Err(Error::corrupt("a delta"));
            }
            size = delta.result;
        }
        let most = limits.delta_inflation.saturating_mul(data.size());
        if size > most.saturating_add(limits.object_size.saturating_mul(64)) {
            return Err(Error::LimitExceeded("delta_inflation"));
        }
        let base = BaseReader {
            odb: self,
            data,
            start: entry.data_offset,
            size: entry.size,
            inflater: self.inflaters.take(),
            next_input: entry.data_offset,
            next_block: 0,
            blocks: ClockCache::new(limits.delta_window),
            lease: Lease::new(&self.memory),
            rewinds: limits.delta_rewinds,
        };
        let parts = vec![Part { deltas: deltas.len(), offset: 0, length: size }];
        let steps = limits.delta_steps.saturating_mul(size.saturating_add(FREE_STEPS));
        Ok(LargeReader { odb: self, kind, size, base, deltas, parts, steps })
    }
}

impl<S: Storage> LargeReader<'_, S> {
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The next bytes, none at the end.
    ///
    /// # Limits
    /// [`crate::Limits::delta_rewinds`], [`crate::Limits::delta_steps`].
    pub(crate) async fn next(&mut self) -> Result<Vec<u8>> {
        let mut piece = Vec::with_capacity(PIECE);
        while piece.len() < PIECE
            && let Some(mut part) = self.parts.pop()
        {
            self.steps = self.steps.checked_sub(1).ok_or(Error::LimitExceeded("delta_steps"))?;
            self.odb.engine.worked(1).await;
            if part.deltas == 0 {
                let (block, within) = self.base.block_at(part.offset).await?;
                let bytes = &block[within..];
                let room = PIECE - piece.len();
                let length = bytes.len().min(room).min(part.length.try_into().unwrap_or(room));
                piece.extend_from_slice(&bytes[..length]);
                part.offset += length as u64;
                part.length -= length as u64;
                self.push(part);
            } else {
                let made = self.deltas[part.deltas - 1].at(part.offset);
                let made = made.ok_or_else(|| Error::corrupt("a delta"))?;
                let length = made.length().min(part.length);
                match made {
                    Made::Literal(bytes) => piece.extend_from_slice(&bytes[..length as usize]),
                    Made::Copy { offset, .. } => {
                        let rest = Part {
                            deltas: part.deltas,
                            offset: part.offset + length,
                            length: part.length - length,
                        };
                        self.push(rest);
                        part = Part { deltas: part.deltas - 1, offset, length };
                        self.push(part);
                        continue;
                    }
                }
                part.offset += length;
                part.length -= length;
                self.push(part);
            }
        }
        Ok(piece)
    }

    fn push(&mut self, part: Part) {
        if part.length > 0 {
            self.parts.push(part);
        }
    }
}

/// A delta whose instructions were checked.
#[derive(Debug)]
struct HeldDelta {
    bytes: Leased<Vec<u8>>,
    base: u64,
    result: u64,
    /// Offsets in the result and where the instructions for them begin, in order.
    places: Leased<Vec<(u64, usize)>>,
}

/// What makes a part of a result.
enum Made<'a> {
    Literal(&'a [u8]),
    Copy { offset: u64, length: u64 },
}

impl Made<'_> {
    fn length(&self) -> u64 {
        match self {
            Self::Literal(bytes) => bytes.len() as u64,
            Self::Copy { length, .. } => *length,
        }
    }
}

impl HeldDelta {
    /// `None` unless every instruction lies within the base and the result has the size it
    /// should have.
    fn new(bytes: Leased<Vec<u8>>, mut places: Leased<Vec<(u64, usize)>>) -> Result<Option<Self>> {
        let Some(sizes) = delta::sizes(&bytes) else { return Ok(None) };
        let (base, result) = (sizes.base, sizes.result);
        let mut at = bytes.len() - sizes.instructions.len();
        let (mut offset, mut number) = (0u64, 0usize);
        while at < bytes.len() {
            if number.is_multiple_of(STRIDE) {
                places.push((offset, at))?;
            }
            let Some((made, next)) = instruction(&bytes, at) else { return Ok(None) };
            if let Made::Copy { offset, length } = made
                && offset + length > base
            {
                return Ok(None);
            }
            offset = match offset.checked_add(made.length()) {
                Some(offset) if offset <= result => offset,
                _ => return Ok(None),
            };
            (at, number) = (next, number + 1);
        }
        Ok((offset == result).then_some(Self { bytes, base, result, places }))
    }

    /// What makes the result from `offset` on.
    fn at(&self, offset: u64) -> Option<Made<'_>> {
        let place = self.places.partition_point(|(start, _)| *start <= offset).checked_sub(1)?;
        let (mut start, mut at) = *self.places.get(place)?;
        loop {
            let (made, next) = instruction(&self.bytes, at)?;
            let within = offset - start;
            if within < made.length() {
                return Some(match made {
                    Made::Literal(bytes) => Made::Literal(&bytes[within as usize..]),
                    Made::Copy { offset, length } => {
                        Made::Copy { offset: offset + within, length: length - within }
                    }
                });
            }
            start += made.length();
            at = next;
        }
    }
}

/// The instruction at `at`, and where the next one begins.
fn instruction(bytes: &[u8], at: usize) -> Option<(Made<'_>, usize)> {
    let (code, rest) = bytes.get(at..)?.split_first()?;
    if code & 0x80 != 0 {
        let (offset, length, after) = delta::copy(*code, rest)?;
        let made = Made::Copy { offset: offset as u64, length: length as u64 };
        return Some((made, bytes.len() - after.len()));
    }
    let literal = rest.get(..usize::from(*code)).filter(|literal| !literal.is_empty())?;
    Some((Made::Literal(literal), at + 1 + literal.len()))
}

/// The object that all build on, by position.
#[derive(Debug)]
struct BaseReader<'a, S: Storage> {
    odb: &'a Odb<S>,
    data: &'a CachedFile<S>,
    start: u64,
    size: u64,
    inflater: Decompress,
    /// Where in the pack the inflater goes on, and with which block.
    next_input: u64,
    next_block: u64,
    blocks: ClockCache<u64, Rc<Vec<u8>>>,
    /// For the blocks. Where it cannot grow, the window does not either.
    lease: Lease,
    /// How often it may begin again.
    rewinds: u64,
}

impl<S: Storage> BaseReader<'_, S> {
    /// The block that holds the byte at `offset`, and that byte's place in it.
    async fn block_at(&mut self, offset: u64) -> Result<(Rc<Vec<u8>>, usize)> {
        let (number, within) = (offset / BLOCK as u64, (offset % BLOCK as u64) as usize);
        if let Some(block) = self.blocks.find(&number) {
            return Ok((block, within));
        }
        if number < self.next_block {
            self.rewinds =
                self.rewinds.checked_sub(1).ok_or(Error::LimitExceeded("delta_rewinds"))?;
            self.inflater.reset(true);
            (self.next_input, self.next_block) = (self.start, 0);
        }
        loop {
            let block = Rc::new(self.inflate().await?);
            let bytes = (self.blocks.bytes() + block.len()).min(self.blocks.limit());
            if !self.lease.cover_cache(bytes) {
                self.blocks.stop_growing();
            }
            self.blocks.insert(self.next_block, Rc::clone(&block), block.len());
            self.next_block += 1;
            if self.next_block > number {
                return if within < block.len() { Ok((block, within)) } else { Err(bad()) };
            }
        }
    }

    async fn inflate(&mut self) -> Result<Vec<u8>> {
        let left = self.size.saturating_sub(self.next_block * BLOCK as u64);
        let length = left.min(BLOCK as u64) as usize;
        let mut block = Vec::with_capacity(length);
        while block.len() < length {
            let (input, within) = self.data.block_at(self.next_input).await?;
            let progress = InflatePool::step(&mut self.inflater, &input[within..], &mut block)?;
            self.next_input += progress.consumed as u64;
            if progress.ended && block.len() < length {
                return Err(bad());
            }
        }
        self.odb.engine.worked(length as u64 / 256 + 1).await;
        if block.is_empty() { Err(bad()) } else { Ok(block) }
    }
}

fn bad() -> Error {
    Error::corrupt("an object smaller than it says")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::working_memory::{Share, WorkingMemory};

    fn held(delta: Vec<u8>) -> Option<HeldDelta> {
        let memory = Share::new(&WorkingMemory::new(1 << 20));
        let delta = Leased::held(&memory, delta).expect("room");
        HeldDelta::new(delta, Leased::<Vec<_>>::new(&memory)).expect("room")
    }

    #[test]
    fn every_part_of_a_result_is_found() {
        // Base of 200, result of 300: copy 2 from i, insert one byte, again and again.
        let mut bytes = vec![200, 1, 300u32 as u8 | 0x80, 2];
        for number in 0..100u8 {
            bytes.extend([0x91, number, 2, 1, number]);
        }
        let delta = held(bytes).expect("a delta");
        for offset in 0..300 {
            match delta.at(offset).expect("a part") {
                Made::Literal(bytes) => {
                    assert_eq!((offset % 3, bytes), (2, &[(offset / 3) as u8][..]))
                }
                Made::Copy { offset: from, length } => {
                    assert_eq!((from, length), (offset / 3 + offset % 3, 2 - offset % 3));
                }
            }
        }
    }

    #[test]
    fn hostile_deltas_are_refused() {
        for delta in [
            &[5, 3, 0x91, 4, 3][..],
            &[5, 2, 0x91, 1, 3],
            &[5, 4, 0x91, 1, 3],
            &[5, 1, 0],
            &[5, 3, 3, b'a'],
            &[5],
            &[0xff; 12],
            &[5, 0x91],
        ] {
            assert!(held(delta.to_vec()).is_none(), "{delta:?}");
        }
        assert!(held(vec![5, 0]).is_some_and(|delta| delta.at(0).is_none()));
    }
}
