//! Unix systems other than Linux: nothing is enforced beyond the environment, the process group
//! and the overrides of git's configuration. Runs on macOS; the others cannot tell the path of an
//! open directory, and are refused at start-up.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::child::{Exit, Launch};
use crate::git::Git;
use crate::limits::ProcessLimits;
use crate::policy::{Mode, PolicyError, SpawnError};
use crate::report::Finding;

const NOT_LINUX: &str = "this system is not Linux";

#[derive(Debug)]
pub(crate) struct Platform;

impl Platform {
    pub(crate) fn probe(
        _: &Git,
        mode: Mode,
        _: bool,
        _: &ProcessLimits,
    ) -> Result<Platform, PolicyError> {
        if mode == Mode::Require {
            return Err(PolicyError::Landlock(NOT_LINUX.to_owned()));
        }
        Ok(Platform)
    }

    /// Sees that git can be told where its repository is.
    pub(crate) fn try_out(&self, git: &Git, _: &[CString]) -> Result<(), PolicyError> {
        directory_path(&File::open(git.exec_path())?.into())?;
        Ok(())
    }

    pub(crate) fn launch(&self, git: &Git, launch: Launch<'_>) -> Result<Process, SpawnError> {
        // Nothing here can hold the child to these.
        let _ = (launch.writable, launch.alternates);
        let directory = directory_path(launch.directory).map_err(SpawnError::Directory)?;
        let environment = launch.environment.iter().filter_map(|variable| {
            let variable = variable.to_bytes();
            let equals = variable.iter().position(|byte| *byte == b'=')?;
            Some((
                OsStr::from_bytes(&variable[..equals]),
                OsStr::from_bytes(&variable[equals + 1..]),
            ))
        });
        let child = tokio::process::Command::new(git.path())
            .args(launch.arguments)
            .env_clear()
            .envs(environment)
            .current_dir(OsStr::from_bytes(&directory))
            .process_group(0)
            .stdin(launch.stdin.map_or_else(Stdio::null, Stdio::from))
            .stdout(launch.stdout)
            .stderr(launch.stderr)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| SpawnError::Start { step: "executing git", source })?;
        let id = child.id().unwrap_or(0);
        Ok(Process { child, id })
    }

    pub(crate) fn has_landlock(&self) -> bool {
        false
    }

    pub(crate) fn findings(&self) -> Vec<Finding> {
        let uname = rustix::system::uname();
        let kernel =
            format!("{} {}", uname.sysname().to_string_lossy(), uname.release().to_string_lossy());
        let missing = ["landlock", "seccomp", "capabilities", "no-new-privs", "rlimits"];
        let missing = missing.map(|subject| Finding::new(subject, false, NOT_LINUX));
        [vec![Finding::new("kernel", true, kernel)], missing.into()].concat()
    }
}

#[derive(Debug)]
pub(crate) struct Process {
    child: tokio::process::Child,
    id: u32,
}

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    pub(crate) async fn wait(&mut self) -> io::Result<Exit> {
        let status = self.child.wait().await?;
        Ok(match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, signal) => Exit::Signal(signal.unwrap_or(0)),
        })
    }

    /// Does nothing once the child has been reaped: `id` is `None` then.
    pub(crate) fn kill(&mut self) {
        let group = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The path of an open directory, where the system can tell.
#[cfg(target_vendor = "apple")]
pub(crate) fn directory_path(directory: &OwnedFd) -> io::Result<Vec<u8>> {
    Ok(rustix::fs::getpath(directory)?.into_bytes())
}

#[cfg(not(target_vendor = "apple"))]
pub(crate) fn directory_path(_: &OwnedFd) -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}
