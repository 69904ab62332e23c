//! Why a ref was not moved, in git's words.

use bstr::BString;
use gitwasi_wire::Oid;

use crate::Error;
use crate::storage::StorageError;

/// Why a ref cannot be moved. The texts go to the client: they name no path outside of the
/// repository.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// It exists and should not.
    #[error("cannot lock ref '{0}': reference already exists")]
    Exists(BString),
    /// It does not exist and should, found out when its lock was taken.
    #[error("cannot lock ref '{0}': unable to resolve reference '{1}'")]
    Unresolved(BString, BString),
    /// It is at something else than expected.
    #[error("cannot lock ref '{name}': is at {is} but expected {expected}")]
    Moved {
        /// The ref.
        name: BString,
        /// What it is at.
        is: Oid,
        /// What was expected.
        expected: Oid,
    },
    /// Its file holds no ref.
    #[error("cannot lock ref '{0}': unable to resolve reference '{1}': reference broken")]
    Broken(BString, BString),
    /// Another ref is in the way: one is a directory of the other.
    #[error("cannot lock ref '{asked}': '{other}' exists; cannot create '{name}'")]
    NameConflict {
        /// The ref that was asked for.
        asked: BString,
        /// The ref that would be made.
        name: BString,
        /// The ref that is there.
        other: BString,
    },
    /// Another update of the same transaction is in the way.
    #[error("cannot lock ref '{asked}': cannot process '{other}' and '{name}' at the same time")]
    ConflictsWithUpdate {
        /// The ref that was asked for.
        asked: BString,
        /// The ref that would be made.
        name: BString,
        /// The other update.
        other: BString,
    },
    /// As [`Self::NameConflict`], in the words of tables.
    #[error("'{other}' exists; cannot create '{name}'")]
    NameTaken {
        /// The ref that would be made.
        name: BString,
        /// The ref that is there.
        other: BString,
    },
    /// As [`Self::ConflictsWithUpdate`], in the words of tables.
    #[error("cannot process '{other}' and '{name}' at the same time")]
    NameTakenByUpdate {
        /// The ref that would be made.
        name: BString,
        /// The other update.
        other: BString,
    },
    /// Files that are no refs are in the way.
    #[error("cannot lock ref '{0}': there is a non-empty directory '{1}' blocking reference '{0}'")]
    Blocked(BString, String),
    /// Its reflog would have to be below another one.
    #[error("cannot update the ref '{0}': unable to append to './logs/{0}': Not a directory")]
    LogInTheWay(BString),
    /// There are reflogs where its own would have to be.
    #[error("cannot update the ref '{0}': there are still logs under './logs/{0}'")]
    LogsBelow(BString),
    /// The same ref is moved twice.
    #[error("multiple updates for ref '{0}' not allowed")]
    Duplicate(BString),
    /// Somebody else holds the lock.
    #[error(
        "cannot lock ref '{0}': Unable to create '{1}.lock': File exists.\n\n\
        Another git process seems to be running in this repository, e.g.\n\
        an editor opened by 'git commit'. Please make sure all processes\n\
        are terminated then try again. If it still fails, a git process\n\
        may have crashed in this repository earlier:\n\
        remove the file manually to continue."
    )]
    Locked(BString, String),
    /// Somebody else holds the lock of `packed-refs`.
    #[error(
        "Unable to create 'packed-refs.lock': File exists.\n\n\
        Another git process seems to be running in this repository, e.g.\n\
        an editor opened by 'git commit'. Please make sure all processes\n\
        are terminated then try again. If it still fails, a git process\n\
        may have crashed in this repository earlier:\n\
        remove the file manually to continue."
    )]
    PackedRefsLocked,
    /// Somebody else holds the lock of the stack of tables.
    #[error("cannot lock references")]
    TablesLocked,
    /// A name that fits no block of a table.
    #[error("cannot lock ref '{0}': its name is too long")]
    TooLong(BString),
    /// Another update of the transaction could not be made.
    #[error("another ref could not be updated")]
    NotAlone,
    /// The storage failed, or the repository is corrupt; the text behind it is for the log.
    #[error("cannot update ref '{0}': internal error")]
    Failed(BString, #[source] Error),
}

impl Refusal {
    pub(super) fn failed(name: &BString, error: impl Into<Error>) -> Self {
        Self::Failed(name.clone(), error.into())
    }

    pub(super) fn storage(name: &BString) -> impl Fn(StorageError) -> Self {
        let name = name.clone();
        move |error| Self::Failed(name.clone(), error.into())
    }
}
