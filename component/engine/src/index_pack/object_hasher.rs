//! The oids of objects that strangers send: sha1 with collision detection, and sha256.

use gitwasi_wire::{ObjectFormat, Oid};
use sha2::Digest as _;

use crate::object::Kind;
use crate::{Error, Result};

/// Computes one oid. Pieces of the content follow the header that decides it.
pub(super) enum ObjectHasher {
    Sha1(Box<sha1dc::Hasher>),
    Sha256(sha2::Sha256),
}

impl ObjectHasher {
    /// Begins an object of `size` bytes.
    pub(super) fn new(format: ObjectFormat, kind: Kind, size: u64) -> Self {
        let mut hasher = match format {
            ObjectFormat::Sha1 => Self::Sha1(Box::default()),
            ObjectFormat::Sha256 => Self::Sha256(sha2::Sha256::new()),
        };
        hasher.update(loose_header(kind, size).as_bytes());
        hasher
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
        }
    }

    /// The oid.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the content was made to collide.
    pub(super) fn finish(self) -> Result<Oid> {
        match self {
            Self::Sha1(hasher) => match hasher.finalize() {
                Ok(digest) => Ok(Oid::Sha1(digest.to_bytes())),
                Err(collision) => Err(Error::Malformed(format!(
                    "SHA-1 appears to be part of a collision attack: {}",
                    collision.digest()
                ))),
            },
            Self::Sha256(hasher) => Ok(Oid::Sha256(hasher.finalize().into())),
        }
    }
}

/// The oid of an object that is in memory.
pub(super) fn oid_of(format: ObjectFormat, kind: Kind, content: &[u8]) -> Result<Oid> {
    let mut hasher = ObjectHasher::new(format, kind, content.len() as u64);
    hasher.update(content);
    hasher.finish()
}

/// What precedes the content where an object is hashed or stored loose.
pub(super) fn loose_header(kind: Kind, size: u64) -> String {
    format!("{} {size}\0", kind.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oids_are_git_s() {
        for (format, kind, content, oid) in [
            (ObjectFormat::Sha1, Kind::Blob, "", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
            (ObjectFormat::Sha1, Kind::Tree, "", "4b825dc642cb6eb9a060e54bf8d69288fbee4904"),
            (ObjectFormat::Sha1, Kind::Blob, "hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"),
            (
                ObjectFormat::Sha256,
                Kind::Blob,
                "",
                "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
            ),
        ] {
            let computed = oid_of(format, kind, content.as_bytes()).expect("no collision");
            assert_eq!(computed.to_string(), oid);
        }
    }

    /// One of two messages of the same sha1, by Leurent and Peyrin, "SHA-1 is a Shambles".
    const COLLISION: &[u8] = include_bytes!("../../tests/data/sha-mbles-1.bin");

    #[test]
    fn what_was_made_to_collide_is_refused() {
        for pieces in [1, 64, 100, COLLISION.len()] {
            // No object: whoever makes one that collides has to begin with its header.
            let mut hasher = ObjectHasher::Sha1(Box::default());
            for piece in COLLISION.chunks(pieces) {
                hasher.update(piece);
            }
            hasher.update(b"whatever follows");
            let error = hasher.finish().expect_err("a collision").to_string();
            assert!(
                error.starts_with("SHA-1 appears to be part of a collision attack: "),
                "{error}"
            );
        }
        assert!(oid_of(ObjectFormat::Sha1, Kind::Blob, COLLISION).is_ok());
    }
}
