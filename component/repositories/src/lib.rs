//! The engine as a component: exports `repositories` over `wasi:filesystem`.
//!
//! Holds what knows WIT on both sides of the engine, and nothing that knows git: the storage below
//! it, the streams above it, and the `repositories` next in line, which is asked for what the
//! engine does not do.

#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]

mod bindings;
mod config;
mod convert;
mod file;
mod instance;
mod open;
mod repository;
mod request;
mod response;
mod storage;

/// The component.
pub(crate) struct Component;
