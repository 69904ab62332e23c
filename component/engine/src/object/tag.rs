//! Annotated tags: what they point to.

use gitwasi_wire::{ObjectFormat, Oid};

use super::{Kind, commit::header};
use crate::{Error, Result};

/// What of an annotated tag decides a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    /// What it points to.
    pub target: Oid,
    /// What kind the tag says its target has.
    pub kind: Kind,
}

impl Tag {
    /// Parses a tag's content.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the header is not git's.
    pub fn parse(content: &[u8], format: ObjectFormat) -> Result<Self> {
        let parse = || {
            let (target, rest) = header(content, b"object ", format)?;
            let kind = rest.strip_prefix(b"type ")?.split(|byte| *byte == b'\n').next()?;
            Some(Self { target, kind: Kind::from_name(kind)? })
        };
        parse().ok_or_else(|| Error::corrupt("a tag that cannot be parsed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_knows_its_target() {
        let text = format!("object {}\ntype tree\ntag x\n", "c".repeat(40));
        let tag = Tag::parse(text.as_bytes(), ObjectFormat::Sha1).expect("a tag");
        assert_eq!((tag.kind, tag.target.to_string()), (Kind::Tree, "c".repeat(40)));
        assert!(Tag::parse(b"object ", ObjectFormat::Sha1).is_err());
    }
}
