//! The host's authorizers: the access file, and an embedder's closure.

mod access_file;
mod closure;

pub use access_file::{AccessPolicy, AccessPolicyError, Opened};
pub use closure::{Closure, Request};
