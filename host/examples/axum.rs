//! Mounts git beside other routes of an axum application; a closure decides who may do what.
//!
//! `cargo run --example axum -- DIRECTORY` serves the repositories of DIRECTORY under `/git/`:
//! everybody reads all but `secret/…`, and the password `letmein` opens everything.

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{Next, from_fn};
use axum::routing::get;
use gitwasi::{Access, Decision, GitService, Peer, Principal};
use std::net::SocketAddr;

/// `alice:letmein`, as a client sends it.
const ALICE: &[u8] = b"Basic YWxpY2U6bGV0bWVpbg==";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let git = GitService::builder().root(root).authorize(decide).build()?;
    let application = Router::new()
        .route("/", get(|| async { "an application with repositories under /git/\n" }))
        .nest_service("/git", git)
        .layer(from_fn(tell_the_peer))
        .into_make_service_with_connect_info::<SocketAddr>();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}/", listener.local_addr()?);
    axum::serve(listener, application).await?;
    Ok(())
}

/// Decides from the typed request; the repository need not exist.
async fn decide(request: gitwasi::authorize::Request) -> Decision {
    let alice = request.authorization.as_deref() == Some(ALICE);
    let secret = request.repository.starts_with("secret/");
    match request.access {
        _ if alice => Decision::Allow(Some(Principal { name: "alice".to_owned() })),
        Access::Read if !secret => Decision::Allow(None),
        Access::Read | Access::Write => Decision::ask_for_password(),
    }
}

/// Tells the service where a request comes from, for the log and the reflog.
async fn tell_the_peer(
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> axum::response::Response {
    request.extensions_mut().insert(Peer::Inet(address));
    next.run(request).await
}
