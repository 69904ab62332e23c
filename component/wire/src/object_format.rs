//! The object-formats: which hash function names objects.
//!
//! Spec: gitprotocol-capabilities(5), "object-format"

use std::fmt;

/// An object-format, which decides how long every oid of a conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ObjectFormat {
    /// `sha1`: 20 bytes, 40 hex digits. What a peer means that does not say.
    #[default]
    Sha1,
    /// `sha256`: 32 bytes, 64 hex digits.
    Sha256,
}

impl ObjectFormat {
    /// Parses the value of an `object-format` capability; `None` for a name git does not have.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        match name {
            b"sha1" => Some(Self::Sha1),
            b"sha256" => Some(Self::Sha256),
            _ => None,
        }
    }

    /// The object-format whose oids have this many hex digits.
    pub fn from_hex_len(digits: usize) -> Option<Self> {
        match digits {
            40 => Some(Self::Sha1),
            64 => Some(Self::Sha256),
            _ => None,
        }
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    /// Length of an oid, in bytes.
    pub const fn oid_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// Length of an oid, in hex digits.
    pub const fn hex_len(self) -> usize {
        2 * self.oid_len()
    }
}

impl fmt::Display for ObjectFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
