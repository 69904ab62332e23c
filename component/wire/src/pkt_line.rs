//! pkt-lines: four hex digits of length, then that many bytes less four.
//!
//! Spec: gitprotocol-common(5), "pkt-line Format"; gitprotocol-v2(5), "Packet-Line Framing"

mod assemble;
mod decode;
mod encode;
mod feed;

pub use assemble::Assembler;
pub use decode::{Decoded, Error, decode};
pub use encode::{TooLong, data, delim, err, flush, response_end, text};
pub(crate) use encode::{header, parts};
pub(crate) use feed::{Feed, Stop};

/// Bytes a pkt-line has at most, its four digits counted.
///
/// The documents' number and what git writes. A longer one is refused, however it came to be.
pub const MAX_LEN: usize = 65520;

/// Bytes of data a pkt-line has at most: [`MAX_LEN`] less the four digits.
pub const MAX_DATA_LEN: usize = MAX_LEN - 4;

/// One pkt-line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PktLine<'a> {
    /// Data, possibly none: `0004` is data of length 0, as git reads it.
    Data(&'a [u8]),
    /// flush-pkt, `0000`.
    Flush,
    /// delim-pkt, `0001`.
    Delim,
    /// response-end-pkt, `0002`.
    ResponseEnd,
}

/// Strips the one line feed that a text pkt-line may end with.
///
/// "Receivers MUST NOT complain if there is no" line feed, says gitprotocol-common(5).
pub fn chomp(data: &[u8]) -> &[u8] {
    data.strip_suffix(b"\n").unwrap_or(data)
}

pub(crate) fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
