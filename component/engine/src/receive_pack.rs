//! `git-receive-pack`: the advertisement and pushes, stateless.
//!
//! A push: the head is parsed and shown to the [`Gate`], the pack streams into a quarantine,
//! every new tip is checked to be connected, refs are locked and compared, and only then do
//! objects leave the quarantine and refs move. Whatever is refused leaves nothing behind; what is
//! reported as done is durable.
//!
//! # Deviation
//! Objects are checked by fsck unless the configuration says otherwise. An atomic push is all or
//! nothing whatever the reason; git lets the other refs of one that names a hidden ref move. A
//! ref update that git refuses only after the objects are there, for instance because the ref
//! moved, leaves no objects here. Signed pushes and hooks are not done.
//!
//! Spec: gitprotocol-pack(5), "Pushing Data To a Server"; git-receive-pack(1)

mod advertise;
mod aliases;
mod check_objects;
mod config;
mod connectivity;
mod gate;
mod input;
mod migrate;
mod move_refs;
mod policy;
mod proc_receive;
mod push;
mod quarantine;
mod response;
mod rounds;
mod serve;
mod server_info;
mod shallow;
mod worktrees;

use gitwasi_wire::receive_pack::{HeadLimits, RefUpdate};

pub use advertise::advertise;
pub use gate::{AcceptAll, Gate, Push};
pub use quarantine::sweep;
pub use serve::serve;

pub use crate::index_pack::PackSource;
pub use crate::transaction::Identity;

/// How this server calls itself.
const AGENT: &str = concat!("gitwasi/", env!("CARGO_PKG_VERSION"));

/// What a push is served with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who pushes, as reflogs name them.
    pub identity: Identity,
    /// How much the head of a push may hold.
    pub head: HeadLimits,
    /// Seconds without any write after which a push counts as dead, and its leftovers are removed
    /// by the next one. Longer than any client may stall.
    pub stale_after: u64,
    /// The server whose push this is, if it knows when its earlier run had ended.
    pub server: Option<Server>,
}

/// A server that has a mark of its own and runs once at a time.
///
/// What its earlier runs have left is removed by its first push into the repository, however young
/// it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// What its pushes have in their files' names: hexadecimal digits, the same in every run and
    /// no other server's.
    pub mark: String,
    /// Nanoseconds of the wall clock: what bears the mark and was written to before is left over.
    /// 0 if the earlier run may not have ended.
    pub since: u64,
}

impl Options {
    /// The defaults, for a push by `identity`.
    pub fn new(identity: Identity) -> Self {
        Self { identity, head: HeadLimits::default(), stale_after: 3600, server: None }
    }
}

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pushed {
    /// The ref updates that were made, in the client's order. One that was reported as done but
    /// found nothing to do, a delete of no ref, is not among them.
    pub ref_updates: Vec<RefUpdate>,
    /// What failed here, for the log: the pusher is told that something did, and no more. The first
    /// few, as what fails for one ref may fail for thousands.
    pub faults: Vec<String>,
}
