//! The front component, ready to answer requests.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use tokio::sync::{Semaphore, oneshot};
use wasmtime::component::Linker;
use wasmtime_wasi_http::p3::bindings::ServicePre;

use crate::begun::{Begun, begun};
use crate::bindings::gitwasi::git::{authorizer, observer, repositories, types};
use crate::bindings::wasi::http::handler;
use crate::body::{Activity, Body, Incoming, Outgoing, full};
use crate::contract::{Authorizer, Fallback, Observer, Repositories, RequestContext};
use crate::embedded;
use crate::engine;
use crate::flush;
use crate::instance::{Failure, Job};
use crate::lanes::{self, Lanes};
use crate::lend::Lend;
use crate::limits::Limits;
use crate::pool::Pool;
use crate::state::{InFlight, Sockets, State};
use crate::ticker::Ticker;

/// Turns that a connection gets to hand over what it has of a request's body: one to be told that
/// it is wanted, one to read.
const TURNS: usize = 4;

/// The front could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum FrontError {
    /// This processor, or this kernel, cannot run the embedded component.
    #[error("cannot load the embedded front component")]
    Load(#[source] wasmtime::Error),
}

/// What a [`Front`] is made of.
pub struct FrontBuilder {
    /// Opens repositories: all of them, or those that the engine leaves to it.
    pub repositories: Arc<dyn Repositories>,
    /// What the engine serves, if it is to serve anything.
    pub engine: Option<EngineOptions>,
    /// Decides who may.
    pub authorizer: Arc<dyn Authorizer>,
    /// Answers what is not git's.
    pub fallback: Arc<dyn Fallback>,
    /// Is told of pushes, if anybody is. If not, responses to pushes are passed on unread.
    pub observer: Option<Arc<dyn Observer>>,
    /// The prefix under which git is served, for instance `/git`; empty for none.
    pub base_path: String,
    /// The bounds.
    pub limits: Limits,
}

/// What the engine is given.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// The directory of repositories, canonical. The engine can reach nothing outside of it.
    pub root: PathBuf,
    /// Whether it leaves pushes to the host's `repositories` and may change nothing.
    pub read_only: bool,
    /// Whether only repositories are served that hold a file `git-daemon-export-ok`.
    pub require_export_ok: bool,
    /// What is known of who served `root` before.
    pub server: Option<Server>,
}

/// What is known of earlier runs of a server, so that its leftovers can be told from pushes that
/// are going on.
#[derive(Debug, Clone)]
pub struct Server {
    /// What the files of its pushes have in their names: hexadecimal digits.
    pub mark: String,
    /// Nanoseconds since 1970 before which every push with that mark has ended; 0 if nobody knows.
    pub since: u64,
    /// Says to other runs, as long as it is there, that this one has not ended.
    pub claim: Arc<std::fs::File>,
}

/// The front component with everything that it is lent. Clones share their instances.
#[derive(Clone)]
pub struct Front {
    lanes: Lanes,
    slots: Arc<Semaphore>,
    limits: Arc<Limits>,
    ticker: Arc<Ticker>,
}

impl FrontBuilder {
    /// Loads the component.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// The embedded component does not run on this machine.
    pub fn build(self) -> Result<Front, FrontError> {
        self.load().map_err(FrontError::Load)
    }

    fn load(self) -> wasmtime::Result<Front> {
        let limits = Arc::new(self.limits);
        // Room for as many again that are on their way out.
        let instances = lanes::instances(&limits) * limits.lanes.max(1) * 2;
        let embedded = match &self.engine {
            Some(_) => &embedded::FRONT_WITH_ENGINE,
            None => &embedded::FRONT,
        };
        let instances = u32::try_from(instances)?;
        let (engine, component) =
            embedded.load(|set_up| engine::runner(instances, limits.instance_memory, set_up))?;
        let mut linker = Linker::<State>::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wasmtime_wasi::p3::add_to_linker(&mut linker)?;
        wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
        flush::add_to_linker(&mut linker)?;
        types::add_to_linker::<State, Lend>(&mut linker, |state| state)?;
        repositories::add_to_linker::<State, Lend>(&mut linker, |state| state)?;
        authorizer::add_to_linker::<State, Lend>(&mut linker, |state| state)?;
        observer::add_to_linker::<State, Lend>(&mut linker, |state| state)?;
        handler::add_to_linker::<State, Lend>(&mut linker, |state| state)?;
        let front = ServicePre::new(linker.instantiate_pre(&component)?)?;
        let mut environment = vec![("GITWASI_BASE_PATH".to_owned(), self.base_path)];
        if let Some(bytes) = limits.request_bytes {
            environment.push(("GITWASI_MAX_REQUEST_BYTES".to_owned(), bytes.to_string()));
        }
        if let Some(options) = &self.engine {
            let mut tell = |name: &str, value: bool| {
                environment.push((name.to_owned(), value.to_string()));
            };
            tell("GITWASI_REQUIRE_EXPORT_OK", options.require_export_ok);
            tell("GITWASI_READ_ONLY", options.read_only);
            let bytes = limits.working_memory().to_string();
            environment.push(("GITWASI_WORKING_MEMORY".to_owned(), bytes));
            if let Some(Server { mark, since, .. }) = &options.server {
                environment.push(("GITWASI_SERVER".to_owned(), format!("{mark}:{since}")));
            }
        }
        let pool = Pool {
            engine: engine.clone(),
            front,
            sockets: Sockets {
                repositories: self.repositories,
                authorizer: self.authorizer,
                fallback: self.fallback,
                observer: self.observer,
            },
            environment,
            files: self.engine,
            limits: Arc::clone(&limits),
        };
        let slots = Arc::new(Semaphore::new(limits.requests));
        let ticker = Arc::new(Ticker::start(engine, Arc::clone(&slots), limits.requests)?);
        Ok(Front { lanes: Lanes::new(&pool), slots, limits, ticker })
    }
}

