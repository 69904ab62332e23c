//! Deltas: instructions that make an object from another.
//!
//! Spec: gitformat-pack(5), "Deltified representation"

use std::rc::Rc;

use crate::working_memory::{Leased, Share};
use crate::{Error, Result};

/// Bytes set aside for a result before any instruction was read, whatever the delta claims.
const MAX_RESERVE: usize = 4 << 20;

/// The sizes a delta begins with, and what follows them.
pub(crate) struct Sizes<'a> {
    pub(crate) base: u64,
    pub(crate) result: u64,
    pub(crate) instructions: &'a [u8],
}

/// Reads the two sizes; `None` if they are cut short or do not fit.
pub(crate) fn sizes(delta: &[u8]) -> Option<Sizes<'_>> {
    let (base, rest) = size(delta)?;
    let (result, instructions) = size(rest)?;
    Some(Sizes { base, result, instructions })
}

/// Applies `delta` to `base`.
///
/// # Errors
/// [`Error::Corrupt`] unless every instruction lies within the base and the result has exactly
/// the size it claims; [`Error::LimitExceeded`] for a result of more than `limit` bytes.
pub(crate) fn apply(
    base: &[u8],
    delta: &[u8],
    limit: u64,
    memory: &Rc<Share>,
) -> Result<Leased<Vec<u8>>> {
    let bad = || Error::corrupt("a delta");
    let sizes = sizes(delta).ok_or_else(bad)?;
    if sizes.base != base.len() as u64 {
        return Err(bad());
    }
    if sizes.result > limit {
        return Err(Error::LimitExceeded("object_size"));
    }
    let result = usize::try_from(sizes.result).map_err(|_| Error::LimitExceeded("object_size"))?;
    let mut out = Leased::<Vec<u8>>::new(memory);
    out.reserve_exact(result.min(MAX_RESERVE))?;
    let mut rest = sizes.instructions;
    while let Some((code, after)) = rest.split_first() {
        let source = if code & 0x80 != 0 {
            let (offset, length, after) = copy(*code, after).ok_or_else(bad)?;
            rest = after;
            base.get(offset..).and_then(|base| base.get(..length)).ok_or_else(bad)?
        } else if *code != 0 {
            let (literal, after) = after.split_at_checked(usize::from(*code)).ok_or_else(bad)?;
            rest = after;
            literal
        } else {
            return Err(bad());
        };
        if source.len() > result - out.len() {
            return Err(bad());
        }
        out.extend_from_slice(source)?;
    }
    if out.len() == result { Ok(out) } else { Err(bad()) }
}

/// The offset and length that a copy instruction names, and what follows it.
pub(crate) fn copy(code: u8, mut rest: &[u8]) -> Option<(usize, usize, &[u8])> {
    let mut fields = [0u8; 7];
    for (bit, field) in fields.iter_mut().enumerate() {
        if code & 1 << bit != 0 {
            let (byte, after) = rest.split_first()?;
            *field = *byte;
            rest = after;
        }
    }
    let [a, b, c, d, e, f, g] = fields;
    let length = u32::from_le_bytes([e, f, g, 0]);
    let length = if length == 0 { 0x10000 } else { length };
    Some((u32::from_le_bytes([a, b, c, d]) as usize, length as usize, rest))
}

fn size(mut bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    let mut shift = 0;
    loop {
        let (byte, rest) = bytes.split_first()?;
        bytes = rest;
        if shift > 56 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return Some((value, bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::working_memory::WorkingMemory;

    fn memory() -> Rc<Share> {
        Share::new(&WorkingMemory::new(1 << 20))
    }

    #[test]
    fn copies_and_literals_make_the_result() {
        // Base of 5, result of 7: copy 3 from 1, insert "xy", copy 2 from 0.
        let delta = [5, 7, 0x91, 1, 3, 2, b'x', b'y', 0x90, 2];
        let result = apply(b"abcde", &delta, 100, &memory()).expect("a result");
        assert_eq!(*result, b"bcdxyab");
    }

    #[test]
    fn a_copy_without_length_is_64_kib() {
        let base = vec![1; 0x10000];
        let delta = [0x80, 0x80, 4, 0x80, 0x80, 4, 0x80];
        let result = apply(&base, &delta, 1 << 20, &memory());
        assert_eq!(result.expect("a result").len(), 0x10000);
    }

    #[test]
    fn hostile_deltas_are_errors() {
        for delta in [
            &[5, 3, 0x91, 4, 3][..],
            &[5, 2, 0x91, 1, 3],
            &[5, 4, 0x91, 1, 3],
            &[5, 1, 0],
            &[5, 3, 3, b'a'],
            &[4, 1, 1, b'a'],
            &[5],
            &[0xff; 12],
            &[5, 0x91],
        ] {
            assert!(apply(b"abcde", delta, 100, &memory()).is_err(), "{delta:?}");
        }
        let four_gib = [5, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x90, 1];
        let refused = apply(b"abcde", &four_gib, 1 << 26, &memory());
        assert!(matches!(refused, Err(Error::LimitExceeded(_))));
    }
}
