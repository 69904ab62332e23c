//! What can go wrong, by whose fault it is.
//!
//! A text in here is for the operator's log, except those of [`Error::Malformed`], which git too
//! sends to the client, and of [`Error::NoRequest`].

use crate::storage::StorageError;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation of the engine failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no repository where one was looked for.
    #[error("not a repository: {0}")]
    NotARepository(String),
    /// The client broke the protocol or asked for what it may not have.
    #[error("{0}")]
    Malformed(String),
    /// What the client sent is no request: bytes that are no pkt-lines, or an end in the midst.
    #[error("{0}")]
    NoRequest(String),
    /// The repository's content contradicts itself or its format.
    #[error("corrupt: {0}")]
    Corrupt(String),
    /// A limit of [`crate::Limits`] was exceeded.
    #[error("limit exceeded: {0}")]
    LimitExceeded(&'static str),
    /// [`crate::Limits::working_memory`] would suffice for the request, if others did not have so
    /// much of it. The same request may succeed later.
    #[error("busy: other requests have the working memory")]
    Busy,
    /// The repository uses, or the client asked for, what this engine does not do.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// The storage failed below us.
    #[error("storage: {0}")]
    Storage(#[from] StorageError),
    /// Whoever reads the response went away.
    #[error("the reader of the response went away")]
    Aborted,
}

impl Error {
    /// Whether a file is not there, perhaps any more.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Storage(error) if error.is_absent())
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt(what.into())
    }
}

/// What a client is told whose request may succeed at another time.
pub(crate) const BUSY: &str = "busy with other large requests, try again later";

/// What a client is told whose request exceeds a limit.
pub(crate) fn exceeded(limit: &str) -> String {
    let why = if limit == "working_memory" { ": too large for this server" } else { "" };
    format!("limit exceeded: {limit}{why}")
}
