//! Commits: the tree, the parents, and when.

use gitwasi_wire::{ObjectFormat, Oid};

use crate::working_memory::Lease;
use crate::{Error, Result};

/// What of a commit decides a walk.
#[derive(Debug)]
pub struct Commit {
    /// The root tree.
    pub tree_id: Oid,
    /// The parents, in order.
    pub parents: Vec<Oid>,
    /// The committer's date in seconds since 1970-01-01T00:00:00Z; 0 when it cannot be read.
    pub date: u64,
    /// For parents that are many.
    _lease: Option<Lease>,
}

impl Commit {
    pub(crate) fn new(tree_id: Oid, parents: Vec<Oid>, date: u64) -> Self {
        Self { tree_id, parents, date, _lease: None }
    }

    /// The same commit, with the lease for its parents.
    pub(crate) fn with(self, lease: Lease) -> Self {
        Self { _lease: Some(lease), ..self }
    }

    /// Parses a commit's content.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the header is not git's. A date that cannot be read is no error, as
    /// in git.
    pub fn parse(content: &[u8], format: ObjectFormat) -> Result<Self> {
        let bad = || Error::corrupt("a commit that cannot be parsed");
        let (tree_id, mut rest) = header(content, b"tree ", format).ok_or_else(bad)?;
        let mut parents = Vec::new();
        while let Some((parent, after)) = header(rest, b"parent ", format) {
            parents.push(parent);
            rest = after;
        }
        if rest.starts_with(b"parent ") {
            return Err(bad());
        }
        Ok(Self::new(tree_id, parents, date(rest)))
    }
}

pub(super) fn header<'a>(
    content: &'a [u8],
    name: &[u8],
    format: ObjectFormat,
) -> Option<(Oid, &'a [u8])> {
    let rest = content.strip_prefix(name)?;
    let (hex, rest) = rest.split_at_checked(format.hex_len())?;
    Some((Oid::from_hex(hex)?, rest.strip_prefix(b"\n")?))
}

fn date(rest: &[u8]) -> u64 {
    let mut lines = rest.split(|byte| *byte == b'\n');
    let committer = match lines.next() {
        Some(line) if line.starts_with(b"author ") => lines.next(),
        _ => None,
    };
    let Some(line) = committer.and_then(|line| line.strip_prefix(b"committer ")) else { return 0 };
    let Some(end) = line.iter().rposition(|byte| *byte == b'>') else { return 0 };
    let digits = line[end + 1..].trim_ascii_start();
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0u64, |date, digit| date.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

    #[test]
    fn a_merge_has_its_parents_in_order() {
        let text = format!(
            "tree {TREE}\nparent {a}\nparent {b}\nauthor A <a@b> 1 +0000\ncommitter C <c@d> 1700000000 +0100\n\nx\n",
            a = "a".repeat(40),
            b = "b".repeat(40),
        );
        let commit = Commit::parse(text.as_bytes(), ObjectFormat::Sha1).expect("a commit");
        assert_eq!(commit.tree_id.to_string(), TREE);
        assert_eq!(commit.parents[1].to_string(), "b".repeat(40));
        assert_eq!(commit.date, 1_700_000_000);
    }

    #[test]
    fn what_is_cut_short_is_an_error() {
        let text = format!("tree {TREE}\nparent abc");
        for end in 0..text.len() {
            let commit = Commit::parse(&text.as_bytes()[..end], ObjectFormat::Sha1);
            assert!(commit.is_err() || end == 46 || end < 53 && end > 46, "{end}");
        }
    }
}
