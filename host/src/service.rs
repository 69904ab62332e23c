//! The service: a request in, a response out.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use gitwasi_runtime::{Body, BoxFuture, Front, Principal, RequestContext};
use http::{HeaderName, Request, Response};
use http_body_util::BodyExt;
use tokio_util::sync::CancellationToken;

use crate::builder::GitServiceBuilder;

/// Serves git over HTTP. Clones share everything.
///
/// The service is always ready; over its limits it answers 503.
#[derive(Clone)]
pub struct GitService {
    pub(crate) front: Front,
    pub(crate) trust: Arc<Trust>,
}

/// Where a request came from.
///
/// [`listen`](crate::listen) puts it into the request's extensions; an embedder with a listener of
/// its own does the same, or the log and the reflog name no address and no proxy is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// A TCP client.
    Inet(SocketAddr),
    /// A client of a unix socket.
    Unix,
}

impl Peer {
    /// The address as the log and the reflog show it, without the port.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Inet(address) => address.ip().to_canonical().to_string(),
            Self::Unix => "localhost".to_owned(),
        }
    }
}

/// Whose word counts for the name of a principal.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    /// The header in which a proxy tells the principal it has verified.
    pub(crate) user_header: Option<HeaderName>,
    /// The proxies, which are also believed what they say of where a request came from.
    pub(crate) proxies: Vec<TrustedProxy>,
}

/// A reverse proxy whose word is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrustedProxy {
    /// Whoever connects from this address.
    Address(IpAddr),
    /// Whoever connects to a unix socket of ours.
    Unix,
}

impl GitService {
    /// Starts to build a service.
    pub fn builder() -> GitServiceBuilder {
        GitServiceBuilder::default()
    }

    /// Answers a request.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the request: its git process ends.
    pub async fn handle<B>(&self, mut request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        static REQUESTS: AtomicU64 = AtomicU64::new(1);
        let peer = request.extensions().get::<Peer>().copied();
        let trusted = self.trust.trusts(peer);
        let principal = self.trust.principal(&mut request, peer, trusted);
        let context = RequestContext {
            id: REQUESTS.fetch_add(1, Ordering::Relaxed),
            peer: peer.map(Peer::text).unwrap_or_default(),
            trusted_peer: trusted,
            principal,
            extensions: std::mem::take(request.extensions_mut()),
            cancelled: CancellationToken::new(),
        };
        let id = context.id;
        let started = std::time::Instant::now();
        let line =
            (context.peer.clone(), request.method().clone(), request.uri().path().to_owned());
        let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        let response = self.front.handle(context, request).await;
        let (peer, method, path) = line;
        tracing::info!(
            target: "gitwasi::access",
            request = id,
            peer,
            %method,
            path,
            status = response.status().as_u16(),
            milliseconds = started.elapsed().as_millis() as u64,
            "answered"
        );
        response
    }
}

impl Trust {
    fn trusts(&self, peer: Option<Peer>) -> bool {
        self.proxies.iter().any(|proxy| match (proxy, peer) {
            (TrustedProxy::Address(proxy), Some(Peer::Inet(peer))) => {
                peer.ip().to_canonical() == proxy.to_canonical()
            }
            (TrustedProxy::Unix, Some(Peer::Unix)) => true,
            _ => false,
        })
    }

    /// Takes the principal out of the request, if somebody trusted put it there.
    ///
    /// The header is removed in any case: nobody after this can take a client's word for it.
    fn principal<B>(
        &self,
        request: &mut Request<B>,
        peer: Option<Peer>,
        trusted: bool,
    ) -> Option<Principal> {
        let header = self.user_header.as_ref()?;
        // A proxy that adds its value to the client's, instead of replacing it, has told nothing.
        let once = request.headers().get_all(header).iter().count() == 1;
        let value = request.headers_mut().remove(header)?;
        if !trusted || !once {
            tracing::warn!(?peer, trusted, once, "ignored a user header");
            return None;
        }
        let name = value.to_str().ok()?;
        let principal = gitwasi_access::Principal::from_trusted_proxy(name).ok()?;
        Some(Principal { name: principal.name().to_owned() })
    }
}

impl<B> tower_service::Service<Request<B>> for GitService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.handle(request).await) })
    }
}
