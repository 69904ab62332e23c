//! Git over HTTP as a WebAssembly component: the native host.
//!
//! [`GitService`] is a [`tower_service::Service`] that answers git's requests for the repositories
//! below a directory, or wherever a [`Lookup`] says that they are. Mount it in an axum, hyper or
//! tower application, or let [`listen`] serve it: the `gitwasi` binary does nothing else.
//!
//! The routing and git's protocol run in a `wasi:http` component that the library embeds; the
//! repositories are served by the engine in that component, by `git` in a sandboxed child process,
//! or by both (see [`Backend`]). No body is ever held in memory,
//! and none ends short and looks whole: a transfer that fails is broken for the client, too.
//!
//! ```no_run
//! # async fn example() -> Result<(), gitwasi::BuildError> {
//! let service = gitwasi::GitService::builder()
//!     .root("/srv/git")
//!     .authorize(|request| async move {
//!         match request.access {
//!             gitwasi::Access::Read => gitwasi::Decision::Allow(None),
//!             gitwasi::Access::Write => gitwasi::Decision::deny("read only"),
//!         }
//!     })
//!     .build()?;
//! # Ok(())
//! # }
//! ```

pub mod authorize;
mod backend;
mod builder;
mod claim;
pub mod fallback;
mod limits;
pub mod listen;
pub mod observe;
mod repositories;
mod service;

pub use backend::{Backend, NotAlone};
pub use builder::{BuildError, GitServiceBuilder};
/// The whole server as one component that needs no host of ours: what `gitwasi component` writes.
pub use gitwasi_runtime::SELF_CONTAINED as COMPONENT;
pub use gitwasi_runtime::{
    Access, Authorizer, Body, BodyError, BoxFuture, Decision, ErrorCode, Fallback, Observer,
    Principal, Push, PushEvent, RefUpdate, Refusal, RequestContext, Service, ServiceRequest,
};
pub use gitwasi_sandbox::{Git, GitError, Mode, Policy, PolicyError, ProcessLimits};
pub use limits::Limits;
pub use repositories::create::{CreateError, ObjectFormat, create};
pub use repositories::lookup::{Lookup, Root, RootError};
pub use service::{GitService, Peer};
