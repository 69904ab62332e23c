//! The lines of one ref in `packed-refs`, as they lie in a block.

use bstr::ByteSlice;

/// One ref. Of its digits and name nothing is checked but where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// The oid, a space, and the name.
    pub(super) text: &'a [u8],
    pub(super) name: &'a [u8],
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
    let Some([b' ', name @ ..]) = line.get(hex_len..) else { return Parsed::Corrupt };
    let (peeled, length) = match after.first() {
        None if !last => return Parsed::Incomplete,
        Some(b'^') => {
            let Some(digits) = after.get(1..hex_len + 2) else {
                return if last { Parsed::Corrupt } else { Parsed::Incomplete };
            };
            let (hex, feed) = digits.split_at(hex_len);
            if feed != b"\n" {
                return Parsed::Corrupt;
            }
            (Some(hex), end + hex_len + 3)
        }
        None | Some(_) => (None, end + 1),
    };
    Parsed::Record(Record { text: line, name, peeled, length })
}

impl Record<'_> {
    /// Whether all oids are hex digits, of either case, as git reads them; and whether there are
    /// upper-case ones.
    pub(super) fn digits(&self, hex_len: usize) -> Option<Upper> {
        let hex = self.text.get(..hex_len)?;
        let (fine, upper) = [hex, self.peeled.unwrap_or_default()]
            .iter()
            .map(|hex| digits(hex))
            .fold((true, false), |all, one| (all.0 & one.0, all.1 | one.1));
        fine.then_some(if upper { Upper::Some } else { Upper::None })
    }
}

/// Whether there are upper-case digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upper {
    None,
    Some,
}

fn digits(hex: &[u8]) -> (bool, bool) {
    // Without an early end, so that it is done many bytes at once.
    hex.iter().fold((true, false), |(fine, upper), byte| {
        let digit = byte.wrapping_sub(b'0') < 10 || (byte | 0x20).wrapping_sub(b'a') < 6;
        (fine & digit, upper | (byte & 0x60 == 0x40))
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
        assert_eq!((record.name, record.digits(40)), (&b"refs/tags/x"[..], Some(Upper::Some)));
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
            format!("{a} refs/x\n^{a}a\n"),
            format!("{a} refs/x\n^\n"),
            format!("{a} refs/x"),
        ] {
            assert_eq!(parse(text.as_bytes(), 40, true), Parsed::Corrupt, "{text:?}");
        }
        for (a, b) in [("a", "g"), ("/", "a"), (":", "0"), ("@", "A")] {
            let text = format!("{} refs/x\n^{}\n", a.repeat(40), b.repeat(40));
            let Parsed::Record(record) = parse(text.as_bytes(), 40, true) else { panic!("a ref") };
            assert_eq!(record.digits(40), None, "{text}");
        }
    }
}
