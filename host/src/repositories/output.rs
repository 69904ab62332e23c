//! What git says, as a body that ends well only if git did.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use gitwasi_runtime::BodyError;
use gitwasi_sandbox::{Child, Exit};
use http_body::{Body, Frame};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::io::poll_read_buf;

use super::processes::{Held, KeepOpen, Pump};
use super::quarantine::Push;

/// How many bytes are read of git's output at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// How long git may take to clean up after a push that was broken off. Together with what it takes
/// to kill it, no process is left after one second.
const PATIENCE: Duration = Duration::from_millis(300);

/// The output of one git process.
pub(crate) struct Output {
    state: State,
    /// The first bytes, read before the body was given away.
    first: Option<Bytes>,
}

/// How git ended, if not well.
pub(crate) enum Ended {
    /// With this exit.
    Exit(Exit),
    /// It was killed because its request did not arrive whole.
    RequestIncomplete,
    /// Its output could not be read.
    Io(io::Error),
}

enum State {
    Reading(Box<Reading>),
    /// After the end of the output: whether it is a good one git's exit tells. The task goes on
    /// if nobody waits for it.
    Ending(JoinHandle<Result<(), Ended>>),
    Ended,
}

struct Reading {
    stdout: Receiver,
    faulty: Option<oneshot::Receiver<KeepOpen>>,
    /// Whether the request did not arrive whole.
    incomplete: bool,
    buffer: BytesMut,
    process: Process,
}

/// A running git, and what it holds.
struct Process {
    child: Child,
    held: Held,
    /// Set for a push: its git is given time to clean up after itself.
    push: Option<Push>,
}

impl Output {
    pub(crate) fn new(
        mut child: Child,
        faulty: oneshot::Receiver<KeepOpen>,
        held: Held,
        push: Option<Push>,
    ) -> Self {
        let state = match child.stdout.take() {
            Some(stdout) => State::Reading(Box::new(Reading {
                stdout,
                faulty: Some(faulty),
                incomplete: false,
                buffer: BytesMut::new(),
                process: Process { child, held, push },
            })),
            None => State::Ended,
        };
        Self { state, first: None }
    }

    /// What writes the request, for whoever wants the rest of it when git has ended.
    pub(super) fn request(&self) -> Option<Arc<Pump>> {
        match &self.state {
            State::Reading(reading) => reading.process.held.request(),
            State::Ending(_) | State::Ended => None,
        }
    }

    /// Waits for the first bytes, or the end if there are none.
    pub(crate) async fn begin(&mut self) -> Result<(), Ended> {
        self.first = self.chunk().await?;
        Ok(())
    }

    /// The next chunk, or none at the good end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Ended> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Ended>> {
        loop {
            match &mut self.state {
                State::Reading(reading) => {
                    if let Some(chunk) = ready!(reading.poll(cx)) {
                        return Poll::Ready(Ok(Some(chunk)));
                    }
                    if let State::Reading(reading) =
                        std::mem::replace(&mut self.state, State::Ended)
                    {
                        self.state = State::Ending(tokio::spawn(reading.end()));
                    }
                }
                State::Ending(ending) => {
                    let ended = ready!(Pin::new(ending).poll(cx));
                    self.state = State::Ended;
                    return Poll::Ready(match ended {
                        Ok(ended) => ended.map(|()| None),
                        Err(error) => Err(Ended::Io(io::Error::other(error))),
                    });
                }
                State::Ended => return Poll::Ready(Ok(None)),
            }
        }
    }
}

impl Drop for Output {
    /// Whoever reads has left: git ends.
    fn drop(&mut self) {
        if let State::Reading(reading) = std::mem::replace(&mut self.state, State::Ended)
            && reading.process.push.is_some()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(reading.wind_down());
        }
    }
}

impl Reading {
    /// The next chunk, or none at the end of the output or when the request turned out faulty.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(faulty) = &mut self.faulty {
            match Pin::new(faulty).poll(cx) {
                Poll::Ready(Ok(keep_open)) => {
                    if self.process.push.is_none() {
                        self.process.child.kill();
                    }
                    // For a push the end of a cut pack is no end: git finds it short.
                    drop(keep_open);
                    self.incomplete = true;
                    self.faulty = None;
                    return Poll::Ready(None);
                }
                // The request arrived whole, or git wants no more of it.
                Poll::Ready(Err(_)) => self.faulty = None,
                Poll::Pending => {}
            }
        }
        self.buffer.reserve(CHUNK_BYTES);
        match ready!(poll_read_buf(Pin::new(&mut self.stdout), cx, &mut self.buffer)) {
            Ok(1..) => Poll::Ready(Some(self.buffer.split().freeze())),
            Ok(0) | Err(_) => Poll::Ready(None),
        }
    }

    async fn end(self) -> Result<(), Ended> {
        if self.incomplete {
            self.wind_down().await;
            return Err(Ended::RequestIncomplete);
        }
        let mut process = self.process;
        let exit = process.child.wait().await.map_err(Ended::Io)?;
        if let (Some(push), true) = (&mut process.push, exit.success()) {
            push.cleaned_up();
        }
        match exit.success() {
            true => Ok(()),
            false => Err(Ended::Exit(exit)),
        }
    }

    /// Ends git: by the end of its input, after which it cleans up; then by a signal, after which
    /// nobody does but the sweep. (No signal makes git remove the quarantine of a push.)
    async fn wind_down(mut self) {
        self.process.held.stop_request();
        // A git whose output nobody reads stops.
        let drained = tokio::spawn(async move {
            let _ = tokio::io::copy(&mut self.stdout, &mut tokio::io::sink()).await;
        });
        let Process { mut child, held, push } = self.process;
        let patience = if push.is_some() { PATIENCE } else { Duration::ZERO };
        if tokio::time::timeout(patience, child.wait()).await.is_err() {
            child.kill();
            let _ = child.wait().await;
        }
        drained.abort();
        // In this order: the slot is free when the repository is as it was.
        drop(push);
        drop(held);
    }
}

impl Body for Output {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        Poll::Ready(match ready!(self.poll_chunk(cx)) {
            Ok(chunk) => chunk.map(|chunk| Ok(Frame::data(chunk))),
            Err(Ended::Io(error)) => Some(Err(BodyError::io(error))),
            Err(Ended::Exit(_) | Ended::RequestIncomplete) => Some(Err(BodyError::Incomplete)),
        })
    }
}
