//! Oids as the wire has them: hex digits.

use std::fmt;

use crate::ObjectFormat;

/// An object's name in either object-format.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Oid {
    /// A `sha1` oid.
    Sha1([u8; 20]),
    /// A `sha256` oid.
    Sha256([u8; 32]),
}

impl Oid {
    /// Parses exactly 40 or 64 hex digits, of either case as git does; `None` for anything else.
    pub fn from_hex(hex: &[u8]) -> Option<Self> {
        match ObjectFormat::from_hex_len(hex.len())? {
            ObjectFormat::Sha1 => decode(hex).map(Self::Sha1),
            ObjectFormat::Sha256 => decode(hex).map(Self::Sha256),
        }
    }

    /// Takes raw bytes, 20 or 32 of them; `None` for any other length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes.len() {
            20 => bytes.try_into().ok().map(Self::Sha1),
            32 => bytes.try_into().ok().map(Self::Sha256),
            _ => None,
        }
    }

    /// The zero oid, which stands for "no object" on either side of a ref update.
    pub const fn zero(format: ObjectFormat) -> Self {
        match format {
            ObjectFormat::Sha1 => Self::Sha1([0; 20]),
            ObjectFormat::Sha256 => Self::Sha256([0; 32]),
        }
    }

    /// Whether this is the zero oid.
    pub fn is_zero(&self) -> bool {
        self.as_bytes().iter().all(|byte| *byte == 0)
    }

    /// The object-format this oid belongs to.
    pub const fn object_format(&self) -> ObjectFormat {
        match self {
            Self::Sha1(_) => ObjectFormat::Sha1,
            Self::Sha256(_) => ObjectFormat::Sha256,
        }
    }

    /// The raw bytes, 20 or 32 of them.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Sha1(bytes) => bytes,
            Self::Sha256(bytes) => bytes,
        }
    }

    /// Appends the lower-case hex digits to `out`.
    pub fn write_hex(&self, out: &mut Vec<u8>) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for byte in self.as_bytes() {
            out.push(DIGITS[usize::from(byte >> 4)]);
            out.push(DIGITS[usize::from(byte & 15)]);
        }
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.as_bytes() {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Oid({self})")
    }
}

fn decode<const N: usize>(hex: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let (pairs, []) = hex.as_chunks::<2>() else { return None };
    if pairs.len() != N {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = crate::pkt_line::hex_digit(*high)? << 4 | crate::pkt_line::hex_digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_of_either_case_is_read_and_lower_case_is_written() {
        let oid = Oid::from_hex(b"E69DE29BB2D1D6434B8B29AE775AD8C2E48C5391").expect("an oid");
        assert_eq!(oid.object_format(), ObjectFormat::Sha1);
        assert_eq!(oid.as_bytes()[..2], [0xe6, 0x9d]);
        assert_eq!(oid.to_string(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        let mut hex = Vec::new();
        oid.write_hex(&mut hex);
        assert_eq!(hex, b"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    }

    #[test]
    fn any_other_length_or_digit_is_no_oid() {
        assert!(Oid::from_hex(b"").is_none());
        assert!(Oid::from_hex(&[b'a'; 39]).is_none());
        assert!(Oid::from_hex(&[b'a'; 41]).is_none());
        assert!(Oid::from_hex(&[b'a'; 64]).is_some());
        assert!(Oid::from_hex(&[b'g'; 40]).is_none());
        assert!(Oid::from_hex(b"+69de29bb2d1d6434b8b29ae775ad8c2e48c5391").is_none());
    }

    #[test]
    fn zero_oids_are_known() {
        assert!(Oid::from_hex(&[b'0'; 40]).is_some_and(|oid| oid.is_zero()));
        assert!(Oid::zero(ObjectFormat::Sha256).is_zero());
        assert!(!Oid::from_hex(&[b'1'; 64]).is_some_and(|oid| oid.is_zero()));
    }
}
