//! All refs in order: loose ones merged over packed ones.

use std::iter::Peekable;
use std::vec;

use bstr::{BString, ByteSlice};
use gitwasi_wire::Oid;

use super::packed::{Cursor, PackedRefs};
use super::{Peeled, Ref, Resolved, Target, is_valid_name, loose};
use crate::storage::Storage;
use crate::{Error, Repository, Result};

/// Iterates over refs in the order of their names.
#[derive(Debug)]
pub struct RefIter<'a, S: Storage> {
    repository: &'a Repository<S>,
    prefixes: Vec<BString>,
    loose: Peekable<vec::IntoIter<BString>>,
    packed: Option<(PackedRefs<S>, Cursor)>,
    /// A packed ref that was read but is not yet due.
    next_packed: Option<Ref>,
    seen: usize,
}

impl<'a, S: Storage> RefIter<'a, S> {
    pub(super) async fn new(repository: &'a Repository<S>, prefixes: &[BString]) -> Result<Self> {
        let prefixes = minimal(prefixes);
        let names = loose::names(repository, |name| may_match(&prefixes, name.as_bytes())).await?;
        let packed = match repository.packed_refs().await? {
            Some(packed) if packed.is_sorted() => {
                let first = prefixes.first().cloned().unwrap_or_default();
                let cursor = packed.seek(first.as_bstr()).await?;
                Some((packed, cursor))
            }
            Some(_) => return Err(Error::Unsupported("packed-refs that is not sorted".into())),
            None => None,
        };
        let loose = names.into_iter().peekable();
        let mut iter = Self { repository, prefixes, loose, packed, next_packed: None, seen: 0 };
        iter.next_packed = iter.read_packed().await?;
        Ok(iter)
    }

    /// The next ref; `None` behind the last.
    ///
    /// # Limits
    /// [`crate::Limits::refs`].
    pub async fn next(&mut self) -> Result<Option<Ref>> {
        loop {
            let engine = &self.repository.engine;
            self.seen += 1;
            if self.seen > engine.limits.refs {
                return Err(Error::LimitExceeded("refs"));
            }
            engine.worked(1).await;
            let packed_is_first = match (self.loose.peek(), &self.next_packed) {
                (None, None) => return Ok(None),
                (Some(_), None) => false,
                (None, Some(_)) => true,
                (Some(loose), Some(packed)) => packed.name < *loose,
            };
            let found = if packed_is_first {
                let next = self.read_packed().await?;
                std::mem::replace(&mut self.next_packed, next)
            } else {
                self.read_loose().await?
            };
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    async fn read_loose(&mut self) -> Result<Option<Ref>> {
        let Some(name) = self.loose.next() else { return Ok(None) };
        if self.next_packed.as_ref().is_some_and(|packed| packed.name == name) {
            self.next_packed = self.read_packed().await?;
        }
        match loose::read(self.repository, name.as_bstr()).await? {
            loose::Loose::Broken => return Ok(Some(self.broken(name))),
            loose::Loose::Target(Target::Direct(oid)) => {
                return Ok(Some(Ref { name, oid, symref_target: None, peeled: Peeled::Unknown }));
            }
            loose::Loose::Target(Target::Symbolic(_)) | loose::Loose::Absent => {}
        }
        let packed = self.packed.as_ref().map(|(packed, _)| packed);
        match self.repository.resolve_with(packed, name.as_bstr()).await? {
            Some(Resolved::Ref(found)) => Ok(Some(found)),
            Some(Resolved::Unborn(_)) | None => Ok(None),
        }
    }

    fn broken(&self, name: BString) -> Ref {
        let oid = Oid::zero(self.repository.object_format());
        Ref { name, oid, symref_target: None, peeled: Peeled::No }
    }

    async fn read_packed(&mut self) -> Result<Option<Ref>> {
        let Some((packed, cursor)) = &mut self.packed else { return Ok(None) };
        while let Some((name, oid, peeled)) = packed.next(cursor).await? {
            match covered(&self.prefixes, &name) {
                Covered::Yes if !is_valid_name(name.as_bstr()) => {
                    return Ok(Some(self.broken(name)));
                }
                Covered::Yes => {
                    return Ok(Some(Ref { name, oid, symref_target: None, peeled }));
                }
                Covered::No => {}
                Covered::Past => break,
            }
        }
        Ok(None)
    }
}

impl Ref {
    /// The object at the end of the chain of annotated tags; `None` if this is no such tag.
    pub async fn peel<S: Storage>(&self, repository: &Repository<S>) -> Result<Option<Oid>> {
        match self.peeled {
            Peeled::No => Ok(None),
            Peeled::To(oid) => Ok(Some(oid)),
            Peeled::Unknown => repository.odb.peel_unverified(&self.oid).await,
        }
    }
}

enum Covered {
    Yes,
    /// Not below a prefix, but a later name may be.
    No,
    /// Behind all prefixes.
    Past,
}

fn covered(prefixes: &[BString], name: &BString) -> Covered {
    if prefixes.is_empty() {
        return Covered::Yes;
    }
    // The last prefix that is not behind the name is the only one it can have.
    let after = prefixes.partition_point(|prefix| prefix <= name);
    if after > 0 && name.starts_with(&prefixes[after - 1]) {
        return Covered::Yes;
    }
    if after == prefixes.len() { Covered::Past } else { Covered::No }
}

/// Sorts prefixes and drops those that another one covers.
fn minimal(prefixes: &[BString]) -> Vec<BString> {
    let mut sorted = prefixes.to_vec();
    sorted.sort_unstable();
    let mut minimal: Vec<BString> = Vec::new();
    for prefix in sorted {
        if prefix.is_empty() {
            return Vec::new();
        }
        if !minimal.last().is_some_and(|last| prefix.starts_with(last)) {
            minimal.push(prefix);
        }
    }
    minimal
}

/// Whether a name, or a directory with a slash at its end, may hold what a prefix asks for.
fn may_match(prefixes: &[BString], name: &[u8]) -> bool {
    let directory = name.ends_with(b"/");
    prefixes.is_empty()
        || prefixes
            .iter()
            .any(|prefix| name.starts_with(prefix) || directory && prefix.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_that_others_cover_are_dropped() {
        let list =
            |names: &[&str]| minimal(&names.iter().map(|name| (*name).into()).collect::<Vec<_>>());
        assert_eq!(
            list(&["refs/tags/", "refs/heads/a", "refs/heads/"]),
            ["refs/heads/", "refs/tags/"]
        );
        assert!(list(&["refs/heads/", ""]).is_empty());
    }
}
