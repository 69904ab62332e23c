//! Bodies that never end short and look whole.
//!
//! A body that ends with an error makes hyper break the transfer: no last chunk, or a reset
//! stream. So whoever cannot tell that a body is complete must say so with an error; the wrappers
//! here do it for the cases in which nobody else can.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use tokio::sync::oneshot;
use tokio::time::Sleep;
use wasmtime_wasi_http::Error as WasiHttpError;

/// A request or response body.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Whoever wrote the body gave up, or went away.
    #[error("the body is incomplete")]
    Incomplete,
    /// Nothing arrived for too long.
    #[error("the body stalled")]
    Stalled,
    /// Reading or writing failed.
    #[error("the body could not be read")]
    Io(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl BodyError {
    /// Wraps whatever went wrong below.
    pub fn io(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Io(error.into())
    }
}

impl From<BodyError> for WasiHttpError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Stalled => Self::ConnectionReadTimeout,
            BodyError::Incomplete | BodyError::Io(_) => Self::HttpResponseIncomplete,
        }
    }
}

/// A body that is already there.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// The life of one wasm instance, as seen by what streams through it.
#[derive(Debug)]
pub(crate) struct Life {
    /// Set before the instance is disposed of.
    gone: AtomicBool,
    /// Requests whose response bodies have not ended.
    open: AtomicUsize,
    /// Those whose responses have not begun.
    unanswered: AtomicUsize,
    /// Whether it is to take no more requests.
    retiring: AtomicBool,
    /// Bytes of its linear memory.
    memory: AtomicUsize,
    /// When its event loop was last known to run.
    pub(crate) activity: Arc<Activity>,
}

impl Life {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            gone: AtomicBool::new(false),
            open: AtomicUsize::new(0),
            unanswered: AtomicUsize::new(0),
            retiring: AtomicBool::new(false),
            memory: AtomicUsize::new(0),
            activity: Activity::new(),
        })
    }

    pub(crate) fn end(&self) {
        self.gone.store(true, Ordering::SeqCst);
    }

    pub(crate) fn retire(&self) {
        self.retiring.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_retiring(&self) -> bool {
        self.retiring.load(Ordering::SeqCst)
    }

    pub(crate) fn memory(&self) -> usize {
        self.memory.load(Ordering::SeqCst)
    }

    /// Counts memory, unless that would be more than `limit` in all.
    pub(crate) fn grow(&self, bytes: usize, limit: usize) -> bool {
        let grown = self.memory().saturating_add(bytes);
        if grown <= limit {
            self.memory.store(grown, Ordering::SeqCst);
        }
        grown <= limit
    }

    pub(crate) fn asked(&self) {
        self.unanswered.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn answered(&self) {
        self.unanswered.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn unanswered(&self) -> usize {
        self.unanswered.load(Ordering::SeqCst)
    }

    pub(crate) fn open_bodies(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    pub(crate) fn open_body(self: &Arc<Self>) -> OpenBody {
        self.open.fetch_add(1, Ordering::SeqCst);
        OpenBody(Arc::clone(self))
    }
}

/// Keeps an instance alive while a body of its is open.
#[derive(Debug)]
pub(crate) struct OpenBody(Arc<Life>);

impl Drop for OpenBody {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// When a request last made progress.
#[derive(Debug)]
pub(crate) struct Activity {
    start: Instant,
    millis: AtomicUsize,
}

impl Activity {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { start: Instant::now(), millis: AtomicUsize::new(0) })
    }

    pub(crate) fn touch(&self) {
        self.millis.store(self.start.elapsed().as_millis() as usize, Ordering::Relaxed);
    }

    /// How long there has been no progress.
    pub(crate) fn idle(&self) -> Duration {
        let last = Duration::from_millis(self.millis.load(Ordering::Relaxed) as u64);
        self.start.elapsed().saturating_sub(last)
    }
}

/// A body that the host gives to an instance, which may hand it back unread.
///
/// `outcome` learns how the body ended, or is dropped if nobody read it to its end.
pub(crate) struct Observed {
    pub(crate) body: Body,
    pub(crate) activity: Arc<Activity>,
    pub(crate) outcome: Option<oneshot::Sender<Result<(), ()>>>,
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = WasiHttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, WasiHttpError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.activity.touch();
        let ended = match &frame {
            Some(Ok(_)) => return Poll::Ready(frame.map(|frame| frame.map_err(Into::into))),
            Some(Err(_)) => Err(()),
            None => Ok(()),
        };
        if let Some(outcome) = self.outcome.take() {
            let _ = outcome.send(ended);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        // See `Outgoing::poll_frame`.
        false
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A request body that ends with an error when the client sends nothing for `limit`.
pub(crate) struct Incoming<B> {
    pub(crate) body: B,
    pub(crate) activity: Arc<Activity>,
    pub(crate) limit: Duration,
    pub(crate) timer: Option<Pin<Box<Sleep>>>,
}

impl<B> HttpBody for Incoming<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = WasiHttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, WasiHttpError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.timer = None;
                self.activity.touch();
                Poll::Ready(frame.map(|frame| frame.map_err(|error| BodyError::io(error).into())))
            }
            Poll::Pending => {
                let limit = self.limit;
                let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
                ready!(timer.as_mut().poll(cx));
                Poll::Ready(Some(Err(BodyError::Stalled.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response body on its way out of an instance.
///
/// An instance that is disposed of closes its streams, and a closed stream looks like an end. So
/// an end that comes after the instance is gone is an error. An instance is disposed of in the
/// middle of a body only if it trapped or ran out of time; otherwise [`OpenBody`] keeps it.
///
/// `slot` is whatever the request holds until its body has ended.
pub(crate) struct Outgoing<S> {
    pub(crate) body: UnsyncBoxBody<Bytes, WasiHttpError>,
    /// What keeps the instance; `None` if the body came out of it whole.
    pub(crate) instance: Option<OpenBody>,
    pub(crate) activity: Arc<Activity>,
    pub(crate) limit: Duration,
    pub(crate) timer: Option<Pin<Box<Sleep>>>,
    #[expect(dead_code, reason = "held, not read")]
    pub(crate) slot: S,
}

impl<S: Unpin> Outgoing<S> {
    /// Whether an end may be that of the instance.
    fn is_cut(&self) -> bool {
        self.instance.as_ref().is_some_and(|open| open.0.gone.load(Ordering::SeqCst))
    }

    /// Resolves when the body was waited for, and the request made no progress, for too long.
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut left = self.limit;
        loop {
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(left)));
            ready!(timer.as_mut().poll(cx));
            left = self.limit.saturating_sub(self.activity.idle());
            if left.is_zero() {
                return Poll::Ready(());
            }
            self.timer = None;
        }
    }
}

impl<S: Unpin> HttpBody for Outgoing<S> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            ready!(self.poll_stalled(cx));
            return Poll::Ready(Some(Err(BodyError::Stalled)));
        };
        self.timer = None;
        self.activity.touch();
        Poll::Ready(match frame {
            Some(Ok(frame)) => Some(Ok(frame)),
            Some(Err(error)) => Some(Err(BodyError::io(error))),
            // A body that streams through the instance says at its end that it is at its end; one
            // that the host took back ([`Observed`]) never does, and needs no instance.
            None if self.body.is_end_stream() && self.is_cut() => Some(Err(BodyError::Incomplete)),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        // Never by shortcut: the end is looked at in `poll_frame`.
        false
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
