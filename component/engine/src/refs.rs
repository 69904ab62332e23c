//! Refs: loose files merged over `packed-refs`, or reftables; symbolic refs, HEAD, hidden refs.
//!
//! Spec: gitrepository-layout(5), "refs", "packed-refs", "HEAD"; git-pack-refs(1)

mod files;
mod hidden;
mod iterate;
mod loose;
mod packed;
mod peel;
pub(crate) mod reftable;
mod selector;

use bstr::{BStr, BString, ByteSlice};
use gitwasi_wire::Oid;

pub(crate) use files::find_packed;
pub use hidden::is_hidden;
pub use iterate::{PeeledHex, RefIter, RefLine};

use crate::repository::RefStorage;
use crate::storage::Storage;
use crate::{Repository, Result};
pub(crate) use packed::{KnownPackedRefs, SoundRefs};
pub(crate) use peel::PeeledTags;

/// What a ref holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An object.
    Direct(Oid),
    /// Another ref.
    Symbolic(BString),
}

/// What is known of the peeled value of a ref.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peeled {
    /// The object has to be looked at.
    Unknown,
    /// The ref points to no annotated tag.
    No,
    /// The ref points to an annotated tag which, in the end, points here.
    To(Oid),
}

/// A ref, resolved to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ref {
    /// The full name.
    pub name: BString,
    /// The object.
    pub oid: Oid,
    /// For a symbolic ref, the name of the ref at the end of the chain.
    pub symref_target: Option<BString>,
    /// What is known of its peeled value.
    pub peeled: Peeled,
}

/// What `HEAD` and other single names resolve to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// An object.
    Ref(Ref),
    /// A symbolic ref to a ref that does not exist yet, named here.
    Unborn(BString),
}

impl<S: Storage> Repository<S> {
    /// Resolves a full ref name; `None` if there is no such ref, or if it is broken.
    ///
    /// # Limits
    /// [`crate::Limits::symref_depth`]; past it the ref counts as broken, as in git.
    pub async fn resolve_ref(&self, name: &BStr) -> Result<Option<Resolved>> {
        let mut current = name.to_owned();
        for _ in 0..=self.engine.limits.symref_depth {
            let found = match self.config.ref_storage {
                RefStorage::Files => match files::find(self, current.as_bstr()).await? {
                    files::Found::Ref(target, peeled) => Some((target, peeled)),
                    files::Found::Absent => None,
                    files::Found::Broken => return Ok(None),
                },
                RefStorage::Reftable => match reftable::find(self, current.as_bstr()).await? {
                    Some((Target::Symbolic(target), _)) if !is_valid_name(target.as_bstr()) => {
                        return Ok(None);
                    }
                    found => found,
                },
            };
            let (target, peeled) = found.unzip();
            let peeled = peeled.unwrap_or(Peeled::Unknown);
            let symbolic = current != name;
            match target {
                Some(Target::Direct(oid)) => {
                    let symref_target = symbolic.then_some(current);
                    let name = name.to_owned();
                    return Ok(Some(Resolved::Ref(Ref { name, oid, symref_target, peeled })));
                }
                Some(Target::Symbolic(target)) => current = target,
                None if symbolic => return Ok(Some(Resolved::Unborn(current))),
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Iterates over the refs below `refs/` in the order of their names.
    ///
    /// With `prefixes`, only those with one of them, none meaning all. As in git, a broken ref has
    /// the zero oid, a symbolic ref that leads nowhere is left out, and nobody looks whether the
    /// objects exist.
    pub async fn refs(&self, prefixes: &[BString]) -> Result<RefIter<'_, S>> {
        self.visible_refs(prefixes, &[]).await
    }

    /// As [`Self::refs`], without those that `hidden`, patterns of `transfer.hideRefs`, hide.
    ///
    /// Refs that are hidden together are passed over in one step.
    pub async fn visible_refs(
        &self,
        prefixes: &[BString],
        hidden: &[BString],
    ) -> Result<RefIter<'_, S>> {
        RefIter::new(self, prefixes, hidden).await
    }
}

/// Whether a name may be one of a ref, and so a path below the repository.
pub(crate) fn is_valid_name(name: &BStr) -> bool {
    is_plain(name) || gix_validate::reference::name(name).is_ok()
}

/// Whether a name is one of the many that are valid at first sight.
fn is_plain(name: &[u8]) -> bool {
    let mut before = b'/';
    for byte in name {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => {}
            b'/' if before != b'/' => {}
            _ => return false,
        }
        before = *byte;
    }
    before != b'/' && name.starts_with(b"refs/")
}
