//! Objects as a client names them: by their oids, by refs, and on from there.
//!
//! Spec: gitrevisions(7)
//!
//! # Deviation
//! Abbreviated oids, reflogs (`@{1}`) and searches (`^{/text}`) are not understood.

use bstr::{BStr, ByteSlice};
use gitwasi_wire::Oid;

use super::fetch_args::expand_ref;
use crate::object::{EntryMode, Kind, Tree};
use crate::odb::Object;
use crate::storage::Storage;
use crate::{Error, Repository, Result};

/// The blob of a name: a revision, or a path in what one names.
///
/// # Errors
/// [`Error::Corrupt`] if there is none: so git puts it, too.
pub(super) async fn blob<S: Storage>(repository: &Repository<S>, name: &BStr) -> Result<Object> {
    let missing = || Error::corrupt("a sparse-checkout specification that is not there");
    let odb = repository.odb();
    let (revision, path) = match name.split_once_str(":") {
        Some((revision, path)) => (revision, Some(path)),
        None => (name.as_bytes(), None),
    };
    let oid = resolve(repository, revision).await?.ok_or_else(missing)?;
    let oid = odb.peel(&oid).await?.unwrap_or(oid);
    let mut object = odb.read(&oid).await?;
    if object.kind == Kind::Commit {
        let tree_id = crate::object::Commit::parse(&object.content, odb.format)?.tree_id;
        object = odb.read(&tree_id).await?;
    }
    for component in path.into_iter().flat_map(|path| path.split_str("/")) {
        if object.kind != Kind::Tree {
            return Err(missing());
        }
        let mut found = None;
        for entry in Tree::new(&object.content, odb.format) {
            let entry = entry?;
            if entry.name == component && entry.mode != EntryMode::Submodule {
                found = Some(entry.oid);
            }
        }
        object = odb.read(&found.ok_or_else(missing)?).await?;
    }
    if object.kind == Kind::Blob { Ok(object) } else { Err(missing()) }
}

/// One step on from an object.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// `~<n>`: so many first parents further.
    Ancestor(u32),
    /// `^<n>`: one of the parents, the first is 1; 0 is the commit itself.
    Parent(u32),
    /// `^{<kind>}`: what a tag is of, or a commit's tree; `^{}` whatever a tag is of.
    Peel(Option<Kind>),
}

/// The object that a revision names; `None` if there is none.
async fn resolve<S: Storage>(repository: &Repository<S>, revision: &[u8]) -> Result<Option<Oid>> {
    let end = revision.find_byteset(b"~^").unwrap_or(revision.len());
    let (name, mut steps) = revision.split_at(end);
    let mut found = match Oid::from_hex(name) {
        Some(oid) => repository.odb().find(&oid).await?.map(|_| oid),
        None if name == b"@" => expand_ref(repository, "HEAD".into()).await?,
        None => expand_ref(repository, name.as_bstr()).await?,
    };
    while let Some(oid) = found
        && !steps.is_empty()
    {
        let Some((step, rest)) = Step::parse(steps) else { return Ok(None) };
        steps = rest;
        found = step.take(repository, oid).await?;
    }
    Ok(found)
}

impl Step {
    /// The first of some steps, and the others.
    fn parse(steps: &[u8]) -> Option<(Self, &[u8])> {
        if let Some(steps) = steps.strip_prefix(b"^{") {
            let (kind, rest) = steps.split_once_str("}")?;
            let kind = if kind.is_empty() { None } else { Some(Kind::from_name(kind)?) };
            return Some((Self::Peel(kind), rest));
        }
        let (sign, rest) = steps.split_first()?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = rest.split_at(digits);
        let number = match number {
            b"" => 1,
            digits => str::from_utf8(digits).ok()?.parse().ok()?,
        };
        match sign {
            b'~' => Some((Self::Ancestor(number), rest)),
            b'^' => Some((Self::Parent(number), rest)),
            _ => None,
        }
    }

    async fn take<S: Storage>(self, repository: &Repository<S>, oid: Oid) -> Result<Option<Oid>> {
        let (steps, parent) = match self {
            Self::Peel(kind) => return peel(repository, oid, kind).await,
            Self::Ancestor(steps) => (steps, 0),
            Self::Parent(0) => (0, 0),
            Self::Parent(number) => (1, number as usize - 1),
        };
        let mut found = peel(repository, oid, Some(Kind::Commit)).await?;
        for _ in 0..steps {
            let Some(oid) = found else { break };
            found = repository.odb().commit(&oid).await?.parents.get(parent).copied();
            repository.engine.worked(4).await;
        }
        Ok(found)
    }
}

/// What an object of `kind` an object leads to; of any but a tag if `None`.
async fn peel<S: Storage>(
    repository: &Repository<S>,
    oid: Oid,
    kind: Option<Kind>,
) -> Result<Option<Oid>> {
    let odb = repository.odb();
    let peeled = match kind {
        Some(Kind::Tag) => oid,
        _ => odb.peel(&oid).await?.unwrap_or(oid),
    };
    let Some(location) = odb.find(&peeled).await? else { return Ok(None) };
    let (found, _) = odb.header(&peeled, location).await?;
    Ok(match kind {
        Some(Kind::Tree) if found == Kind::Commit => Some(odb.commit(&peeled).await?.tree_id),
        Some(kind) if found != kind => None,
        _ => Some(peeled),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_taken_one_by_one() {
        let parse = |steps| Step::parse(steps);
        assert_eq!(parse(b"~~2"), Some((Step::Ancestor(1), &b"~2"[..])));
        assert_eq!(parse(b"~12^"), Some((Step::Ancestor(12), &b"^"[..])));
        assert_eq!(parse(b"^0~"), Some((Step::Parent(0), &b"~"[..])));
        assert_eq!(parse(b"^{tree}^"), Some((Step::Peel(Some(Kind::Tree)), &b"^"[..])));
        assert_eq!(parse(b"^{}"), Some((Step::Peel(None), &b""[..])));
        for steps in [&b"^{tree"[..], b"^{x}", b"~4294967296", b"x", b""] {
            assert_eq!(parse(steps), None);
        }
    }
}
