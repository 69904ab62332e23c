//! Heads of pack entries.
//!
//! Spec: gitformat-pack(5), "pack-*.pack files have the following format"

use gitwasi_wire::Oid;

use crate::object::Kind;

pub(crate) fn whole(kind: Kind, size: u64) -> Vec<u8> {
    head(kind.pack_type(), size)
}

pub(super) fn ofs_delta(size: u64, distance: u64) -> Vec<u8> {
    let mut out = head(6, size);
    let mut bytes = [0; 10];
    let mut at = bytes.len() - 1;
    let mut rest = distance;
    bytes[at] = (rest & 0x7f) as u8;
    rest >>= 7;
    while rest > 0 {
        rest -= 1;
        at -= 1;
        bytes[at] = 0x80 | (rest & 0x7f) as u8;
        rest >>= 7;
    }
    out.extend_from_slice(&bytes[at..]);
    out
}

pub(super) fn ref_delta(size: u64, base: &Oid) -> Vec<u8> {
    let mut out = head(7, size);
    out.extend_from_slice(base.as_bytes());
    out
}

fn head(kind: u8, size: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(43);
    let mut byte = kind << 4 | (size & 0x0f) as u8;
    let mut rest = size >> 4;
    while rest > 0 {
        out.push(byte | 0x80);
        byte = (rest & 0x7f) as u8;
        rest >>= 7;
    }
    out.push(byte);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_those_of_the_format() {
        assert_eq!(whole(Kind::Blob, 0x15), [0xb5, 0x01]);
        assert_eq!(whole(Kind::Commit, 0), [0x10]);
        assert_eq!(ofs_delta(3, 129), [0x63, 0x80, 0x01]);
        assert_eq!(ofs_delta(3, 127), [0x63, 0x7f]);
        assert_eq!(ofs_delta(3, u64::MAX).len(), 11);
    }
}
