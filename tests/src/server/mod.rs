//! Starts servers, and sees to it that they end.

mod binary;
mod gitwasi;
mod http_backend;
mod lines;
mod setup;
mod wasmtime_serve;

use std::net::SocketAddr;
use std::path::Path;

pub use binary::gitwasi as gitwasi_binary;
pub use gitwasi::{Gitwasi, StartError};
pub use http_backend::HttpBackend;
pub use setup::{Setup, User};
pub use wasmtime_serve::WasmtimeServe;

use crate::{Backend, Connection, Request, Response};

/// A running server of some kind.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    base_path: String,
}

#[derive(Debug)]
enum Kind {
    Gitwasi(Gitwasi),
    WasmtimeServe(WasmtimeServe),
    HttpBackend(HttpBackend),
}

impl Server {
    /// Starts a server for the repositories below `root`, which accepts when this returns.
    #[track_caller]
    #[must_use]
    pub fn start(backend: Backend, root: &Path, setup: &Setup) -> Self {
        let with = |name: &str| {
            let setup = setup.clone().arguments(["--backend", name]);
            Kind::Gitwasi(Gitwasi::start(root, &setup))
        };
        let kind = match backend {
            Backend::Gitwasi => Kind::Gitwasi(Gitwasi::start(root, setup)),
            Backend::Engine => with("engine"),
            Backend::GitProcess => with("git"),
            Backend::WasmtimeServe => Kind::WasmtimeServe(WasmtimeServe::start(root, setup)),
            Backend::HttpBackend => Kind::HttpBackend(HttpBackend::start(root, setup)),
        };
        Self { kind, base_path: setup.base_path.clone().unwrap_or_default() }
    }

    /// Returns where the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        match &self.kind {
            Kind::Gitwasi(server) => server.address(),
            Kind::WasmtimeServe(server) => server.address(),
            Kind::HttpBackend(server) => server.address(),
        }
    }

    /// Returns the URL of a path such as `app.git`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{}/{path}", self.address(), self.base_path)
    }

    /// Returns what every path of this server starts with; empty for most.
    #[must_use]
    pub fn base_path(&self) -> &str {
        &self.base_path
    }

    /// Returns the URL of a path with credentials in it.
    #[must_use]
    pub fn url_as(&self, user: &str, password: &str, path: &str) -> String {
        format!("http://{user}:{password}@{}{}/{path}", self.address(), self.base_path)
    }

    /// Opens a raw connection.
    #[must_use]
    pub fn connect(&self) -> Connection {
        Connection::open(self.address())
    }

    /// Sends one request on a connection of its own.
    #[must_use]
    pub fn ask(&self, request: &Request) -> Response {
        self.connect().ask(request)
    }

    /// Returns the processes that are the roots of this server's process trees.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        match &self.kind {
            Kind::Gitwasi(server) => vec![server.pid()],
            Kind::WasmtimeServe(server) => vec![server.pid()],
            Kind::HttpBackend(server) => server.pids(),
        }
    }

    /// Returns the first process of the server.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pids()[0]
    }

    /// Returns what the server has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        match &self.kind {
            Kind::Gitwasi(server) => server.log(),
            Kind::WasmtimeServe(server) => server.log(),
            Kind::HttpBackend(server) => server.log(),
        }
    }
}
