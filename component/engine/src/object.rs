//! Objects' content: just enough of each kind to walk from one to the next.
//!
//! Nothing is copied and nothing is allocated but parents.
//!
//! Spec: gitformat-pack(5), "Object types"; gitglossary(7)

mod commit;
mod tag;
mod tree;
mod tree_delta;

pub use commit::Commit;
pub use tag::Tag;
pub use tree::{EntryMode, Tree, TreeEntry};
pub(crate) use tree_delta::{changed_entries, only_oids_differ};

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A commit.
    Commit,
    /// A tree.
    Tree,
    /// A blob.
    Blob,
    /// An annotated tag.
    Tag,
}

impl Kind {
    /// Parses the word that object headers and tags use.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        match name {
            b"commit" => Some(Self::Commit),
            b"tree" => Some(Self::Tree),
            b"blob" => Some(Self::Blob),
            b"tag" => Some(Self::Tag),
            _ => None,
        }
    }

    /// The word that object headers and tags use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }

    /// The number that pack entries use.
    pub const fn pack_type(self) -> u8 {
        match self {
            Self::Commit => 1,
            Self::Tree => 2,
            Self::Blob => 3,
            Self::Tag => 4,
        }
    }

    pub(crate) const fn from_pack_type(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Commit),
            2 => Some(Self::Tree),
            3 => Some(Self::Blob),
            4 => Some(Self::Tag),
            _ => None,
        }
    }
}
