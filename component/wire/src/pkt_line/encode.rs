//! pkt-lines onto the end of a buffer.

use super::MAX_DATA_LEN;

/// We tried to write a pkt-line of more than [`MAX_DATA_LEN`] bytes of data. Nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pkt-line of {data_len} bytes of data was to be written")]
pub struct TooLong {
    /// Bytes of data there were.
    pub data_len: usize,
}

/// Appends a data pkt-line made of `data` as it is.
///
/// # Errors
///
/// `data` has more than [`MAX_DATA_LEN`] bytes.
pub fn data(data: &[u8], out: &mut Vec<u8>) -> Result<(), TooLong> {
    parts(&[data], out)
}

/// Appends a data pkt-line made of `line` and a line feed.
///
/// # Errors
///
/// `line` has more than [`MAX_DATA_LEN`] - 1 bytes.
pub fn text(line: &[u8], out: &mut Vec<u8>) -> Result<(), TooLong> {
    parts(&[line, b"\n"], out)
}

/// Appends `ERR <message>`: the in-band error that a client reports as `remote error: <message>`.
///
/// A message that is too long is cut.
pub fn err(message: &str, out: &mut Vec<u8>) {
    const PREFIX: &[u8] = b"ERR ";
    let message = &message[..message.floor_char_boundary(MAX_DATA_LEN - PREFIX.len())];
    out.extend_from_slice(&header(4 + PREFIX.len() + message.len()));
    out.extend_from_slice(PREFIX);
    out.extend_from_slice(message.as_bytes());
}

/// Appends a flush-pkt.
pub fn flush(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0000");
}

/// Appends a delim-pkt.
pub fn delim(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0001");
}

/// Appends a response-end-pkt.
pub fn response_end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0002");
}

pub(crate) fn parts(parts: &[&[u8]], out: &mut Vec<u8>) -> Result<(), TooLong> {
    let data_len = parts.iter().map(|part| part.len()).sum();
    if data_len > MAX_DATA_LEN {
        return Err(TooLong { data_len });
    }
    out.extend_from_slice(&header(4 + data_len));
    for part in parts {
        out.extend_from_slice(part);
    }
    Ok(())
}

/// `len` counts the four digits and is at most `MAX_LEN`.
pub(crate) fn header(len: usize) -> [u8; 4] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [12, 8, 4, 0].map(|shift| DIGITS[len >> shift & 15])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = b"before ".to_vec();
        write(&mut out);
        out
    }

    #[test]
    fn pkt_lines_are_appended() {
        assert_eq!(written(|out| data(b"a\n", out).unwrap()), b"before 0006a\n");
        assert_eq!(written(|out| data(b"", out).unwrap()), b"before 0004");
        assert_eq!(written(|out| text(b"foobar", out).unwrap()), b"before 000bfoobar\n");
        assert_eq!(written(flush), b"before 0000");
        assert_eq!(written(delim), b"before 0001");
        assert_eq!(written(response_end), b"before 0002");
        assert_eq!(written(|out| err("no such ref", out)), b"before 0013ERR no such ref");
    }

    #[test]
    fn the_longest_pkt_line_is_written_and_no_longer_one() {
        let out = written(|out| data(&[b'x'; 65516], out).unwrap());
        assert_eq!(out[..12], *b"before fff0x");
        assert_eq!(out.len(), 7 + 65520);

        let mut out = Vec::new();
        assert_eq!(data(&[b'x'; 65517], &mut out), Err(TooLong { data_len: 65517 }));
        assert_eq!(text(&[b'x'; 65516], &mut out), Err(TooLong { data_len: 65517 }));
        assert!(out.is_empty());
    }

    /// As `git upload-pack` wrote it.
    #[test]
    fn an_error_message_has_no_line_feed() {
        let mut out = Vec::new();
        err("upload-pack: not our ref 1111111111111111111111111111111111111111", &mut out);
        assert_eq!(
            out,
            b"0049ERR upload-pack: not our ref 1111111111111111111111111111111111111111"
        );
    }

    #[test]
    fn a_long_error_message_is_cut() {
        let out = written(|out| err(&"e".repeat(70_000), out));
        assert_eq!(out[..16], *b"before fff0ERR e");
        assert_eq!(out.len(), 7 + 65520);
    }
}
