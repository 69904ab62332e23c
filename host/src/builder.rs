//! Puts a [`GitService`] together.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use gitwasi_runtime::{
    Authorizer, Decision, Fallback, FrontBuilder, FrontError, Observer, PushEvent, Repositories,
};
use gitwasi_sandbox::{Git, GitError, Mode, Policy, PolicyError, refname_components};
use http::HeaderName;
use http_body::Body as HttpBody;
use tower_service::Service;

use crate::authorize::{AccessPolicy, Closure, Opened, Request};
use crate::backend::{Backend, NotAlone};
use crate::fallback::{BoxError, Mounted, NotFound};
use crate::limits::Limits;
use crate::observe;
use crate::repositories::lookup::{Lookup, Root, RootError};
use crate::repositories::nothing::Nothing;
use crate::repositories::processes::Processes;
use crate::repositories::{GitProcess, Serving};
use crate::service::{GitService, Trust, TrustedProxy};

/// Builds a [`GitService`]. Everything but where the repositories are has a default.
#[derive(Default)]
pub struct GitServiceBuilder {
    root: Option<PathBuf>,
    lookup: Option<Arc<dyn Lookup>>,
    authorizer: Option<Arc<dyn Authorizer>>,
    fallback: Option<Arc<dyn Fallback>>,
    observer: Option<Arc<dyn Observer>>,
    backend: Backend,
    git: Option<PathBuf>,
    mode: Option<Mode>,
    hooks: bool,
    base_path: String,
    serving: Serving,
    trust: Trust,
    limits: Limits,
}

