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
    /// Of the record that was read last: how much later than its table it begins.
    pub(super) update_index: u64,
}

/// What a record says of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// There is no such ref or log entry, whatever older tables say.
    Deleted,
    Direct(Oid),
    /// An annotated tag, and what it points to in the end.
    Tag(Oid, Oid),
    Symbolic(Vec<u8>),
    /// An entry of a reflog, as it is encoded.
    Log(Vec<u8>),
    /// Of an index: where a block begins whose last name this is.
    Block(u64),
}

/// Bytes of a name at most, with what follows it in the key of a log entry. Git's limit is that of
/// a block.
const MAX_NAME: usize = 4096 + 9;

impl Block {
    /// A block of `bytes`, of which the first `start` are before its own header.
    pub(super) fn new(bytes: Vec<u8>, start: usize) -> Option<Self> {
        let kind = *bytes.get(start)?;
        let restarts = bytes.last_chunk::<2>()?;
        let table = 2 + 3 * usize::from(u16::from_be_bytes(*restarts));
        let end = bytes.len().checked_sub(table).filter(|end| *end >= start + 4)?;
        Some(Self { kind, bytes, at: start + 4, end, update_index: 0 })
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
        let (value, rest) = match (self.kind, kind) {
            (b'i', _) => {
                let (position, rest) = varint(rest)?;
                (Value::Block(position), rest)
            }
            (b'g', 0) => (Value::Deleted, rest),
            (b'g', 1) => log_entry(rest, format)?,
            (b'r', kind) => {
                let (update_index, rest) = varint(rest)?;
                self.update_index = update_index;
                value(kind, rest, format)?
            }
            _ => return None,
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

/// Two oids; a name, an address, a time, a time zone of two bytes, and a message.
fn log_entry(entry: &[u8], format: ObjectFormat) -> Option<(Value, &[u8])> {
    let text = |rest| {
        let (length, rest) = varint(rest)?;
        rest.get(usize::try_from(length).ok()?..)
    };
    let rest = text(text(entry.get(2 * format.oid_len()..)?)?)?;
    let rest = text(varint(rest)?.1.get(2..)?)?;
    Some((Value::Log(entry[..entry.len() - rest.len()].to_vec()), rest))
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
