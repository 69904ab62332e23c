//! Waits for a child without blocking, and kills what it leaves behind.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, waitid,
};
use tokio::io::unix::AsyncFd;

use super::spawn::{self, Started};
use crate::child::Exit;

/// A child, and the leader of the process group that bears its number.
///
/// The group is signalled only while the child has not been reaped: until then the number cannot
/// mean another group.
#[derive(Debug)]
pub(crate) struct Process {
    group: Pid,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Started, and not yet reaped.
    Running(AsyncFd<OwnedFd>),
    Reaped(Exit),
    /// Somebody else has reaped it, or is about to.
    Gone,
}

impl Process {
    pub(super) fn new(Started { pid, pidfd }: Started) -> io::Result<Process> {
        match spawn::register(pidfd) {
            Ok(pidfd) => Ok(Process { group: pid, state: State::Running(pidfd) }),
            Err((pidfd, error)) => {
                kill_group(pid);
                let _ = wait_blocking(&Started { pid, pidfd });
                Err(error)
            }
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.group.as_raw_nonzero().get().cast_unsigned()
    }

    pub(crate) async fn wait(&mut self) -> io::Result<Exit> {
        let end = match &self.state {
            State::Running(pidfd) => wait(self.group, pidfd).await,
            State::Reaped(exit) => return Ok(*exit),
            State::Gone => return Err(rustix::io::Errno::CHILD.into()),
        };
        self.state = end.as_ref().map_or(State::Gone, |exit| State::Reaped(*exit));
        end
    }

    pub(crate) fn kill(&mut self) {
        if matches!(self.state, State::Running(_)) {
            kill_group(self.group);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let State::Running(pidfd) = std::mem::replace(&mut self.state, State::Gone) else { return };
        let group = self.group;
        kill_group(group);
        if !matches!(reap(group, pidfd.as_fd()), Ok(None)) {
            return;
        }
        // A killed process ends when it is next scheduled, mostly a moment from now. A thread sees
        // to it and not a task, which would go with its runtime.
        let started = Started { pid: group, pidfd: pidfd.into_inner() };
        in_a_thread(move || drop(wait_blocking(&started)));
    }
}

/// Where no thread can be made, what it would have reaped stays a zombie.
fn in_a_thread(reap: impl FnOnce() + Send + 'static) {
    const STACK: usize = 64 << 10;
    let _ = std::thread::Builder::new().name("git-reaper".into()).stack_size(STACK).spawn(reap);
}

async fn wait(group: Pid, pidfd: &AsyncFd<OwnedFd>) -> io::Result<Exit> {
    loop {
        let mut ready = pidfd.readable().await?;
        match reap(group, pidfd.as_fd())? {
            Some(exit) => return Ok(exit),
            None => ready.clear_ready(),
        }
    }
}

/// Waits for a child that has been killed, or ends soon anyhow.
pub(super) fn wait_blocking(started: &Started) -> io::Result<Exit> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    rustix::io::retry_on_intr(|| waitid(WaitId::PidFd(started.pidfd.as_fd()), options))?;
    reap(started.pid, started.pidfd.as_fd())?.ok_or_else(|| rustix::io::Errno::CHILD.into())
}

/// Takes the exit of a child, if it has ended, and kills what is left of its group first.
fn reap(group: Pid, pidfd: BorrowedFd<'_>) -> io::Result<Option<Exit>> {
    let peek = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    if waitid(WaitId::PidFd(pidfd), peek)?.is_none() {
        return Ok(None);
    }
    kill_group(group);
    let take = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    let exit = waitid(WaitId::PidFd(pidfd), take)?.map(exit_of);
    reap_orphans(group);
    Ok(exit)
}

fn exit_of(status: WaitIdStatus) -> Exit {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal.unwrap_or(0)),
    }
}

/// Fails only when there is nothing left to kill.
fn kill_group(group: Pid) {
    let _ = kill_process_group(group, Signal::KILL);
}

/// As process 1, as in a container without an init, the host inherits the children of a git that
/// was killed, and nobody else reaps them.
fn reap_orphans(group: Pid) {
    if std::process::id() != 1 {
        return;
    }
    let orphan = WaitId::Pgid(Some(group));
    loop {
        match waitid(orphan.clone(), WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(_) => return,
        }
    }
    std::thread::spawn(
        move || {
            while waitid(WaitId::Pgid(Some(group)), WaitIdOptions::EXITED).is_ok() {}
        },
    );
}
