//! Bodies that come together with their beginnings.
//!
//! Most are small, and whole within a few turns of whoever writes them. Sent on with their heads,
//! they cross between the connection's thread and the instance's once, and leave in one packet.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

/// Bytes that are enough of a beginning.
const ENOUGH: usize = 64 << 10;
/// Frames that are, however small.
const FRAMES: usize = 64;
/// What may go by meanwhile: the turns of others that compute are long.
const MOST: Duration = Duration::from_millis(2);

/// A body whose beginning is there.
pub(crate) struct Begun {
    read: VecDeque<Result<Frame<Bytes>, Error>>,
    /// What follows; `None` if that is all.
    rest: Option<WasiBody>,
    /// Bytes that it has left if that is known, whatever becomes of them.
    left: Option<u64>,
}

/// Takes what is written within so many turns of the event loop.
///
/// That of a guest's is to be awaited where its instance runs: an end that is read there is one
/// that the guest made.
pub(crate) async fn begun(body: WasiBody, turns: usize) -> Begun {
    let mut begun = Begun::unread(body);
    let (start, mut bytes, mut left) = (Instant::now(), 0, turns);
    while let Some(rest) = &mut begun.rest {
        match poll_fn(|cx| Poll::Ready(Pin::new(&mut *rest).poll_frame(cx))).await {
            Poll::Ready(Some(frame)) => {
                match &frame {
                    Ok(frame) => bytes += frame.data_ref().map_or(0, Bytes::len),
                    Err(_) => begun.rest = None,
                }
                begun.read.push_back(frame);
                if bytes >= ENOUGH || begun.read.len() == FRAMES {
                    break;
                }
            }
            Poll::Ready(None) => begun.rest = None,
            Poll::Pending if left == 0 || start.elapsed() > MOST => break,
            Poll::Pending => {
                left -= 1;
                turn().await;
            }
        }
    }
    begun
}

impl Begun {
    /// A body of which nothing is there yet.
    pub(crate) fn unread(body: WasiBody) -> Self {
        let left = body.size_hint().exact();
        Self { read: VecDeque::new(), rest: Some(body), left }
    }

    /// Whether all of it is there.
    pub(crate) fn is_whole(&self) -> bool {
        self.rest.is_none()
    }
}

/// Lets everything else in the event loop go on.
async fn turn() {
    let mut waited = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Body for Begun {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = match (self.read.pop_front(), &mut self.rest) {
            (Some(frame), _) => Some(frame),
            (None, Some(rest)) => ready!(Pin::new(rest).poll_frame(cx)),
            (None, None) => None,
        };
        if let (Some(left), Some(Ok(frame))) = (&mut self.left, &frame) {
            *left = left.saturating_sub(frame.data_ref().map_or(0, |data| data.len() as u64));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    /// What the body said at first: of one that has failed, whoever sends it must not think that
    /// what was read is all.
    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    fn body(frames: Vec<Result<Frame<Bytes>, Error>>) -> WasiBody {
        StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
    }

    fn data(text: &'static str) -> Result<Frame<Bytes>, Error> {
        Ok(Frame::data(Bytes::from_static(text.as_bytes())))
    }

    /// A body that says to have as many bytes.
    struct Sized(WasiBody, u64);

    impl Body for Sized {
        type Data = Bytes;
        type Error = Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
            Pin::new(&mut self.0).poll_frame(cx)
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.1)
        }
    }

    #[tokio::test]
    async fn a_body_that_fails_early_says_no_less_than_before() {
        let failing = body(vec![data("abc"), Err(Error::HttpResponseIncomplete)]);
        let mut begun = begun(Sized(failing, 10).boxed_unsync(), 4).await;
        assert!(begun.is_whole() && !begun.is_end_stream());
        assert_eq!(begun.size_hint().exact(), Some(10));
        assert!(begun.frame().await.is_some_and(|frame| frame.is_ok()));
        assert_eq!(begun.size_hint().exact(), Some(7));
        assert!(begun.frame().await.is_some_and(|frame| frame.is_err()));
        assert!(begun.frame().await.is_none());
    }

    #[tokio::test]
    async fn what_is_there_is_read_and_the_rest_follows() {
        let whole = begun(body(vec![data("a"), data("b")]), 4).await;
        assert!(whole.is_whole() && whole.size_hint().exact().is_none());
        assert_eq!(whole.collect().await.expect("no error").to_bytes(), "ab");
        let many = begun(body((0..100).map(|_| data("a")).collect()), 4).await;
        assert!(!many.is_whole() && many.read.len() == FRAMES);
        assert_eq!(many.collect().await.expect("no error").to_bytes().len(), 100);
        let pending = StreamBody::new(futures_util::stream::pending());
        let pending = begun(pending.boxed_unsync(), 4).await;
        assert!(!pending.is_whole() && pending.read.is_empty());
    }
}
