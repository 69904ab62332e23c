//! A service of the embedder's own as the fallback.

use std::future::poll_fn;

use bytes::Bytes;
use gitwasi_runtime::{Body, BodyError, BoxFuture, Fallback, RequestContext};
use http::{Request, Response, StatusCode};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use tower_service::Service;

use super::text;

/// Any error.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Asks a clone of the service for each request.
pub(crate) struct Mounted<S>(S);

impl<S> Mounted<S> {
    pub(crate) fn new(service: S) -> Self {
        Self(service)
    }
}

impl<S, B> Fallback for Mounted<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn handle<'a>(
        &'a self,
        context: &'a RequestContext,
        request: Request<Body>,
    ) -> BoxFuture<'a, Response<Body>> {
        let mut service = self.0.clone();
        Box::pin(async move {
            let ready = poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into);
            let answered: Result<_, BoxError> = match ready {
                Ok(()) => service.call(request).await.map_err(Into::into),
                Err(error) => Err(error),
            };
            match answered {
                Ok(response) => response.map(|body| body.map_err(BodyError::io).boxed_unsync()),
                Err(error) => {
                    tracing::error!(request = context.id, %error, "the fallback failed");
                    text(StatusCode::INTERNAL_SERVER_ERROR, "internal server error\n")
                }
            }
        })
    }
}
