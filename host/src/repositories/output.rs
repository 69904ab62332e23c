//! What git says, as a body that ends well only if git did.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use gitwasi_runtime::BodyError;
use gitwasi_sandbox::{Child, Exit};
use http_body::{Body, Frame};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::oneshot;
use tokio_util::io::poll_read_buf;

use super::processes::{Held, KeepOpen};

/// How many bytes are read of git's output at once.
const CHUNK_BYTES: usize = 64 * 1024;

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
    /// After the end of the output: which of the two it is that git's exit tells.
    Ending(Pin<Box<dyn Future<Output = Result<(), Ended>> + Send>>),
    Ended,
}

struct Reading {
    stdout: Receiver,
    child: Child,
    faulty: Option<oneshot::Receiver<KeepOpen>>,
    /// Whether git was killed because its request did not arrive whole.
    incomplete: bool,
    buffer: BytesMut,
    _held: Held,
}

impl Output {
    pub(crate) fn new(mut child: Child, faulty: oneshot::Receiver<KeepOpen>, held: Held) -> Self {
        let state = match child.stdout.take() {
            Some(stdout) => State::Reading(Box::new(Reading {
                stdout,
                child,
                faulty: Some(faulty),
                incomplete: false,
                buffer: BytesMut::new(),
                _held: held,
            })),
            None => State::Ended,
        };
        Self { state, first: None }
    }

    /// Waits for the first bytes, or the end if there are none.
    pub(crate) async fn begin(&mut self) -> Result<(), Ended> {
        self.first = std::future::poll_fn(|cx| self.poll_chunk(cx)).await?;
        Ok(())
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
                        self.state = State::Ending(Box::pin(reading.end()));
                    }
                }
                State::Ending(ending) => {
                    let ended = ready!(ending.as_mut().poll(cx));
                    self.state = State::Ended;
                    return Poll::Ready(ended.map(|()| None));
                }
                State::Ended => return Poll::Ready(Ok(None)),
            }
        }
    }
}

impl Reading {
    /// The next chunk, or none at the end of the output or when the request turned out faulty.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(faulty) = &mut self.faulty {
            match Pin::new(faulty).poll(cx) {
                Poll::Ready(Ok(_keep_open)) => {
                    self.child.kill();
                    self.incomplete = true;
                    self.faulty = None;
                    return Poll::Ready(None);
                }
                // The request arrived whole.
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

    async fn end(mut self) -> Result<(), Ended> {
        let exit = self.child.wait().await.map_err(Ended::Io)?;
        match exit.success() {
            _ if self.incomplete => Err(Ended::RequestIncomplete),
            true => Ok(()),
            false => Err(Ended::Exit(exit)),
        }
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
