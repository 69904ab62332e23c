//! Who may do what: the access file, a repository's own configuration, proxies, hooks.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod access_file;
mod configuration;
mod create;
mod export_ok;
mod hooks;
mod reflog;
mod refused;
mod user_header;
mod work_tree;
