//! Bodies that come together with their beginnings.
//!
//! Most are small, and whole within a few turns of whoever writes them. Sent on with their heads,
//! they cross between the connection's thread and the instance's once, and leave in one packet.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

/// Bytes that are enough of a beginning.
const ENOUGH: usize = 64 << 10;

/// A body whose beginning is there.
pub(crate) struct Begun {
    read: VecDeque<Result<Frame<Bytes>, Error>>,
    /// What follows; `None` if that is all.
    rest: Option<WasiBody>,
    /// Whether it is known how many bytes there are.
    sized: bool,
}

/// Takes what is written within so many turns of the event loop.
///
/// That of a guest's is to be awaited where its instance runs: an end that is read there is one
/// that the guest made.
pub(crate) async fn begun(body: WasiBody, turns: usize) -> Begun {
    let mut begun = Begun::unread(body);
    let (mut bytes, mut left) = (0, turns);
    while let Some(rest) = &mut begun.rest {
        match poll_fn(|cx| Poll::Ready(Pin::new(&mut *rest).poll_frame(cx))).await {
            Poll::Ready(Some(frame)) => {
                match &frame {
                    Ok(frame) => bytes += frame.data_ref().map_or(0, Bytes::len),
                    Err(_) => begun.rest = None,
                }
                begun.read.push_back(frame);
                if bytes >= ENOUGH {
                    break;
                }
            }
            Poll::Ready(None) => begun.rest = None,
            Poll::Pending if left == 0 => break,
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
        let sized = body.size_hint().exact().is_some();
        Self { read: VecDeque::new(), rest: Some(body), sized }
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
        match (self.read.pop_front(), &mut self.rest) {
            (Some(frame), _) => Poll::Ready(Some(frame)),
            (None, Some(rest)) => Pin::new(rest).poll_frame(cx),
            (None, None) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let frames = self.read.iter().flatten().filter_map(Frame::data_ref);
        let read = frames.map(|data| data.len() as u64).sum::<u64>();
        let mut hint = match &self.rest {
            Some(rest) => rest.size_hint(),
            None if self.sized => SizeHint::with_exact(0),
            None => SizeHint::new(),
        };
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + read);
        }
        hint.set_lower(hint.lower() + read);
        hint
    }
}
