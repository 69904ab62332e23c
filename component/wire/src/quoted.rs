//! A client's own bytes in a message to that client.

use std::fmt;

use bstr::BString;

/// What a client sent, cut and made harmless to show, as git shows it in its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted(BString);

impl Quoted {
    /// Bytes kept of what was sent.
    const MAX_LEN: usize = 200;

    pub(crate) fn new(sent: &[u8]) -> Self {
        Self(sent[..sent.len().min(Self::MAX_LEN)].into())
    }
}

impl fmt::Display for Quoted {
    /// Control characters, line feeds above all, and what is not UTF-8 are escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if c.is_control() {
                    write!(f, "{}", c.escape_default())
                } else {
                    write!(f, "{c}")
                }?;
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_cut_and_escaped() {
        assert_eq!(Quoted::new(b"want x").to_string(), "want x");
        assert_eq!(Quoted::new("é\n\0\x1b".as_bytes()).to_string(), "é\\n\\u{0}\\u{1b}");
        assert_eq!(Quoted::new(b"a\xffb").to_string(), "a\\xffb");
        assert_eq!(Quoted::new(&[b'x'; 65000]).to_string().len(), 200);
        let cut = [&[b'x'; 199][..], "é".as_bytes()].concat();
        assert!(Quoted::new(&cut).to_string().ends_with("x\\xc3"));
    }
}
