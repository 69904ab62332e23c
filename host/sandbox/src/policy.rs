//! What holds for every child, decided once at start-up.

use std::io;

use crate::child::Child;
use crate::command;
use crate::environment;
use crate::git::Git;
use crate::job::Job;
use crate::limits::ProcessLimits;
use crate::platform::Platform;
use crate::report::{Finding, Report};

/// How much of the sandbox has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// All of it: [`Policy::new`] fails where landlock or seccomp cannot be enforced.
    #[default]
    Require,
    /// As much as the kernel can enforce; [`Policy::report`] says how much that is.
    BestEffort,
    /// Neither landlock nor seccomp. Environment, process group, rlimits and no-new-privileges
    /// are kept: they need nothing from the kernel that could be missing.
    Off,
}

/// The rules for every child: probed, opened and compiled once.
#[derive(Debug)]
pub struct Policy {
    git: Git,
    hooks: bool,
    environment: Vec<std::ffi::CString>,
    platform: Platform,
}

impl Policy {
    /// Makes the rules, and runs `git --version` under them to see that they can be obeyed.
    ///
    /// With `hooks`, the hooks of a repository run, and may run the system's programs; they are
    /// held to the same repository and get no network either. The `hooks` folder has to be a
    /// folder of the repository, not a symbolic link. Blocks for some milliseconds.
    ///
    /// # Errors
    ///
    /// With [`Mode::Require`], what the kernel cannot enforce. In every mode, a git that does not
    /// run under the rules.
    pub fn new(
        git: Git,
        mode: Mode,
        hooks: bool,
        limits: ProcessLimits,
    ) -> Result<Policy, PolicyError> {
        let platform = Platform::probe(&git, mode, hooks, &limits)?;
        let environment = environment::common(&git, hooks);
        let policy = Policy { git, hooks, environment, platform };
        policy.platform.try_out(&policy.git, &policy.environment)?;
        Ok(policy)
    }

    /// Says what is enforced here, and with which git.
    pub fn report(&self) -> Report {
        let mut findings = self.platform.findings();
        let hooks = if self.hooks { "run, with the system's programs" } else { "do not run" };
        findings.push(Finding::new("hooks", self.hooks, hooks));
        let git = format!("{} at {}", self.git.version(), self.git.path().display());
        findings.push(Finding::new("git", true, git));
        Report { findings }
    }

    /// The git that every child runs.
    pub fn git(&self) -> &Git {
        &self.git
    }

    /// Whether the hooks of repositories run.
    pub fn hooks(&self) -> bool {
        self.hooks
    }

    /// Starts git for one job. Blocks the thread until git has been executed, well under a
    /// millisecond; has to be called within a tokio runtime that drives I/O.
    ///
    /// The caller has to read stdout *and* stderr to their ends (or drop them) while it writes
    /// stdin: git stops when any pipe is full, and then so does whoever waits for another one.
    ///
    /// # Errors
    ///
    /// A name that is not one is the fault of whoever asked; everything else is ours or the
    /// system's, and nothing is left running.
    pub fn spawn(&self, job: Job) -> Result<Child, SpawnError> {
        if let Some(namespace) = &job.namespace
            && !command::refname_components(namespace)
        {
            return Err(SpawnError::Namespace);
        }

        let arguments = job.command.arguments(&self.git, job.namespace.as_deref());
        let hooks = self.hooks && job.hooks;
        let environment = environment::for_job(&job, hooks, self.platform.has_landlock())
            .map_err(SpawnError::Directory)?;
        let environment = self.environment.iter().chain(&environment).map(AsRef::as_ref).collect();
        Child::start(&self.platform, &self.git, job, arguments, environment)
    }
}

/// Why there is no sandbox as asked for. One line each, for the operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// landlock is required and cannot be enforced.
    #[error("the sandbox needs landlock, which cannot be enforced here: {0}")]
    Landlock(String),
    /// seccomp is required and cannot be enforced.
    #[error("the sandbox needs seccomp, which cannot be enforced here: {0}")]
    Seccomp(String),
    /// git does not run under the rules.
    #[error("git at {path} does not run inside the sandbox: {reason}", path = path.display())]
    GitDoesNotRun {
        /// The program.
        path: std::path::PathBuf,
        /// What happened.
        reason: String,
    },
    /// A system call failed that should not.
    #[error("cannot prepare the sandbox: {0}")]
    System(#[from] io::Error),
}

/// Why a child was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// [`Job::namespace`] is not a name; the client's fault if it comes from there.
    #[error("not a namespace")]
    Namespace,
    /// [`Job::directory`] has no path any more, or none can be learned.
    #[error("the directory of the repository has no path")]
    Directory(#[source] io::Error),
    /// The pipes, or their registration with the runtime.
    #[error("cannot make pipes for git")]
    Pipe(#[source] io::Error),
    /// The rules for this repository could not be made.
    #[error("cannot make the landlock rules: {0}")]
    Landlock(String),
    /// A step on the way to git failed.
    #[error("cannot start git: {step}")]
    Start {
        /// Which one.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
}
