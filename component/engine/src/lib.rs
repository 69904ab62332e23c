//! Git repositories and packs in pure Rust.
//!
//! Reads ordinary bare repositories through one narrow [`storage::Storage`] trait and answers
//! `git-upload-pack` requests. Knows no HTTP, starts no process, opens no socket, maps no file.
//! Repository content is trusted with nothing: every number read from it is checked against the
//! file it came from and against [`Limits`].
//!
//! Spec: gitrepository-layout(5), gitformat-pack(5), gitprotocol-v2(5), gitprotocol-pack(5)

#![forbid(unsafe_code)]
// Guests are single-threaded and every caller awaits in place: no future here has to be `Send`.
#![allow(async_fn_in_trait)]

mod chunk_file;
mod clock_cache;
pub mod dumb;
mod engine;
mod error;
pub mod fsck;
mod hex;
pub mod index_pack;
pub mod init;
mod limits;
pub mod object;
pub mod odb;
mod pack_writer;
mod quarantine;
mod quick_hash;
pub mod receive_pack;
pub mod refs;
mod remembered;
pub mod repository;
pub mod storage;
mod transaction;
pub mod upload_pack;
mod walk;
mod working_memory;

pub use engine::Engine;
pub use error::{Error, Result};
pub use limits::Limits;
pub use repository::Repository;
