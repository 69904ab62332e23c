//! Hex digits of oids, where there are very many of them.

use gitwasi_wire::Oid;

const NONE: u8 = 0xff;

/// The value of each byte that is a hex digit.
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut digit = 0;
    while digit < 16 {
        values[b"0123456789abcdef"[digit] as usize] = digit as u8;
        values[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        digit += 1;
    }
    values
};

/// Parses the hex digits of an oid; as [`Oid::from_hex`], but several times faster.
pub(crate) fn decode(hex: &[u8]) -> Option<Oid> {
    let mut bytes = [0; 32];
    let (pairs, []) = hex.as_chunks::<2>() else { return None };
    let bytes = bytes.get_mut(..pairs.len())?;
    let mut seen = 0;
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let (high, low) = (VALUES[usize::from(*high)], VALUES[usize::from(*low)]);
        seen |= high | low;
        *byte = high << 4 | low;
    }
    if seen > 15 { None } else { Oid::from_bytes(bytes) }
}

/// Appends the hex digits of an oid.
pub(crate) fn append(oid: &Oid, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = [0; 64];
    let bytes = oid.as_bytes();
    for (pair, byte) in hex.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    }
    out.extend_from_slice(&hex[..2 * bytes.len()]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_wire() {
        for text in ["e69de29bb2d1d6434b8b29ae775ad8c2e48c5391".to_owned(), "0F".repeat(32)] {
            assert_eq!(decode(text.as_bytes()), Oid::from_hex(text.as_bytes()));
            let mut hex = Vec::new();
            append(&decode(text.as_bytes()).expect("an oid"), &mut hex);
            assert_eq!(hex, text.to_lowercase().as_bytes());
        }
        for bad in [&[b'a'; 39][..], &[b'g'; 40], &[b'a'; 66], b""] {
            assert_eq!(decode(bad), None);
        }
    }
}
