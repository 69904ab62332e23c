//! A git child process in a sandbox, one for each request.
//!
//! [`Policy`] is made once at start-up: it knows git, has asked the kernel what it can enforce,
//! and has compiled everything that can be compiled. [`Policy::spawn`] starts one git for one
//! [`Job`] and hands back a [`Child`]: three pipes, an exit status, and the promise that no
//! process of the request is left once it is dropped.
//!
//! # What holds the child
//!
//! git reads the configuration of the repository it serves, and a configuration can name
//! programs: hooks, `core.fsmonitor`, `gpg.program`, `tar.*.command`, and whatever the next
//! version of git adds. The overrides in `environment.rs` turn the known ones off,
//! but the barrier is landlock: the right to execute exists for git's own files only, so a
//! program that is not git's cannot start, whatever names it. Without landlock
//! ([`Mode::Off`], or [`Mode::BestEffort`] on an old kernel) only the overrides are left.
//!
//! | barrier | what it refuses |
//! |---|---|
//! | landlock | every file but git's own, system libraries, and the one repository; TCP; signals and abstract sockets to processes outside |
//! | seccomp | sockets, ptrace, mounts, namespaces, leaving the process group, kernel interfaces git has no use for, system calls newer than this list |
//! | capabilities | all of them but those that override file permissions (when the host is root) |
//! | rlimits | core dumps, and the numbers of [`ProcessLimits`] |
//! | environment | everything inherited |
//! | process group | outliving the request |
//!
//! landlock does not govern metadata: a child may learn that a path exists, and, with write
//! access to its repository, may change the mode or the times of a file elsewhere that the
//! host's own uid owns.
//!
//! May not touch HTTP, wasm, or the bytes that git reads and writes.

mod child;
mod command;
mod environment;
mod git;
mod job;
mod limits;
mod policy;
mod report;

// The only place where one platform is told from another.
#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod platform;
#[cfg(not(target_os = "linux"))]
#[path = "other.rs"]
mod platform;

pub use child::{Child, Exit};
pub use command::{GitCommand, refname_components};
pub use git::{Git, GitError, Version};
pub use job::{Committer, Job, ProtocolVersion, WorkTree};
pub use limits::ProcessLimits;
pub use policy::{Mode, Policy, PolicyError, SpawnError};
pub use report::{Finding, Report};