/// A service could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Neither a root nor a lookup was given.
    #[error("no root and no lookup: where are the repositories?")]
    NoRepositories,
    /// The root cannot be served.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The engine was to serve alone what it cannot.
    #[error(transparent)]
    Backend(#[from] NotAlone),
    /// A namespace has no name that refs may have.
    #[error("not a namespace: {0:?}")]
    Namespace(String),
    /// There is no git to run.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The sandbox that was asked for is not to be had.
    #[error(transparent)]
    Sandbox(#[from] PolicyError),
    /// The embedded component does not run here.
    #[error(transparent)]
    Front(#[from] FrontError),
    /// The default authorizer could not be set up.
    #[error("cannot set up the default authorizer")]
    Authorizer(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl GitServiceBuilder {
    /// Serves the repositories below this directory, at any depth, by their path.
    pub fn root(mut self, root: impl Into<PathBuf>) -> Self {
        self.root = Some(root.into());
        self
    }

    /// Serves the repositories that `lookup` finds. With a [`root`](Self::root) as well, the
    /// lookup goes first and the root only bounds alternates.
    pub fn lookup(mut self, lookup: impl Lookup) -> Self {
        self.lookup = Some(Arc::new(lookup));
        self
    }

    /// Lets a closure decide who may do what, from the typed request.
    pub fn authorize<F, Fut>(self, decide: F) -> Self
    where
        F: Fn(Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Decision> + Send + 'static,
    {
        self.authorizer(Closure(decide))
    }

    /// Lets an [`Authorizer`] decide, which also sees the ref updates of a push.
    ///
    /// The default lets everybody read and nobody write, unless the repository's own
    /// `http.receivepack` is true.
    pub fn authorizer(mut self, authorizer: impl Authorizer) -> Self {
        self.authorizer = Some(Arc::new(authorizer));
        self
    }

    /// Answers what is not git's. The default is a short 404.
    pub fn fallback(mut self, fallback: impl Fallback) -> Self {
        self.fallback = Some(Arc::new(fallback));
        self
    }

    /// Answers what is not git's with a [`tower_service::Service`], an axum router for instance.
    pub fn fallback_service<S, B>(self, service: S) -> Self
    where
        S: Service<http::Request<gitwasi_runtime::Body>, Response = http::Response<B>>,
        S: Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.fallback(Mounted::new(service))
    }

    /// Tells a closure of every push, before the pusher is told that it is done. See
    /// [`Observer::pushed`].
    pub fn observe<F, Fut>(self, observe: F) -> Self
    where
        F: Fn(PushEvent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.observer(observe::Closure(observe))
    }

    /// Tells an [`Observer`] of every push, for instance a [`Webhook`](crate::observe::Webhook). By
    /// default nobody is told, and it costs nothing.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Who serves the repositories. The default is [`Backend::Auto`].
    pub fn backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// The git to run; by default the first one in `PATH`.
    pub fn git(mut self, git: impl Into<PathBuf>) -> Self {
        self.git = Some(git.into());
        self
    }

    /// How much of the sandbox must be enforced. The default is [`Mode::BestEffort`].
    pub fn sandbox(mut self, mode: Mode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Whether the hooks of repositories run, inside the sandbox. By default they do not.
    pub fn hooks(mut self, on: bool) -> Self {
        self.hooks = on;
        self
    }

    /// The prefix under which git is served, for instance `/git`. A request outside of it goes
    /// to the fallback. A router that strips the prefix, as axum's `nest_service` does, needs none.
    pub fn base_path(mut self, base_path: impl Into<String>) -> Self {
        self.base_path = base_path.into();
        self
    }

    /// Serves only repositories that hold a file `git-daemon-export-ok`.
    pub fn require_export_ok(mut self, required: bool) -> Self {
        self.serving.require_export_ok = required;
        self
    }

    /// Serves one ref namespace of every repository. See gitnamespaces(7).
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.serving.namespace = Some(namespace.into());
        self
    }

    /// Takes the principal from `header`, if a trusted proxy sends it; whoever else sends it is not
    /// believed.
    pub fn user_header(mut self, header: HeaderName) -> Self {
        self.trust.user_header = Some(header);
        self
    }

    /// Believes a reverse proxy at `address` what it says of its clients. Call it again for more.
    pub fn trusted_proxy(mut self, address: std::net::IpAddr) -> Self {
        self.trust.proxies.push(TrustedProxy::Address(address));
        self
    }

    /// Believes whoever connects to a unix socket.
    pub fn trusted_unix_proxy(mut self) -> Self {
        self.trust.proxies.push(TrustedProxy::Unix);
        self
    }

    /// Replaces the limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Builds the service. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// One clear line each: see [`BuildError`].
    pub fn build(self) -> Result<GitService, BuildError> {
        if let Some(namespace) = &self.serving.namespace
            && !refname_components(namespace)
        {
            return Err(BuildError::Namespace(namespace.clone()));
        }
        let root = self.root.map(Root::open).transpose()?.map(Arc::new);
        let below_root = root.as_ref().filter(|_| self.lookup.is_none());
        let below_root = below_root.map(|root| root.path());
        let engine = self.backend.engine(below_root, self.hooks, &self.serving)?;
        // A lookup of the embedder's own knows where a repository would be; we do not.
        let creates = self.lookup.is_none();
        let lookup = match (self.lookup, &root) {
            (Some(lookup), _) => lookup,
            (None, Some(root)) => Arc::clone(root) as Arc<dyn Lookup>,
            (None, None) => return Err(BuildError::NoRepositories),
        };
        let repositories: Arc<dyn Repositories> = if self.backend == Backend::Engine {
            Arc::new(Nothing)
        } else {
            let git = Git::find(self.git.as_deref())?;
            let mode = self.mode.unwrap_or(Mode::BestEffort);
            let policy = Policy::new(git, mode, self.hooks, self.limits.process.clone())?;
            if mode == Mode::BestEffort {
                warn_of_gaps(&policy);
            }
            let processes = Processes::new(
                policy,
                self.limits.processes,
                self.limits.process_wait,
                // What git may not store itself is not stored for it.
                self.limits.process.file_size,
            );
            Arc::new(GitProcess::new(lookup, root, creates, processes, self.serving))
        };
        let authorizer = match self.authorizer {
            Some(authorizer) => authorizer,
            None => Arc::new(
                AccessPolicy::defaults(Opened::default(), self.limits.hashings)
                    .map_err(|error| BuildError::Authorizer(Box::new(error)))?,
            ),
        };
        let front = FrontBuilder {
            repositories,
            engine,
            authorizer,
            fallback: self.fallback.unwrap_or_else(|| Arc::new(NotFound)),
            observer: self.observer,
            base_path: self.base_path,
            limits: self.limits.front,
        };
        Ok(GitService { front: front.build()?, trust: Arc::new(self.trust) })
    }
}

/// Says what of the sandbox this kernel cannot enforce.
fn warn_of_gaps(policy: &Policy) {
    for gap in policy.report().gaps() {
        tracing::warn!("git runs without a part of its sandbox, {gap}");
    }
}
