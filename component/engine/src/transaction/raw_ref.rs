//! A ref as it is stored, read under its lock.

use bstr::{BStr, BString, ByteSlice};
use gitwasi_wire::Oid;

use crate::refs::{find_packed, is_valid_name};
use crate::storage::{Kind, Storage};
use crate::{Repository, Result};

/// What is stored under a ref's name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RawRef {
    /// A file with an oid.
    Loose(Oid),
    /// A file with another ref's name.
    Symbolic(BString),
    /// A file that holds neither.
    Broken,
    /// An oid in `packed-refs`, and no file.
    Packed(Oid),
    /// Nothing; a directory may be in the place of the file.
    Absent {
        /// Whether there is a directory.
        directory: bool,
    },
}

impl RawRef {
    pub(super) async fn read<S: Storage>(repository: &Repository<S>, name: &BStr) -> Result<Self> {
        let Ok(path) = name.to_str() else { return Ok(Self::Absent { directory: false }) };
        let path = repository.file(path);
        let stat = repository.engine.look(&path).await?;
        let directory = stat.as_ref().is_some_and(|stat| stat.kind == Kind::Directory);
        if let Some(stat) = stat.filter(|_| !directory)
            && let Some(content) = repository.engine.recall_file_at(&path, stat).await?
        {
            return Ok(parse(&content, repository.object_format().hex_len()));
        }
        Ok(match find_packed(repository, name).await? {
            Some(oid) => Self::Packed(oid),
            None => Self::Absent { directory },
        })
    }
}

fn parse(content: &[u8], hex_len: usize) -> RawRef {
    if let Some(target) = content.strip_prefix(b"ref:") {
        let target = target.trim_ascii();
        return match is_valid_name(target.as_bstr()) {
            true => RawRef::Symbolic(target.into()),
            false => RawRef::Broken,
        };
    }
    let parsed = || {
        let (hex, rest) = content.split_at_checked(hex_len)?;
        // Git asks for nothing but a space of some kind behind the oid.
        if rest.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
            return None;
        }
        Oid::from_hex(hex)
    };
    parsed().map_or(RawRef::Broken, RawRef::Loose)
}
