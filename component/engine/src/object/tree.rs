//! Trees, entry by entry.

use gitwasi_wire::{ObjectFormat, Oid};

use crate::{Error, Result};

/// What an entry of a tree is, as far as a walk cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryMode {
    /// A tree.
    Tree,
    /// A file or symbolic link.
    Blob,
    /// A commit of another repository, which is not in this one.
    Submodule,
}

/// One entry of a tree.
#[derive(Debug, Clone, Copy)]
pub struct TreeEntry<'a> {
    /// What it is.
    pub mode: EntryMode,
    /// Its name, one path component.
    pub name: &'a [u8],
    /// The object.
    pub oid: Oid,
}

/// Iterates over the entries of a tree's content. The first error is the last item.
#[derive(Debug, Clone)]
pub struct Tree<'a> {
    rest: &'a [u8],
    oid_len: usize,
}

impl<'a> Tree<'a> {
    /// The entries in `content`.
    pub fn new(content: &'a [u8], format: ObjectFormat) -> Self {
        Self { rest: content, oid_len: format.oid_len() }
    }

    fn parse(&mut self) -> Option<TreeEntry<'a>> {
        let mut mode = 0u32;
        let mut rest = self.rest;
        loop {
            let (byte, after) = rest.split_first()?;
            rest = after;
            match byte {
                b' ' => break,
                b'0'..=b'7' if mode < 1 << 24 => mode = mode << 3 | u32::from(byte - b'0'),
                _ => return None,
            }
        }
        let end = rest.iter().position(|byte| *byte == 0)?;
        let name = &rest[..end];
        let (oid, rest) = rest[end + 1..].split_at_checked(self.oid_len)?;
        self.rest = rest;
        // Git looks at the type bits only, and takes what is neither for a blob.
        let mode = match mode & 0o170_000 {
            0o040_000 => EntryMode::Tree,
            0o160_000 => EntryMode::Submodule,
            _ => EntryMode::Blob,
        };
        Some(TreeEntry { mode, name, oid: Oid::from_bytes(oid)? })
    }
}

impl<'a> Iterator for Tree<'a> {
    type Item = Result<TreeEntry<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = self.parse();
        if entry.is_none() {
            self.rest = &[];
        }
        Some(entry.ok_or_else(|| Error::corrupt("a tree that cannot be parsed")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_each_mode_are_told_apart() {
        let mut content = Vec::new();
        for (mode, name) in [("100644", "a"), ("40000", "b"), ("160000", "c"), ("120000", "d")] {
            content.extend(format!("{mode} {name}\0").bytes());
            content.extend([7; 20]);
        }
        let modes: Vec<_> = Tree::new(&content, ObjectFormat::Sha1)
            .map(|entry| entry.expect("an entry").mode)
            .collect();
        use EntryMode::{Blob, Submodule, Tree as Subtree};
        assert_eq!(modes, [Blob, Subtree, Submodule, Blob]);
        let cut = &content[..content.len() - 1];
        assert!(Tree::new(cut, ObjectFormat::Sha1).last().is_some_and(|entry| entry.is_err()));
    }
}
