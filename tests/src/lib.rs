//! End-to-end tests: real git, real sockets, real binaries.
//!
//! This library is the harness. It knows the servers only from outside: a command line, printed
//! addresses, bytes on sockets and what `/proc` tells. It never uses a crate of this project, so
//! that nothing is checked with itself. Helpers panic with the whole story (command, exit code,
//! output) where a test could only have said `unwrap`.

pub mod cell;
pub mod command;
pub mod cpu_meter;
pub mod curl;
pub mod git;
pub mod http;
pub mod nginx;
pub mod process;
pub mod python;
pub mod random;
pub mod repository;
pub mod scratch;
pub mod server;
pub mod tree;
pub mod upstream;
pub mod world;

pub use cell::{Backend, Cell, ObjectFormat, Protocol};
pub use command::Outcome;
pub use git::Git;
pub use http::{Connection, Ending, Request, Response, Transfer};
pub use repository::Repository;
pub use scratch::Scratch;
pub use server::{Server, Setup};
pub use world::World;
