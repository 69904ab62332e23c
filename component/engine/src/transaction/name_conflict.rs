//! Conflicts of names: no ref may be a directory of another.

use std::collections::BTreeSet;

use bstr::{BStr, BString, ByteSlice};

use crate::refs::Resolved;
use crate::storage::Storage;
use crate::{Repository, Result};

/// A ref that is in the way of another one.
#[derive(Debug)]
pub(super) enum Conflict {
    /// It exists.
    Existing(BString),
    /// It is made or moved by the same transaction.
    Update(BString),
}

/// Looks for a ref that is a directory of `name`, or below it.
pub(super) async fn find<S: Storage>(
    repository: &Repository<S>,
    name: &BStr,
    updates: &BTreeSet<BString>,
) -> Result<Option<Conflict>> {
    for end in name.find_iter(b"/").filter(|end| *end > b"refs".len()) {
        let directory = name[..end].as_bstr();
        if let Some(Resolved::Ref(_)) = repository.resolve_ref(directory).await? {
            return Ok(Some(Conflict::Existing(directory.into())));
        }
        if updates.contains(directory) {
            return Ok(Some(Conflict::Update(directory.into())));
        }
    }
    let mut below = BString::from(name);
    below.push(b'/');
    if let Some(found) = repository.refs(std::slice::from_ref(&below)).await?.next().await? {
        return Ok(Some(Conflict::Existing(found.name)));
    }
    let first = updates.range(below.clone()..).next();
    Ok(first.filter(|other| other.starts_with(&below)).cloned().map(Conflict::Update))
}
