//! Records of a block: names cut where they are like the one before.

use gitwasi_wire::{ObjectFormat, Oid};

/// One block, in memory.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) kind: u8,
    bytes: Vec<u8>,
    /// Where the next record begins, and where records end.
    at: usize,
    end: usize,
}

/// What a record says of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// There is no such ref, whatever older tables say.
    Deleted,
    Direct(Oid),
    /// An annotated tag, and what it points to in the end.
    Tag(Oid, Oid),
    Symbolic(Vec<u8>),
    /// Of an index: where a block begins whose last name this is.
    Block(u64),
}

/// Bytes of a name at most. Git's limit is that of a block.
const MAX_NAME: usize = 4096;

impl Block {
    /// A block of `bytes`, of which the first `start` are before its own header.
    pub(super) fn new(bytes: Vec<u8>, start: usize) -> Option<Self> {
        let kind = *bytes.get(start)?;
        let restarts = bytes.last_chunk::<2>()?;
        let table = 2 + 3 * usize::from(u16::from_be_bytes(*restarts));
        let end = bytes.len().checked_sub(table).filter(|end| *end >= start + 4)?;
        Some(Self { kind, bytes, at: start + 4, end })
    }

    /// Reads the next record: its name replaces the one before in `name`. `Some(None)` at the
    /// end, `None` if it makes no sense.
    pub(super) fn next(
        &mut self,
        name: &mut Vec<u8>,
        format: ObjectFormat,
    ) -> Option<Option<Value>> {
        if self.at == self.end {
            return Some(None);
        }
        let rest = self.bytes.get(self.at..self.end)?;
        let (prefix, rest) = varint(rest)?;
        let (suffix, rest) = varint(rest)?;
        let (kind, suffix) = (suffix & 7, usize::try_from(suffix >> 3).ok()?);
        let prefix = usize::try_from(prefix).ok().filter(|prefix| *prefix <= name.len())?;
        let (suffix, rest) = rest.split_at_checked(suffix)?;
        if prefix + suffix.len() > MAX_NAME {
            return None;
        }
        name.truncate(prefix);
        name.extend_from_slice(suffix);
        let (value, rest) = if self.kind == b'i' {
            let (position, rest) = varint(rest)?;
            (Value::Block(position), rest)
        } else {
            let (_update_index, rest) = varint(rest)?;
            value(kind, rest, format)?
        };
        self.at = self.end - rest.len();
        Some(Some(value))
    }
}

fn value(kind: u64, rest: &[u8], format: ObjectFormat) -> Option<(Value, &[u8])> {
    let oid = |rest| {
        let (oid, rest) = <[u8]>::split_at_checked(rest, format.oid_len())?;
        Some((Oid::from_bytes(oid)?, rest))
    };
    Some(match kind {
        0 => (Value::Deleted, rest),
        1 => {
            let (target, rest) = oid(rest)?;
            (Value::Direct(target), rest)
        }
        2 => {
            let (target, rest) = oid(rest)?;
            let (peeled, rest) = oid(rest)?;
            (Value::Tag(target, peeled), rest)
        }
        3 => {
            let (length, rest) = varint(rest)?;
            let (target, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            (Value::Symbolic(target.to_vec()), rest)
        }
        _ => return None,
    })
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (byte, mut rest) = bytes.split_first()?;
    let mut value = u64::from(byte & 0x7f);
    let mut byte = *byte;
    while byte & 0x80 != 0 {
        (byte, rest) = rest.split_first().map(|(byte, rest)| (*byte, rest))?;
        value = value.checked_add(1)?.checked_mul(128)? + u64::from(byte & 0x7f);
    }
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_share_the_beginning_of_their_names() {
        let mut bytes = b"r\0\0\0".to_vec();
        bytes.extend([0, 4 << 3 | 3, b'H', b'E', b'A', b'D', 0, 6]);
        bytes.extend(b"refs/x");
        bytes.extend([1, 1 << 3, b'a', 0]);
        bytes.extend([0, 0, 4, 0, 1]);
        let mut block = Block::new(bytes.clone(), 0).expect("a block");
        let mut name = Vec::new();
        let format = ObjectFormat::Sha1;
        let head = block.next(&mut name, format);
        assert_eq!(
            (head, &name[..]),
            (Some(Some(Value::Symbolic(b"refs/x".into()))), &b"HEAD"[..])
        );
        let deleted = block.next(&mut name, format);
        assert_eq!((deleted, &name[..]), (Some(Some(Value::Deleted)), &b"Ha"[..]));
        assert_eq!(block.next(&mut name, format), Some(None));
        bytes[18] = 9;
        let mut block = Block::new(bytes, 0).expect("a block");
        name.clear();
        assert!(block.next(&mut name, format).is_some());
        assert_eq!(block.next(&mut name, format), None, "more of a name than there was");
    }
}
