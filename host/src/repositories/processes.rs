//! Runs git for a request: a slot, a process, its three pipes.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use gitwasi_runtime::{Body, ErrorCode, RequestContext};
use gitwasi_sandbox::{Exit, Job, Policy, SpawnError};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::sync::CancellationToken;

use super::internal;
use super::output::{Ended, Output};
use super::quarantine::Push;
use super::rehearsal::Spool;

/// The most of git's messages that is kept for the log, per request, in bytes. The rest is read
/// and dropped: a child whose messages nobody reads stops.
const MAX_MESSAGE_BYTES: usize = 8 * 1024;

/// Starts processes, so many at once and not more.
pub(crate) struct Processes {
    policy: Policy,
    slots: Arc<Semaphore>,
    wait: Duration,
    largest_request: u64,
}

impl Processes {
    /// Runs `most` at once. A request that waits for another run of git may have `largest_request`
    /// bytes.
    pub(crate) fn new(policy: Policy, most: usize, wait: Duration, largest_request: u64) -> Self {
        Self { policy, slots: Arc::new(Semaphore::new(most)), wait, largest_request }
    }

    /// The most bytes of a request that may be kept for another run of git.
    pub(super) fn largest_request(&self) -> u64 {
        self.largest_request
    }

    /// Whether the hooks of repositories run.
    pub(crate) fn runs_hooks(&self) -> bool {
        self.policy.hooks()
    }

    /// Runs git, on `request` if there is one. Returns its output once it has begun, or what went
    /// wrong before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future or the output kills git and all that it started.
    pub(crate) async fn run(
        &self,
        context: &RequestContext,
        job: Job,
        request: Option<Body>,
    ) -> Result<Body, ErrorCode> {
        unless_cancelled(context, async {
            self.run_in(self.slot().await?, context, job, request, None).await
        })
        .await
    }

    /// The same in a slot, for `push` if it is one. Does not look whether the request is cancelled.
    pub(super) async fn run_in(
        &self,
        slot: Slot,
        context: &RequestContext,
        job: Job,
        request: Option<Body>,
        push: Option<Push>,
    ) -> Result<Body, ErrorCode> {
        let requested = request.is_some();
        let mut output = self.start(context.id, slot, job, request, None, push)?;
        output.begin().await.map_err(|ended| failed(context.id, ended, requested))?;
        Ok(output.boxed_unsync())
    }

    /// Runs git without a request and returns all of its output, which may have `most` bytes, and
    /// its exit.
    pub(crate) async fn collect(
        &self,
        context: &RequestContext,
        job: Job,
        most: usize,
    ) -> Result<(Vec<u8>, Exit), ErrorCode> {
        let slot = self.slot().await?;
        self.collect_in(&slot, context, job, most).await
    }

    /// The same in a slot.
    pub(super) async fn collect_in(
        &self,
        _: &Slot,
        context: &RequestContext,
        job: Job,
        most: usize,
    ) -> Result<(Vec<u8>, Exit), ErrorCode> {
        let mut child = self.policy.spawn(job).map_err(internal)?;
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(drain(context.id, stderr));
        }
        let mut output = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            stdout.take(most as u64 + 1).read_to_end(&mut output).await.map_err(internal)?;
        }
        if output.len() > most {
            return Err(ErrorCode::LimitExceeded("git's output".to_owned()));
        }
        let exit = child.wait().await.map_err(internal)?;
        Ok((output, exit))
    }

    /// Starts git on `request`, of which `spool` keeps what git gets, on behalf of request `id`.
    pub(super) fn start(
        &self,
        id: u64,
        slot: Slot,
        job: Job,
        request: Option<Body>,
        spool: Option<Spool>,
        push: Option<Push>,
    ) -> Result<Output, ErrorCode> {
        let mut child = self.policy.spawn(job).map_err(|error| match error {
            SpawnError::Namespace => ErrorCode::NotFound,
            other => internal(other),
        })?;
        tracing::debug!(request = id, process = child.id(), "started git");
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(drain(id, stderr));
        }
        let (fault, faulty) = oneshot::channel();
        let request = match (child.stdin.take(), request) {
            (Some(stdin), Some(request)) => {
                Some(Arc::new(Pump::start(request, stdin, spool, fault)))
            }
            _ => None,
        };
        Ok(Output::new(child, faulty, Held { _slot: slot, request }, push))
    }

    pub(super) async fn slot(&self) -> Result<Slot, ErrorCode> {
        let slot = Arc::clone(&self.slots).acquire_owned();
        match tokio::time::timeout(self.wait, slot).await {
            Ok(Ok(slot)) => Ok(Arc::new(slot)),
            Ok(Err(_)) | Err(_) => Err(ErrorCode::Busy),
        }
    }
}

/// Ends the work when the request is cancelled.
pub(super) async fn unless_cancelled<T>(
    context: &RequestContext,
    work: impl Future<Output = Result<T, ErrorCode>>,
) -> Result<T, ErrorCode> {
    tokio::select! {
        done = work => done,
        () = context.cancelled.cancelled() => Err(ErrorCode::Aborted),
    }
}

