//! A reverse proxy to one upstream, streaming both ways.
//!
//! Spec: RFC 9110, section 7.6.

use gitwasi_runtime::{Body, BodyError, BoxFuture, Fallback, RequestContext};
use http::header::Entry;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::text;

/// Headers that belong to a connection and are not forwarded.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// An upstream that answers over plain HTTP.
#[derive(Debug, Clone)]
pub struct Upstream {
    authority: Authority,
    client: Client<HttpConnector, Body>,
}

/// An upstream's address is not one.
#[derive(Debug, thiserror::Error)]
#[error("an upstream is http://HOST:PORT, without a path")]
pub struct UpstreamError;

impl Upstream {
    /// Takes an address of the form `http://HOST:PORT`.
    ///
    /// # Errors
    ///
    /// It is of another form.
    pub fn new(address: &str) -> Result<Self, UpstreamError> {
        let uri: Uri = address.parse().map_err(|_| UpstreamError)?;
        let plain = uri.scheme() == Some(&Scheme::HTTP) && matches!(uri.path(), "" | "/");
        let authority = uri.authority().filter(|_| plain).ok_or(UpstreamError)?.clone();
        // A connection for each request, as nginx has by default: one that is kept may be closed by
        // the upstream just when it is used again, and a request with a body cannot be repeated.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        Ok(Self { authority, client })
    }
}

impl Fallback for Upstream {
    fn handle<'a>(
        &'a self,
        context: &'a RequestContext,
        mut request: Request<Body>,
    ) -> BoxFuture<'a, Response<Body>> {
        Box::pin(async move {
            let Some(uri) = self.target(request.uri()) else {
                return text(StatusCode::BAD_REQUEST, "bad request\n");
            };
            let host = request.headers().get(header::HOST).cloned();
            *request.uri_mut() = uri;
            *request.version_mut() = http::Version::HTTP_11;
            forward(request.headers_mut(), host, context);
            match self.client.request(request).await {
                Ok(mut response) => {
                    strip(response.headers_mut());
                    response.map(|body| body.map_err(BodyError::io).boxed_unsync())
                }
                Err(error) => {
                    tracing::error!(request = context.id, %error, "the upstream did not answer");
                    text(StatusCode::BAD_GATEWAY, "the upstream did not answer\n")
                }
            }
        })
    }
}

impl Upstream {
    fn target(&self, uri: &Uri) -> Option<Uri> {
        Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.authority.clone())
            .path_and_query(uri.path_and_query()?.clone())
            .build()
            .ok()
    }
}

/// Makes a client's headers those of a proxy. What it says of proxies before this one is replaced,
/// unless it is one that is believed.
fn forward(headers: &mut HeaderMap, host: Option<HeaderValue>, context: &RequestContext) {
    strip(headers);
    headers.remove(header::HOST);
    if !context.trusted_peer {
        let says = |name: &HeaderName| {
            // Some upstreams take one for the other.
            let name = name.as_str().replace('_', "-");
            name.starts_with("x-forwarded-") || matches!(&*name, "forwarded" | "x-real-ip")
        };
        for name in headers.keys().filter(|name| says(name)).cloned().collect::<Vec<_>>() {
            headers.remove(name);
        }
    }
    if let Ok(peer) = HeaderValue::from_str(&context.peer) {
        headers.append("x-forwarded-for", peer);
    }
    if let (Entry::Vacant(entry), Some(host)) = (headers.entry("x-forwarded-host"), host) {
        entry.insert(host);
    }
}

fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}
