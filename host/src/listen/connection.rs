//! One connection: HTTP by hyper, and what hyper leaves to us.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use gitwasi_runtime::Body;
use gitwasi_runtime::body::full;
use http::{HeaderValue, Request, StatusCode, Version, header};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::sync::watch;

use super::transport::{Fate, Transport};
use crate::service::{GitService, Peer};

/// The limits of connections.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// Connections at once. One more waits in the system's backlog.
    pub connections: usize,
    /// How long a client may take for the head of a request, and be idle between two.
    pub head: Duration,
    /// The most bytes of a request's head. A larger one is refused with 431.
    pub head_bytes: usize,
    /// How long a client may read nothing of what is sent to it. Then the connection is broken.
    pub stall: Duration,
    /// Streams at once on one HTTP/2 connection. One more is refused; the client tries again.
    pub streams: u32,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: 4096,
            head: Duration::from_secs(60),
            head_bytes: 64 * 1024,
            stall: Duration::from_secs(300),
            streams: 64,
        }
    }
}

/// What one HTTP/2 stream may have in flight, in bytes, and all of a connection together.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Serves one connection until it ends.
pub(super) async fn serve(
    mut stream: Transport,
    peer: Peer,
    service: GitService,
    limits: ConnectionLimits,
    mut closing: watch::Receiver<bool>,
) {
    stream.limit_stall(limits.stall);
    let fate = stream.fate();
    let answer =
        service_fn(move |request| answer(service.clone(), peer, Arc::clone(&fate), request));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(limits.head_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.streams)
        .keep_alive_interval(limits.head)
        .keep_alive_timeout(limits.head);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), answer));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = closing.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(?peer, error, "a connection ended with an error");
    }
}

async fn answer(
    service: GitService,
    peer: Peer,
    fate: Arc<Fate>,
    mut request: Request<Incoming>,
) -> Result<http::Response<Body>, Infallible> {
    let is_http_10 = request.version() == Version::HTTP_10;
    if is_http_10 && matches!(peer, Peer::Unix) {
        return Ok(refuse_http_10());
    }
    request.extensions_mut().insert(peer);
    let response = service.handle(request).await;
    if !is_http_10 || response.body().size_hint().exact().is_some() {
        return Ok(response);
    }
    // Without chunks an end is an end: only a reset tells such a client that a body is short.
    fate.begin_undelimited();
    Ok(response.map(|body| {
        body.map_err(move |error| {
            fate.break_off();
            error
        })
        .boxed_unsync()
    }))
}

/// A unix socket knows no reset, so a client that knows no chunks could take a short body for a
/// whole one.
fn refuse_http_10() -> http::Response<Body> {
    let text = "HTTP/1.0 is not served over a unix socket, where a response that breaks off would \
                look whole: use HTTP/1.1 (nginx: proxy_http_version 1.1)\n";
    let mut response = http::Response::new(full(text));
    *response.status_mut() = StatusCode::HTTP_VERSION_NOT_SUPPORTED;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}