impl Front {
    /// Answers a request. A failure of ours is a response too: 500, 503 or 504.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the request: its services end.
    pub async fn handle<B>(&self, context: RequestContext, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Ok(permit) = Arc::clone(&self.slots).try_acquire_owned() else {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "the server is busy, try again later\n");
        };
        self.ticker.wake();
        let cancelled = context.cancelled.clone().drop_guard();
        let activity = Activity::new();
        let limit = self.limits.stall;
        let (head, body) = absolute(request).into_parts();
        let incoming = Incoming { body, activity: Arc::clone(&activity), limit, timer: None };
        let body = incoming.boxed_unsync();
        // Who expects "100 Continue" gets it when the body is read, which may never be.
        let body = match body.is_end_stream() || head.headers.contains_key(header::EXPECT) {
            true => Begun::unread(body),
            false => begun(body, TURNS).await,
        };
        let request = Request::from_parts(head, body.boxed_unsync());
        let (answer, answered) = oneshot::channel();
        let id = context.id;
        let in_flight = InFlight { context: Arc::new(context), activity: Arc::clone(&activity) };
        let in_lane = self.lanes.give(Job { request, in_flight, answer });
        let slot = (permit, in_lane);
        match answered.await {
            Ok(Ok((response, instance))) => {
                cancelled.disarm();
                response.map(|body| {
                    Outgoing { body, instance, activity, limit, timer: None, slot }.boxed_unsync()
                })
            }
            Ok(Err(failure)) => failed(id, &failure),
            Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "internal server error\n"),
        }
    }
}

/// Gives the request what a component sees of the scheme and the authority.
///
/// HTTP/1.1 has them in `Host` only, which no component sees.
fn absolute<B>(mut request: Request<B>) -> Request<B> {
    let mut uri = std::mem::take(request.uri_mut()).into_parts();
    uri.scheme.get_or_insert(Scheme::HTTP);
    if uri.authority.is_none() {
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let authority = host.and_then(|host| host.parse::<Authority>().ok());
        uri.authority = Some(authority.unwrap_or_else(|| Authority::from_static("localhost")));
    }
    uri.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from_parts(uri).unwrap_or_default();
    request
}

fn failed(id: u64, failure: &Failure) -> Response<Body> {
    match failure {
        Failure::Stalled => {
            tracing::warn!(request = id, "a request made no progress and was ended");
            plain(StatusCode::GATEWAY_TIMEOUT, "the request made no progress\n")
        }
        Failure::NoInstance(error) => {
            tracing::error!(request = id, error = format!("{error:#}"), "no instance to be had");
            plain(StatusCode::SERVICE_UNAVAILABLE, "the server is busy, try again later\n")
        }
        Failure::Guest(error) => {
            tracing::error!(request = id, error = format!("{error:#}"), "the front failed");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "internal server error\n")
        }
    }
}

/// A short text for a person.
fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

#[cfg(test)]
mod tests {
    use wasmtime::component::Component;

    use super::*;

    fn imports(engine: &wasmtime::Engine, component: &Component) -> Vec<String> {
        let component = component.component_type();
        let mut names: Vec<_> =
            component.imports(engine).map(|(name, _)| name.to_owned()).collect();
        names.sort_unstable();
        names
    }

    /// What a component can reach is what it imports: a new import is a visible change.
    #[test]
    fn components_import_what_their_snapshots_say() {
        for (embedded, snapshot) in [
            (&embedded::FRONT, include_str!("../../../component/front/imports.txt")),
            (
                &embedded::FRONT_WITH_ENGINE,
                include_str!("../../../component/repositories/imports.txt"),
            ),
        ] {
            let (engine, component) =
                embedded.load(|set_up| engine::runner(1, 64 << 20, set_up)).unwrap();
            assert_eq!(imports(&engine, &component), snapshot.lines().collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_self_contained_component_imports_nothing_but_wasi() {
        let engine = engine::runner(1, 64 << 20, |_| {}).unwrap();
        let component = Component::new(&engine, embedded::SELF_CONTAINED).unwrap();
        let imports = imports(&engine, &component);
        let snapshot = include_str!("../../../component/defaults/imports.txt");
        assert_eq!(imports, snapshot.lines().collect::<Vec<_>>());
        assert!(imports.iter().all(|name| name.starts_with("wasi:")));
    }
}
