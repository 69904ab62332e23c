//! One pkt-line from the front of a buffer.

use super::{MAX_LEN, PktLine, hex_digit};

/// What [`decode`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// The buffer ends within the pkt-line. Not an error.
    Incomplete {
        /// Bytes missing, at least 1: to the end of the four digits, or, once these are there,
        /// to the end of the pkt-line.
        bytes_needed: usize,
    },
    /// A whole pkt-line.
    Complete {
        /// The pkt-line, borrowed from the buffer.
        line: PktLine<'a>,
        /// Bytes it took from the front of the buffer, its four digits counted.
        consumed: usize,
    },
}

/// The client sent something that is no pkt-line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// One of the four length bytes is no hex digit.
    #[error("protocol error: bad line length character")]
    BadLengthCharacter([u8; 4]),
    /// `0003`, which means nothing, or a length beyond [`MAX_LEN`].
    #[error("protocol error: bad line length {0}")]
    BadLength(usize),
}

/// Decodes the pkt-line at the front of `buffer`.
///
/// # Errors
///
/// The four length bytes are not hex digits of either case, or their number is 3 or exceeds
/// [`MAX_LEN`]. That shows as soon as these four bytes are there, or the first bad one of them.
///
/// # Deviation
///
/// git reads up to three bytes more than [`MAX_LEN`], by an accident of its buffer.
pub fn decode(buffer: &[u8]) -> Result<Decoded<'_>, Error> {
    let mut digits = [0; 4];
    let seen = buffer.len().min(4);
    digits[..seen].copy_from_slice(&buffer[..seen]);
    let mut len = 0;
    for digit in &digits[..seen] {
        let digit = hex_digit(*digit).ok_or(Error::BadLengthCharacter(digits))?;
        len = len << 4 | usize::from(digit);
    }
    if seen < 4 {
        return Ok(Decoded::Incomplete { bytes_needed: 4 - seen });
    }
    let line = match len {
        0 => PktLine::Flush,
        1 => PktLine::Delim,
        2 => PktLine::ResponseEnd,
        4..=MAX_LEN => match buffer.get(4..len) {
            Some(data) => {
                return Ok(Decoded::Complete { line: PktLine::Data(data), consumed: len });
            }
            None => return Ok(Decoded::Incomplete { bytes_needed: len - buffer.len() }),
        },
        _ => return Err(Error::BadLength(len)),
    };
    Ok(Decoded::Complete { line, consumed: 4 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(line: PktLine<'_>, consumed: usize) -> Result<Decoded<'_>, Error> {
        Ok(Decoded::Complete { line, consumed })
    }

    fn incomplete<'a>(bytes_needed: usize) -> Result<Decoded<'a>, Error> {
        Ok(Decoded::Incomplete { bytes_needed })
    }

    #[test]
    fn data_is_what_follows_the_four_digits() {
        assert_eq!(decode(b"0006a\n"), complete(PktLine::Data(b"a\n"), 6));
        assert_eq!(decode(b"0005a0000"), complete(PktLine::Data(b"a"), 5));
        assert_eq!(decode(b"000bfoobar\nrest"), complete(PktLine::Data(b"foobar\n"), 11));
        assert_eq!(decode(b"000Bfoobar\n"), complete(PktLine::Data(b"foobar\n"), 11));
    }

    #[test]
    fn special_packets_take_four_bytes() {
        assert_eq!(decode(b"0000PACK"), complete(PktLine::Flush, 4));
        assert_eq!(decode(b"0001"), complete(PktLine::Delim, 4));
        assert_eq!(decode(b"0002"), complete(PktLine::ResponseEnd, 4));
    }

    #[test]
    fn an_empty_pkt_line_is_empty_data() {
        assert_eq!(decode(b"0004"), complete(PktLine::Data(b""), 4));
    }

    #[test]
    fn what_is_missing_is_counted() {
        assert_eq!(decode(b""), incomplete(4));
        assert_eq!(decode(b"0"), incomplete(3));
        assert_eq!(decode(b"000"), incomplete(1));
        assert_eq!(decode(b"0009"), incomplete(5));
        assert_eq!(decode(b"0009abcd"), incomplete(1));
        assert_eq!(decode(b"fff0"), incomplete(65516));
    }

    #[test]
    fn bad_lengths_are_refused_at_once() {
        assert_eq!(decode(b"0003"), Err(Error::BadLength(3)));
        assert_eq!(decode(b"fff1"), Err(Error::BadLength(65521)));
        assert_eq!(decode(b"ffff"), Err(Error::BadLength(65535)));
        assert_eq!(decode(b"00g0"), Err(Error::BadLengthCharacter(*b"00g0")));
        assert_eq!(decode(b"PACK"), Err(Error::BadLengthCharacter(*b"PACK")));
        assert_eq!(decode(b"P"), Err(Error::BadLengthCharacter(*b"P\0\0\0")));
        assert_eq!(decode(b"+123"), Err(Error::BadLengthCharacter(*b"+123")));
        assert_eq!(decode(b" 005a"), Err(Error::BadLengthCharacter(*b" 005")));
    }

    #[test]
    fn the_longest_pkt_line_is_read() {
        let mut buffer = b"fff0".to_vec();
        buffer.resize(65520, b'x');
        assert_eq!(decode(&buffer), complete(PktLine::Data(&[b'x'; 65516]), 65520));
    }
}
