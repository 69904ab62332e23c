//! One request for git, in typed values.

use std::os::fd::OwnedFd;

use crate::command::GitCommand;

/// What one child is to do, and to which repository.
///
/// Directories are open file descriptors, not paths: what the caller has opened and checked is
/// what git gets, whatever happens to the path in between.
#[derive(Debug)]
pub struct Job {
    /// What to run.
    pub command: GitCommand,
    /// The git directory. The child works in it, and git is told `.`.
    pub directory: OwnedFd,
    /// Whether the child may write to the directory.
    pub writable: bool,
    /// Whether a push may change what is checked out.
    pub work_tree: WorkTree,
    /// Object directories that the repository borrows from (its `objects/info/alternates`), made
    /// readable. One that is not listed here cannot be read, and git then reports missing objects.
    pub alternates: Vec<OwnedFd>,
    /// The protocol version that the client asks for, for `GIT_PROTOCOL`; `None` leaves it unset.
    pub protocol: Option<ProtocolVersion>,
    /// The ref namespace to serve (gitnamespaces(7)); refused by
    /// [`SpawnError::Namespace`](crate::SpawnError::Namespace) when it is not a name.
    pub namespace: Option<String>,
    /// Who the reflog shall name; `None` is `anonymous`, as with git-http-backend.
    pub committer: Option<Committer>,
    /// Whether the repository's hooks run, if the [`Policy`](crate::Policy) lets any.
    pub hooks: bool,
}

impl Job {
    /// Makes a job that reads, with nothing optional set. Hooks are the policy's to decide.
    pub fn new(command: GitCommand, directory: OwnedFd) -> Job {
        Job {
            command,
            directory,
            writable: false,
            work_tree: WorkTree::Unasked,
            alternates: Vec::new(),
            protocol: None,
            namespace: None,
            committer: None,
            hooks: true,
        }
    }
}

/// Whether a push may change what is checked out (`receive.denyCurrentBranch = updateInstead`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WorkTree {
    /// The repository's configuration does not ask for it.
    #[default]
    Unasked,
    /// It may: git can write to the directory that holds the git directory, if that is called
    /// `.git`.
    Writable,
    /// It may not, whatever the configuration says: git refuses such a push.
    Kept,
}

/// A version of git's wire protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProtocolVersion {
    /// Version 0.
    V0,
    /// Version 1.
    V1,
    /// Version 2.
    V2,
}

/// Who made a push, for the reflog. The first two are sanitised before git sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committer {
    /// For `GIT_COMMITTER_NAME`.
    pub name: String,
    /// For `GIT_COMMITTER_EMAIL`.
    pub email: String,
    /// For `REMOTE_USER`, which hooks are told: the verified name.
    pub user: Option<String>,
    /// For `REMOTE_ADDR`, which hooks are told.
    pub address: Option<String>,
}
