//! Heads of pack entries as they arrive, possibly in pieces.
//!
//! Spec: gitformat-pack(5), "pack-*.pack files have the following format"

use gitwasi_wire::Oid;

use crate::object::Kind;
use crate::odb::HEADER_LEN;

/// The head of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) base: Base,
    /// Bytes the entry inflates to.
    pub(super) size: u64,
    /// Bytes of the head.
    pub(super) length: usize,
}

/// What an entry is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// Nothing else: it is an object.
    None(Kind),
    /// The entry at that offset.
    Offset(u64),
    /// That object.
    Oid(Oid),
}

/// Why there is no head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// More bytes are needed.
    Incomplete,
    /// It can never be one.
    Bad(Bad),
}

/// What is wrong with a head. The texts are git's where git has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Bad {
    #[error("unknown object type {0}")]
    UnknownType(u8),
    #[error("size value overflow")]
    Size,
    #[error("offset value overflow for delta base object")]
    Distance,
    #[error("delta base offset is out of bound")]
    OutOfBound,
}

/// Bytes a head has at most: 10 for the size, 32 for the base.
pub(super) const MAX_LEN: usize = 42;

/// Parses the head of the entry at `offset`.
pub(super) fn parse(bytes: &[u8], offset: u64, oid_len: usize) -> Result<Head, Fault> {
    let mut rest = bytes;
    let first = next(&mut rest)?;
    let mut size = u64::from(first & 0x0f);
    let mut shift = 4;
    let mut byte = first;
    while byte & 0x80 != 0 {
        byte = next(&mut rest)?;
        let bits = u64::from(byte & 0x7f);
        if shift > 60 || bits << shift >> shift != bits {
            return Err(Fault::Bad(Bad::Size));
        }
        size |= bits << shift;
        shift += 7;
    }
    let base = match first >> 4 & 7 {
        6 => {
            let distance = distance(&mut rest)?;
            let base = offset.checked_sub(distance);
            let base = base.filter(|base| (HEADER_LEN..offset).contains(base));
            Base::Offset(base.ok_or(Fault::Bad(Bad::OutOfBound))?)
        }
        7 => {
            let (oid, after) = rest.split_at_checked(oid_len).ok_or(Fault::Incomplete)?;
            rest = after;
            Base::Oid(Oid::from_bytes(oid).ok_or(Fault::Incomplete)?)
        }
        number => {
            let kind = Kind::from_pack_type(number);
            Base::None(kind.ok_or(Fault::Bad(Bad::UnknownType(number)))?)
        }
    };
    Ok(Head { base, size, length: bytes.len() - rest.len() })
}

fn next(rest: &mut &[u8]) -> Result<u8, Fault> {
    let (byte, after) = rest.split_first().ok_or(Fault::Incomplete)?;
    *rest = after;
    Ok(*byte)
}

fn distance(rest: &mut &[u8]) -> Result<u64, Fault> {
    let mut byte = next(rest)?;
    let mut value = u64::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        byte = next(rest)?;
        let more = value.checked_add(1).and_then(|value| value.checked_mul(128));
        value = more.ok_or(Fault::Bad(Bad::Distance))? | u64::from(byte & 0x7f);
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_each_kind_are_read_once_they_are_whole() {
        let base = Oid::Sha1([7; 20]);
        let mut ref_delta = vec![0x75];
        ref_delta.extend(base.as_bytes());
        for (bytes, head) in [
            (vec![0xb5, 0x01], Head { base: Base::None(Kind::Blob), size: 0x15, length: 2 }),
            (vec![0x63, 0x80, 0x01], Head { base: Base::Offset(871), size: 3, length: 3 }),
            (ref_delta, Head { base: Base::Oid(base), size: 5, length: 21 }),
        ] {
            for end in 0..bytes.len() {
                assert_eq!(parse(&bytes[..end], 1000, 20), Err(Fault::Incomplete));
            }
            assert_eq!(parse(&bytes, 1000, 20), Ok(head));
        }
    }

    #[test]
    fn hostile_heads_are_refused() {
        for (bytes, offset, bad) in [
            (&[0x63, 0x00][..], 1000, Bad::OutOfBound),
            (&[0x63, 0x7f], 20, Bad::OutOfBound),
            (&[0x63, 0x7f], 138, Bad::OutOfBound),
            (&[0xff; 42], 100, Bad::Size),
            (
                &[0x63, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
                99,
                Bad::Distance,
            ),
            (&[0x53], 100, Bad::UnknownType(5)),
            (&[0x03], 100, Bad::UnknownType(0)),
        ] {
            assert_eq!(parse(bytes, offset, 20), Err(Fault::Bad(bad)), "{bytes:?}");
        }
        assert!(parse(&[0x63, 0x7f], 139, 20).is_ok(), "the first entry");
    }
}
