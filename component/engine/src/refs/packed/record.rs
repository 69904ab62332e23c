//! The lines of one ref in `packed-refs`, as they lie in a block.

use bstr::ByteSlice;

/// One ref. The digits are checked; the name is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) name: &'a [u8],
    pub(super) hex: &'a [u8],
    pub(super) peeled: Option<&'a [u8]>,
    /// Bytes of its lines.
    pub(super) length: usize,
}

/// What bytes begin with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed<'a> {
    Record(Record<'a>),
    /// More bytes are needed to tell.
    Incomplete,
    Corrupt,
}

/// Parses the ref that `bytes` begin with; `last` when the file ends where they end.
pub(super) fn parse(bytes: &[u8], hex_len: usize, last: bool) -> Parsed<'_> {
    let Some(end) = bytes.find_byte(b'\n') else {
        return if last { Parsed::Corrupt } else { Parsed::Incomplete };
    };
    let (line, after) = (&bytes[..end], &bytes[end + 1..]);
    let Some((hex, name)) = line.split_at_checked(hex_len) else { return Parsed::Corrupt };
    let Some((b' ', name)) = name.split_first() else { return Parsed::Corrupt };
    if !is_hex(hex) {
        return Parsed::Corrupt;
    }
    let (peeled, length) = match after.first() {
        None if !last => return Parsed::Incomplete,
        Some(b'^') => {
            let Some(digits) = after.get(1..hex_len + 2) else {
                return if last { Parsed::Corrupt } else { Parsed::Incomplete };
            };
            let (hex, feed) = digits.split_at(hex_len);
            if feed != b"\n" || !is_hex(hex) {
                return Parsed::Corrupt;
            }
            (Some(hex), end + hex_len + 3)
        }
        None | Some(_) => (None, end + 1),
    };
    Parsed::Record(Record { name, hex, peeled, length })
}

/// Whether these are hex digits, of either case, as git reads them.
fn is_hex(digits: &[u8]) -> bool {
    // Without an early end, so that it is done many bytes at once.
    digits.iter().fold(true, |all, byte| {
        all & (byte.wrapping_sub(b'0') < 10 || (byte | 0x20).wrapping_sub(b'a') < 6)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ref_ends_where_the_next_one_begins() {
        let (a, b) = ("a".repeat(40), "B".repeat(40));
        let text = format!("{a} refs/tags/x\n^{b}\n{a} refs/tags/y\n");
        let Parsed::Record(record) = parse(text.as_bytes(), 40, true) else { panic!("a ref") };
        assert_eq!((record.name, record.hex), (&b"refs/tags/x"[..], a.as_bytes()));
        assert_eq!(record.peeled, Some(b.as_bytes()));
        let rest = &text.as_bytes()[record.length..];
        let Parsed::Record(record) = parse(rest, 40, true) else { panic!("a ref") };
        assert_eq!((record.peeled, record.length), (None, rest.len()));
        for end in 0..text.len() - rest.len() {
            assert_eq!(parse(&text.as_bytes()[..end], 40, false), Parsed::Incomplete, "{end}");
        }
    }

    #[test]
    fn lines_that_git_refuses_are_corrupt() {
        let a = "a".repeat(40);
        for text in [
            "\n".to_owned(),
            "# comment\n".to_owned(),
            format!("{a}\n"),
            format!("{a}0 refs/x\n"),
            format!("{} refs/x\n", "g".repeat(40)),
            format!("{a} refs/x\n^{a}a\n"),
            format!("{a} refs/x\n^\n"),
            format!("{a} refs/x"),
        ] {
            assert_eq!(parse(text.as_bytes(), 40, true), Parsed::Corrupt, "{text:?}");
        }
    }
}
