//! Between WIT's `(stream<u8>, future<result<_, error-code>>)` and [`Body`].

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use http_body_util::BodyExt;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::PollSender;
use wasmtime::component::{
    Access, FutureConsumer, FutureReader, Source, StreamConsumer, StreamReader, StreamResult,
};
use wasmtime::{AsContextMut, Result, StoreContextMut};
use wasmtime_wasi_http::p3::Request;
use wasmtime_wasi_http::p3::bindings::http::types::HostRequestWithStore;
use wasmtime_wasi_http::{FieldMap, WasiHttp, WasiHttpView};

use crate::bindings::gitwasi::git::types::ErrorCode;
use crate::body::{Activity, Body, BodyError, Observed};
use crate::state::State;

/// How many bytes are taken out of an instance at once. The guest writes 64 KiB.
const CHUNK_BYTES: usize = 64 * 1024;

/// What the contract calls a body.
pub(crate) type Wire = (StreamReader<u8>, FutureReader<Result<(), ErrorCode>>);

/// Gives a body to the guest.
///
/// It is made through wasi-http's own request bodies: if the guest hands such a stream back
/// unread, as the body of its response, wasi-http takes the body out again, and no byte of it
/// passes through the guest's memory or needs the store.
pub(crate) fn lower(
    mut store: impl AsContextMut<Data = State>,
    body: Body,
    activity: Arc<Activity>,
) -> Result<Wire> {
    let (ended, outcome) = oneshot::channel();
    let body = Observed { body, activity, outcome: Some(ended) };
    let (request, _sent) = Request::new(
        http::Method::POST,
        None,
        None,
        None,
        FieldMap::default(),
        None,
        body.boxed_unsync(),
    );
    let request = store.as_context_mut().data_mut().http().table.push(request)?;
    let processed = FutureReader::new(&mut store, async { wasmtime::error::Ok(Ok(())) })?;
    let access = Access::<_, WasiHttp>::new(store.as_context_mut(), State::http);
    let (stream, mut trailers) =
        <WasiHttp as HostRequestWithStore<State>>::consume_body(access, request, processed)?;
    trailers.close(&mut store)?;
    let outcome = FutureReader::new(&mut store, async move {
        wasmtime::error::Ok(match outcome.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(())) | Err(_) => Err(ErrorCode::Aborted),
        })
    })?;
    Ok((stream, outcome))
}

/// Takes a body from the guest.
///
/// It ends well only if the guest says so: when the instance goes away, the outcome is never
/// told, and that is an error.
pub(crate) fn lift(mut store: impl AsContextMut<Data = State>, wire: Wire) -> Result<Body> {
    let (stream, outcome) = wire;
    let (chunks, received) = mpsc::channel(1);
    stream.pipe(&mut store, ToChannel { chunks: PollSender::new(chunks) })?;
    let (told, outcome_received) = oneshot::channel();
    outcome.pipe(&mut store, ToOneshot { told: Some(told) })?;
    Ok(FromGuest { chunks: Some(received), outcome: outcome_received }.boxed_unsync())
}

struct ToChannel {
    chunks: PollSender<Bytes>,
}

impl<D> StreamConsumer<D> for ToChannel {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<D>,
        source: Source<'_, u8>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        match self.chunks.poll_reserve(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => return Poll::Pending,
        }
        let mut source = source.as_direct(store);
        let bytes = source.remaining();
        let chunk = Bytes::copy_from_slice(&bytes[..bytes.len().min(CHUNK_BYTES)]);
        let taken = chunk.len();
        if self.chunks.send_item(chunk).is_err() {
            return Poll::Ready(Ok(StreamResult::Dropped));
        }
        source.mark_read(taken);
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

struct ToOneshot {
    told: Option<oneshot::Sender<Result<(), ErrorCode>>>,
}

impl<D> FutureConsumer<D> for ToOneshot {
    type Item = Result<(), ErrorCode>;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut store: StoreContextMut<D>,
        mut source: Source<'_, Self::Item>,
        _: bool,
    ) -> Poll<Result<()>> {
        let mut outcome = None;
        source.read(&mut store, &mut outcome)?;
        if let (Some(told), Some(outcome)) = (self.told.take(), outcome) {
            let _ = told.send(outcome);
        }
        Poll::Ready(Ok(()))
    }
}

struct FromGuest {
    chunks: Option<mpsc::Receiver<Bytes>>,
    outcome: oneshot::Receiver<Result<(), ErrorCode>>,
}

impl HttpBody for FromGuest {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(chunks) = &mut self.chunks {
            if let Some(chunk) = ready!(chunks.poll_recv(cx)) {
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
            self.chunks = None;
        }
        if self.outcome.is_terminated() {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(Pin::new(&mut self.outcome).poll(cx)) {
            Ok(Ok(())) => None,
            Ok(Err(_)) | Err(_) => Some(Err(BodyError::Incomplete)),
        })
    }
}
