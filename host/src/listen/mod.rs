//! Listens and serves: TCP and unix sockets, HTTP/1.0, HTTP/1.1, and HTTP/2 by prior knowledge.

mod address;
mod connection;
mod transport;

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

pub use address::{Address, AddressError};
pub use connection::ConnectionLimits;

use crate::service::{GitService, Peer};
use transport::Transport;

/// Sockets that are bound and listen.
#[derive(Debug)]
pub struct Listener {
    sockets: Vec<(Address, Socket)>,
    limits: ConnectionLimits,
}

#[derive(Debug)]
enum Socket {
    Inet(TcpListener),
    Unix(UnixListener, #[expect(dead_code, reason = "held, not read")] Unlink),
}

/// Removes a unix socket's file when nobody listens any more.
#[derive(Debug)]
struct Unlink(PathBuf);

impl Drop for Unlink {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// An address could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    address: Address,
    source: io::Error,
}

impl Listener {
    /// Binds all addresses, or none.
    ///
    /// # Errors
    ///
    /// The first address that cannot be bound.
    pub async fn bind(addresses: &[Address], limits: ConnectionLimits) -> Result<Self, BindError> {
        let mut sockets = Vec::new();
        for address in addresses {
            let bound = address.bind().await;
            sockets.push(bound.map_err(|source| BindError { address: address.clone(), source })?);
        }
        Ok(Self { sockets, limits })
    }

    /// What was bound, with the ports that the system chose.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.sockets.iter().map(|(address, _)| address)
    }

    /// Serves until `shutdown` resolves; then accepts nothing more, lets requests in flight finish
    /// for `grace`, and ends the rest.
    pub async fn serve(
        self,
        service: GitService,
        shutdown: impl Future<Output = ()>,
        grace: Duration,
    ) {
        let (closing, closed) = watch::channel(false);
        let slots = Arc::new(Semaphore::new(self.limits.connections));
        let mut acceptors = JoinSet::new();
        for (_, socket) in self.sockets {
            let acceptor = Acceptor {
                socket,
                service: service.clone(),
                limits: self.limits.clone(),
                slots: Arc::clone(&slots),
                closing: closed.clone(),
            };
            acceptors.spawn(acceptor.run());
        }
        shutdown.await;
        tracing::info!("shutting down");
        let _ = closing.send(true);
        let finish = async { while acceptors.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, finish).await.is_err() {
            tracing::warn!("ending transfers that did not finish within the grace period");
        }
    }
}

/// Accepts on one socket. Dropping it ends its connections.
struct Acceptor {
    socket: Socket,
    service: GitService,
    limits: ConnectionLimits,
    slots: Arc<Semaphore>,
    closing: watch::Receiver<bool>,
}

impl Acceptor {
    /// Runs until the server closes and every connection of its has ended.
    async fn run(self) {
        let mut connections = JoinSet::new();
        let mut closing = self.closing.clone();
        loop {
            let accepted = tokio::select! {
                accepted = self.accept() => accepted,
                _ = closing.changed() => break,
                Some(_) = connections.join_next() => continue,
            };
            let Some((stream, peer, slot)) = accepted else { continue };
            let (service, limits) = (self.service.clone(), self.limits.clone());
            let closing = self.closing.clone();
            connections.spawn(async move {
                connection::serve(stream, peer, service, limits, closing).await;
                drop(slot);
            });
        }
        drop(self.socket);
        while connections.join_next().await.is_some() {}
    }

    async fn accept(&self) -> Option<(Transport, Peer, tokio::sync::OwnedSemaphorePermit)> {
        // Over the limit clients wait in the backlog: they hold nothing that others wait for.
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok()?;
        let accepted = match &self.socket {
            Socket::Inet(listener) => listener
                .accept()
                .await
                .map(|(stream, address)| (Transport::inet(stream), Peer::Inet(address))),
            Socket::Unix(listener, _) => {
                listener.accept().await.map(|(stream, _)| (Transport::unix(stream), Peer::Unix))
            }
        };
        match accepted {
            Ok((stream, peer)) => Some((stream, peer, slot)),
            Err(error) => {
                // Out of file descriptors, most likely: accepting again at once would spin.
                tracing::error!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                None
            }
        }
    }
}
