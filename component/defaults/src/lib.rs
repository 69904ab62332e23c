//! What stands in each socket of the front where there is no host, as under `wasmtime serve`.
//!
//! An authorizer that reads the environment and an access file, a fallback that answers 404, an
//! observer that wants to be told nothing, and the end of the line of `repositories`.

#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]

mod authorizer;
mod bindings;
mod not_found;
mod nothing;
mod observer;
mod policy;

/// The component.
pub(crate) struct Defaults;