/// One of the processes that may run at once. A request that runs one after the other keeps its.
pub(super) type Slot = Arc<OwnedSemaphorePermit>;

/// What a request holds as long as its git runs. Dropping it stops the request.
pub(crate) struct Held {
    _slot: Slot,
    request: Option<Arc<Pump>>,
}

impl Held {
    pub(super) fn request(&self) -> Option<Arc<Pump>> {
        self.request.clone()
    }

    /// Writes no more of the request; git sees the end of its input.
    pub(crate) fn stop_request(&mut self) {
        self.request = None;
    }
}

/// Why git has not answered. Its own `die` is exit code 128; what makes it die on a request before
/// it has said a word is the request, as a repository that it cannot read has failed to advertise.
pub(super) fn failed(id: u64, ended: Ended, requested: bool) -> ErrorCode {
    const DIED: Exit = Exit::Code(128);
    match ended {
        Ended::Exit(DIED) if requested => {
            ErrorCode::Malformed("git died of the request, see its message".to_owned())
        }
        Ended::Exit(exit) => {
            tracing::debug!(request = id, %exit, "git ended without an answer");
            ErrorCode::Internal(format!("git ended with {exit} before it answered"))
        }
        Ended::RequestIncomplete => ErrorCode::Aborted,
        Ended::Io(error) => internal(error),
    }
}

/// Writes the request to git. If it turns out not to arrive whole, git must not take what it got for
/// the whole: the fault is told, and stdin stays open until git has been killed for it. For a request
/// may be cut behind all that git needs, which acts on it without waiting for the end, the last byte
/// is written when the end has come.
///
/// With a spool it ends when git wants no more or when it is `stopped`, and returns what is left.
async fn pump(
    mut request: Body,
    stdin: Sender,
    mut spool: Option<Spool>,
    fault: oneshot::Sender<KeepOpen>,
    stopped: CancellationToken,
) -> Option<Body> {
    let mut stdin = Some(stdin);
    let mut last = Bytes::new();
    loop {
        let frame = tokio::select! {
            biased;
            frame = request.frame() => frame,
            () = stopped.cancelled(), if spool.is_some() => return Some(request),
        };
        match frame {
            Some(Ok(frame)) => {
                let Ok(mut chunk) = frame.into_data() else { continue };
                if chunk.is_empty() {
                    continue;
                }
                if let Some(spool) = &mut spool {
                    spool.keep(&chunk).await;
                }
                let next = chunk.split_off(chunk.len() - 1);
                let mut ready = std::mem::replace(&mut last, next).chain(chunk);
                if let Some(pipe) = &mut stdin
                    && pipe.write_all_buf(&mut ready).await.is_err()
                {
                    if spool.is_some() {
                        return Some(request);
                    }
                    // Git has read all that it wants. A client that sends on is listened to, so
                    // that it gets to read the answer.
                    stdin = None;
                }
            }
            Some(Err(error)) => {
                tracing::debug!(%error, "a request body did not arrive whole");
                if let Some(stdin) = stdin {
                    let _ = fault.send(KeepOpen(stdin));
                }
                return None;
            }
            None => {
                if let Some(spool) = spool {
                    spool.end();
                }
                if let Some(mut stdin) = stdin {
                    // One that has ended wants it no more.
                    let _ = stdin.write_all(&last).await;
                }
                return None;
            }
        }
    }
}

/// Git's stdin, kept open so that an incomplete request does not look complete.
pub(crate) struct KeepOpen(#[expect(dead_code, reason = "held, not read")] Sender);

/// The task that writes the request. It ends when nobody holds it.
pub(crate) struct Pump {
    task: Mutex<JoinHandle<Option<Body>>>,
    abort: AbortHandle,
    stop: CancellationToken,
}

impl Pump {
    fn start(
        request: Body,
        stdin: Sender,
        spool: Option<Spool>,
        fault: oneshot::Sender<KeepOpen>,
    ) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(pump(request, stdin, spool, fault, stop.clone()));
        Self { abort: task.abort_handle(), task: Mutex::new(task), stop }
    }

    /// Stops, and returns what is left of a request of which a spool keeps the rest. None if there is no
    /// more, or if it did not arrive whole. Called once, when git has ended.
    pub(super) async fn rest(&self) -> Option<Body> {
        self.stop.cancel();
        (&mut *self.task.lock().await).await.ok().flatten()
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.abort.abort();
    }
}

/// Reads git's messages to their end, for the log.
async fn drain(id: u64, mut stderr: Receiver) {
    let mut kept = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(read @ 1..) = stderr.read(&mut chunk).await {
        let room = MAX_MESSAGE_BYTES - kept.len();
        kept.extend_from_slice(&chunk[..read.min(room)]);
    }
    for line in String::from_utf8_lossy(&kept).lines() {
        tracing::info!(target: "gitwasi::git", request = id, line, "git says");
    }
}
