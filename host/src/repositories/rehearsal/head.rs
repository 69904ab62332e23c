//! Reads the head of a push, and gives the request back whole.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use gitwasi_runtime::{Body, BodyError};
use gitwasi_wire::receive_pack::{Head, HeadParser, Progress};
use http_body::Frame;
use http_body_util::BodyExt;

/// Reads up to the end of the head. Without one, git says itself what is wrong with the request.
///
/// # Limits
///
/// Those of [`HeadLimits`](gitwasi_wire::receive_pack::HeadLimits): what exceeds them is no head.
pub(super) async fn read(mut request: Body) -> (Option<Box<Head>>, Body) {
    let mut parser = HeadParser::default();
    let mut read = VecDeque::new();
    let mut head = None;
    while let Some(frame) = request.frame().await {
        let chunk = match frame.map(Frame::into_data) {
            Ok(Ok(chunk)) => chunk,
            Ok(Err(_)) => continue,
            Err(error) => {
                read.push_back(Err(error));
                break;
            }
        };
        let progress = parser.push(&chunk);
        read.push_back(Ok(chunk));
        match progress {
            Ok(Progress::Incomplete) => {}
            Ok(Progress::Complete { head: complete, .. }) => {
                head = Some(complete);
                break;
            }
            Err(_) => break,
        }
    }
    (head, Whole { read, rest: request }.boxed_unsync())
}

/// A request from its first byte on.
struct Whole {
    read: VecDeque<Result<Bytes, BodyError>>,
    rest: Body,
}

impl http_body::Body for Whole {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.read.pop_front() {
            Some(chunk) => Poll::Ready(Some(chunk.map(Frame::data))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }
}
