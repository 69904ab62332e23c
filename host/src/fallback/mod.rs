//! What answers requests that are not git's: a short 404, an upstream, or the embedder's own.

mod mounted;
mod upstream;

use gitwasi_runtime::{Body, BoxFuture, Fallback, RequestContext, body::full};
use http::{HeaderValue, Request, Response, StatusCode, header};

pub(crate) use mounted::{BoxError, Mounted};
pub use upstream::{Upstream, UpstreamError};

/// A short 404.
#[derive(Debug, Clone, Copy)]
pub struct NotFound;

impl Fallback for NotFound {
    fn handle<'a>(
        &'a self,
        _: &'a RequestContext,
        _: Request<Body>,
    ) -> BoxFuture<'a, Response<Body>> {
        Box::pin(async { text(StatusCode::NOT_FOUND, "not found\n") })
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    response.headers_mut().extend([
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (header::CONTENT_LENGTH, HeaderValue::from(text.len())),
    ]);
    response
}
