//! Is this a request at all? For a front that passes the request on unread.

use crate::pkt_line::{self, Decoded, PktLine};

/// What the first bytes of a request look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstLine {
    /// Cannot tell yet.
    Incomplete,
    /// Begins with a pkt-line, or with the length of one that is still coming, that may begin a
    /// request.
    WellFormed,
    /// Not a request of any version, whatever follows.
    Malformed,
}

/// Looks at the first bytes of a request to `git-upload-pack`, of any version.
///
/// Four bytes are enough. A request begins with data, or with a flush-pkt: version 0 lets a client
/// leave that way. Not looked at: all the rest.
pub fn first_line(buffer: &[u8]) -> FirstLine {
    match pkt_line::decode(buffer) {
        Ok(Decoded::Incomplete { .. }) if buffer.len() < 4 => FirstLine::Incomplete,
        Ok(Decoded::Incomplete { .. }) => FirstLine::WellFormed,
        Ok(Decoded::Complete { line: PktLine::Data(_) | PktLine::Flush, .. }) => {
            FirstLine::WellFormed
        }
        Ok(Decoded::Complete { line: PktLine::Delim | PktLine::ResponseEnd, .. }) | Err(_) => {
            FirstLine::Malformed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_bytes_tell_a_request_from_garbage() {
        assert_eq!(first_line(b""), FirstLine::Incomplete);
        assert_eq!(first_line(b"001"), FirstLine::Incomplete);
        assert_eq!(first_line(b"0014"), FirstLine::WellFormed);
        assert_eq!(first_line(b"0014command=ls-refs\n"), FirstLine::WellFormed);
        assert_eq!(first_line(b"0000"), FirstLine::WellFormed);
        assert_eq!(first_line(b"0001"), FirstLine::Malformed);
        assert_eq!(first_line(b"0002"), FirstLine::Malformed);
        assert_eq!(first_line(b"0003"), FirstLine::Malformed);
        assert_eq!(first_line(b"{"), FirstLine::Malformed);
        assert_eq!(first_line(b"\x1f\x8b\x08\x00"), FirstLine::Malformed);
        assert_eq!(first_line(b"fff1"), FirstLine::Malformed);
    }
}
