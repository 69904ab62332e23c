//! A small HTTP server inside the test: what the server under test hands on is seen here.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use crate::Connection;

/// A server that answers every connection with one handler; it lives as long as the test.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
}

impl Upstream {
    /// Starts a server; `handler` gets the head of the request and the connection after it.
    #[must_use]
    pub fn start(handler: impl Fn(String, Connection) + Send + Sync + 'static) -> Self {
        Self::at(([127, 0, 0, 1], 0).into(), handler)
    }

    /// Starts a server at an address.
    #[must_use]
    pub fn at(
        address: SocketAddr,
        handler: impl Fn(String, Connection) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).expect("a port for the upstream");
        let address = listener.local_addr().expect("the upstream's port");
        let handler = Arc::new(handler);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let handler = Arc::clone(&handler);
                thread::spawn(move || {
                    let mut connection = Connection::from(stream);
                    let head = connection.request_head();
                    handler(head, connection);
                });
            }
        });
        Self { address }
    }

    /// Returns the URL without a path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}
