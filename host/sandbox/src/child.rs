//! A running git: its pipes, its end, and the end of everything it has started.

use std::ffi::CStr;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;

use tokio::net::unix::pipe::{Receiver, Sender};

use crate::git::Git;
use crate::job::{Job, WorkTree};
use crate::platform::{Platform, Process};
use crate::policy::SpawnError;

/// One git and everything that it has started.
///
/// stdout *and* stderr have to be read to their ends (or dropped) while stdin is written: git
/// stops when any pipe is full. stdin has to be dropped for git to see the end of a request.
///
/// Dropping the child kills its whole process group at once, and does not wait for it.
#[derive(Debug)]
pub struct Child {
    /// Where the request goes; `None` when the command reads nothing, or once taken.
    pub stdin: Option<Sender>,
    /// Where the response comes from; `None` once taken.
    pub stdout: Option<Receiver>,
    /// Where git's messages come from, for the log; `None` once taken.
    pub stderr: Option<Receiver>,
    process: Process,
}

impl Child {
    pub(crate) fn start(
        platform: &Platform,
        git: &Git,
        job: Job,
        arguments: Vec<String>,
        environment: Vec<&CStr>,
    ) -> Result<Child, SpawnError> {
        let (stdin, to_child) = if job.command.reads_stdin() {
            let (read, write) = pipe()?;
            (Some(read), Some(Sender::from_owned_fd(write).map_err(SpawnError::Pipe)?))
        } else {
            (None, None)
        };
        let (stdout, stdout_write) = pipe()?;
        let (stderr, stderr_write) = pipe()?;
        let stdout = Receiver::from_owned_fd(stdout).map_err(SpawnError::Pipe)?;
        let stderr = Receiver::from_owned_fd(stderr).map_err(SpawnError::Pipe)?;

        let launch = Launch {
            arguments,
            environment,
            directory: &job.directory,
            writable: job.writable,
            work_tree: job.work_tree == WorkTree::Writable,
            alternates: &job.alternates,
            stdin,
            stdout: stdout_write,
            stderr: stderr_write,
        };
        let process = platform.launch(git, launch)?;
        Ok(Child { stdin: to_child, stdout: Some(stdout), stderr: Some(stderr), process })
    }

    /// The process id, for the log.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits for git to end, and kills whatever it has left running in its process group. Does not
    /// close stdin; may be called again, and then says the same.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped has no effect.
    pub async fn wait(&mut self) -> io::Result<Exit> {
        self.process.wait().await
    }

    /// Kills the whole process group (SIGKILL) now. [`wait`](Child::wait) still tells the exit.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}

/// How git ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this exit code; zero is success.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Exit {
    /// Whether git ended by itself, with exit code zero.
    pub fn success(self) -> bool {
        self == Exit::Code(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit code {code}"),
            Exit::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// What the platform needs to start one child. Without a stdin it gets `/dev/null`.
pub(crate) struct Launch<'a> {
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<&'a CStr>,
    pub(crate) directory: &'a OwnedFd,
    pub(crate) writable: bool,
    pub(crate) work_tree: bool,
    pub(crate) alternates: &'a [OwnedFd],
    pub(crate) stdin: Option<OwnedFd>,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

/// A pipe of the system's size, 64 KiB. Larger ones were measured, and gained nothing: git writes
/// 8 KiB at a time, and is slower than whoever reads it.
fn pipe() -> Result<(OwnedFd, OwnedFd), SpawnError> {
    let (read, write) = io::pipe().map_err(SpawnError::Pipe)?;
    Ok((read.into(), write.into()))
}
