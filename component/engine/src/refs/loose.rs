//! Loose refs: a file each.

use bstr::{BStr, BString, ByteSlice};
use gitwasi_wire::Oid;

use super::{Target, is_valid_name};
use crate::storage::{Kind, Storage, StorageError};
use crate::working_memory::{Lease, Leased};
use crate::{Error, Repository, Result};

/// What is at the path of a ref.
#[derive(Debug)]
pub(super) enum Loose {
    /// A ref.
    Target(Target),
    /// No file.
    Absent,
    /// A file that holds no ref.
    Broken,
}

/// Bytes that an entry of a directory takes while it is listed.
const ENTRY: usize = 80;
/// Bytes that a name takes besides its own.
const BLOCK: usize = 16;

/// Reads the file of a ref.
pub(super) async fn read<S: Storage>(repository: &Repository<S>, name: &BStr) -> Result<Loose> {
    let Ok(path) = name.to_str() else { return Ok(Loose::Absent) };
    if path != "HEAD" && !is_valid_name(name) {
        return Ok(Loose::Broken);
    }
    let content = repository.engine.recall_file(&repository.file(path)).await?;
    let Some(content) = content else { return Ok(Loose::Absent) };
    Ok(parse(&content, repository.object_format().hex_len()).map_or(Loose::Broken, Loose::Target))
}

/// Names of refs, the first one last.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) names: Leased<Vec<BString>>,
    _text: Lease,
}

/// Lists the names of the refs below `directories` that have files.
///
/// # Limits
/// [`crate::Limits::refs`], [`crate::Limits::ref_depth`].
pub(super) async fn names<S: Storage>(
    repository: &Repository<S>,
    directories: Vec<String>,
    wanted: impl Fn(&str) -> bool,
) -> Result<Names> {
    let limits = &repository.engine.limits;
    let mut names = Leased::<Vec<BString>>::new(&repository.memory);
    let (mut text, mut bytes) = (Lease::new(&repository.memory), 0);
    let mut listing = Lease::new(&repository.memory);
    let depth = |directory: &String| directory.matches('/').count();
    let mut directories: Vec<(String, usize)> =
        directories.into_iter().map(|directory| (directory.clone(), depth(&directory))).collect();
    while let Some((directory, depth)) = directories.pop() {
        let path = repository.file(&directory);
        let most = listing.affordable(ENTRY).min(limits.refs);
        let entries = match repository.engine.recall_entries(&path, most).await {
            Err(Error::Storage(StorageError::TooMany)) if most < limits.refs => {
                return Err(listing.refusal(limits.refs * ENTRY));
            }
            entries => entries?,
        };
        listing.cover(entries.as_ref().map_or(0, |entries| entries.len() * ENTRY))?;
        for entry in entries.iter().flat_map(|entries| entries.iter()) {
            let name = format!("{directory}/{}", entry.name);
            let is_directory = match entry.kind {
                Kind::Directory => true,
                Kind::Link => {
                    let stat = repository.engine.look(&repository.file(&name)).await;
                    stat.is_ok_and(|stat| stat.is_some_and(|stat| stat.kind == Kind::Directory))
                }
                Kind::File | Kind::Other => false,
            };
            if is_directory {
                if wanted(&format!("{name}/")) {
                    if depth == limits.ref_depth {
                        return Err(Error::LimitExceeded("ref_depth"));
                    }
                    directories.push((name, depth + 1));
                }
            } else if !name.ends_with(".lock") && wanted(&name) {
                if names.len() == limits.refs {
                    return Err(Error::LimitExceeded("refs"));
                }
                bytes += name.len() + BLOCK;
                text.cover(bytes)?;
                names.push(BString::from(name))?;
            }
        }
    }
    names.sort_unstable_by(|a, b| b.cmp(a));
    Ok(Names { names, _text: text })
}

fn parse(content: &[u8], hex_len: usize) -> Option<Target> {
    if let Some(target) = content.strip_prefix(b"ref:") {
        let target = target.trim_ascii();
        return is_valid_name(target.as_bstr()).then(|| Target::Symbolic(target.into()));
    }
    let (hex, rest) = content.split_at_checked(hex_len)?;
    // Git asks for nothing but a space of some kind behind the oid.
    if rest.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
        return None;
    }
    Oid::from_hex(hex).map(Target::Direct)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_hold_no_ref_are_broken() {
        let hex = "a".repeat(40);
        assert!(matches!(parse(format!("{hex}\n").as_bytes(), 40), Some(Target::Direct(_))));
        assert!(matches!(parse(b"ref: refs/heads/x\n", 40), Some(Target::Symbolic(_))));
        for bad in ["", "ref: ../../etc/passwd\n", "ref: refs/../../x", "abc\n", &format!("{hex}b")]
        {
            assert_eq!(parse(bad.as_bytes(), 40), None, "{bad:?}");
        }
    }
}
