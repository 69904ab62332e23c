//! The head of a push: everything before the pack.

use bstr::BString;

use super::{Capabilities, PushCert};
use crate::Oid;

/// What a client wants of `git-receive-pack`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// Commits at which the client's history ends.
    pub shallow: Vec<Oid>,
    /// The ref updates, in the client's order; with a push certificate those it holds.
    ///
    /// Names are as the client sent them: not empty, without NUL and line feed, otherwise
    /// unchecked. One name may come more than once.
    pub ref_updates: Vec<RefUpdate>,
    /// What the client asked for on the first line.
    pub capabilities: Capabilities,
    /// The push options, without NUL and line feed; empty unless
    /// [`Capabilities::push_options`] is set.
    pub push_options: Vec<BString>,
    /// The push certificate of a signed push. Nobody has looked at its signature yet.
    pub push_cert: Option<PushCert>,
}

impl Head {
    /// Whether a pack follows: whether any ref update is not a delete.
    pub fn expects_pack(&self) -> bool {
        self.ref_updates.iter().any(|update| update.kind() != RefUpdateKind::Delete)
    }

    /// Whether the client asks for nothing.
    ///
    /// git sends a lone flush-pkt before a push that is too large to be sent twice, to be
    /// challenged for credentials before the pack is on its way.
    pub fn is_probe(&self) -> bool {
        self.ref_updates.is_empty()
    }
}

/// One ref update, called a command in git's documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefUpdate {
    /// What the client believes the ref to be at; the zero oid for no ref.
    pub old_oid: Oid,
    /// What the ref is to be at; the zero oid for no ref.
    pub new_oid: Oid,
    /// The ref's full name.
    pub name: BString,
}

/// What a ref update does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefUpdateKind {
    /// From the zero oid.
    Create,
    /// From one oid to another, or to the same.
    Update,
    /// To the zero oid, as git sees it also when old-oid is zero.
    Delete,
}

impl RefUpdate {
    /// What it does.
    pub fn kind(&self) -> RefUpdateKind {
        match (self.old_oid.is_zero(), self.new_oid.is_zero()) {
            (_, true) => RefUpdateKind::Delete,
            (true, false) => RefUpdateKind::Create,
            (false, false) => RefUpdateKind::Update,
        }
    }
}
