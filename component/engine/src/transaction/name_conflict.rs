//! Conflicts of names: no ref may be a directory of another.

use std::collections::{BTreeMap, BTreeSet};

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

/// What is in the way of many names, found out by looking at every ref once.
#[derive(Debug, Default)]
pub(super) struct Known {
    asked: BTreeSet<BString>,
    in_the_way: BTreeMap<BString, BString>,
}

impl Known {
    pub(super) async fn new<S: Storage>(
        repository: &Repository<S>,
        asked: BTreeSet<BString>,
    ) -> Result<Self> {
        let mut in_the_way = BTreeMap::new();
        if asked.is_empty() {
            return Ok(Self::default());
        }
        let mut refs = repository.refs(&[]).await?;
        while let Some(found) = refs.next().await? {
            let below = below(found.name.as_bstr());
            let names = asked.range(below.clone()..).take_while(|name| name.starts_with(&below));
            let above = directories(found.name.as_bstr()).filter_map(|name| asked.get(name));
            for name in names.chain(above) {
                in_the_way.entry(name.clone()).or_insert_with(|| found.name.clone());
            }
        }
        Ok(Self { asked, in_the_way })
    }
}

/// Looks for a ref that is a directory of `name`, or below it.
pub(super) async fn find<S: Storage>(
    repository: &Repository<S>,
    name: &BStr,
    updates: &BTreeSet<BString>,
    known: &Known,
) -> Result<Option<Conflict>> {
    let existing = match known.asked.contains(name) {
        true => known.in_the_way.get(name).cloned(),
        false => find_existing(repository, name).await?,
    };
    if let Some(existing) = existing {
        return Ok(Some(Conflict::Existing(existing)));
    }
    if let Some(directory) = directories(name).find(|directory| updates.contains(*directory)) {
        return Ok(Some(Conflict::Update(directory.into())));
    }
    let below = below(name);
    let first = updates.range(below.clone()..).next();
    Ok(first.filter(|other| other.starts_with(&below)).cloned().map(Conflict::Update))
}

/// Looks for a ref that exists.
pub(super) async fn find_existing<S: Storage>(
    repository: &Repository<S>,
    name: &BStr,
) -> Result<Option<BString>> {
    for directory in directories(name) {
        if let Some(Resolved::Ref(_)) = repository.resolve_ref(directory).await? {
            return Ok(Some(directory.into()));
        }
    }
    let below = below(name);
    let found = repository.refs(std::slice::from_ref(&below)).await?.next().await?;
    Ok(found.map(|found| found.name))
}

/// The directories of a name below `refs/`, the outermost first.
pub(super) fn directories(name: &BStr) -> impl Iterator<Item = &BStr> {
    let ends = name.find_iter(b"/").filter(|end| *end > b"refs".len());
    ends.map(|end| name[..end].as_bstr())
}

pub(super) fn below(name: &BStr) -> BString {
    let mut below = BString::from(name);
    below.push(b'/');
    below
}
