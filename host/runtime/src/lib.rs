//! The wasmtime side of the host: it runs the front component and lends it native capabilities.
//!
//! This is the only crate that knows wasmtime. What it lends comes in as the traits of
//! [`contract`], which speak plain Rust and are what `wit/` says in WIT: [`Repositories`],
//! [`Authorizer`], [`Fallback`], [`Observer`]. What goes out is [`Front`]: a request in, a response
//! out, each handled in a wasm instance that is reused for requests of the same front and for
//! nobody else's.
//!
//! Two promises are kept here and nowhere else: a response never ends short and looks whole
//! ([`body`]), and an instance lives at least as long as anything that streams through it
//! (`instance`).

mod begun;
mod bindings;
pub mod body;
pub mod contract;
mod convert;
mod embedded;
mod engine;
mod flush;
mod front;
mod guest_log;
mod instance;
mod lanes;
mod lend;
mod limits;
mod pool;
mod state;
mod stream;
mod ticker;

pub use body::{Body, BodyError};
pub use contract::{
    Access, Authorizer, BoxFuture, Decision, DumbFile, ErrorCode, Fallback, File, FileAttributes,
    Observer, Principal, ProtocolVersion, Push, PushEvent, RefUpdate, Refusal, Repositories,
    Repository, RequestContext, Service, ServiceRequest, Setting, Settings,
};
pub use embedded::SELF_CONTAINED;
pub use front::{EngineOptions, Front, FrontBuilder, FrontError, Server};
pub use limits::Limits;
