//! `--user-header`: the principal by the word of a proxy, and of nobody else.

use e2e::curl::curl;
use e2e::{Server, Setup, World};

fn server(world: &World, proxy: &str) -> Server {
    world.small("app.git");
    let setup = Setup::default().user_with("alice", None, &["**"], &["**"]);
    world.serve(&setup.arguments(["--user-header", "X-User", "--trusted-proxy", proxy]))
}

/// Returns the status that a push's advertisement has for a client at `from`.
fn status(server: &Server, from: &str, headers: &[&str]) -> String {
    let url = server.url("app.git/info/refs?service=git-receive-pack");
    let base = ["--interface", from, "-o", "/dev/null", "-w", "%{http_code}", &url];
    curl(base.into_iter().chain(headers.iter().flat_map(|&header| ["-H", header])))
        .succeeded()
        .text()
}

#[test]
fn from_the_trusted_proxy_names_the_principal() {
    let world = World::default();
    let server = server(&world, "127.0.0.1");
    assert_eq!(status(&server, "127.0.0.1", &["X-User: alice"]), "200");
    assert_eq!(status(&server, "127.0.0.1", &["x-uSER: alice"]), "200");
}

#[test]
fn from_the_trusted_proxy_names_somebody_without_rights() {
    let world = World::default();
    let server = server(&world, "127.0.0.1");
    assert_eq!(status(&server, "127.0.0.1", &["X-User: mallory"]), "403");
    assert_ne!(status(&server, "127.0.0.1", &["X-User;"]), "200");
    assert_ne!(status(&server, "127.0.0.1", &[]), "200");
}

#[test]
fn from_anybody_else_is_worth_nothing() {
    let world = World::default();
    let server = server(&world, "127.0.0.2");
    assert_ne!(status(&server, "127.0.0.1", &["X-User: alice"]), "200");
    assert_ne!(
        status(&server, "127.0.0.3", &["X-User: alice", "X-Forwarded-For: 127.0.0.2"]),
        "200"
    );
    assert_eq!(status(&server, "127.0.0.2", &["X-User: alice"]), "200");
}

#[test]
fn sent_twice_is_worth_nothing() {
    let world = World::default();
    let server = server(&world, "127.0.0.1");
    assert_ne!(status(&server, "127.0.0.1", &["X-User: mallory", "X-User: alice"]), "200");
    assert_ne!(status(&server, "127.0.0.1", &["X-User: alice", "X-User: mallory"]), "200");
}

#[test]
fn over_a_trusted_unix_socket_names_the_principal() {
    let world = World::default();
    world.small("app.git");
    let socket = world.beside("socket");
    let listen = format!("unix:{}", socket.display());
    let setup = Setup::default().user_with("alice", None, &["**"], &["**"]);
    let setup = setup.arguments(["--listen", &listen, "--listen", "127.0.0.1:0"]);
    let server =
        world.serve(&setup.arguments(["--user-header", "X-User", "--trusted-proxy", "unix"]));
    let path = "app.git/info/refs?service=git-receive-pack";
    let over_socket = |header| {
        let url = format!("http://localhost/{path}");
        let base = ["-o", "/dev/null", "-w", "%{http_code}", "-H", header];
        let socket = socket.to_str().unwrap();
        curl(base.into_iter().chain(["--unix-socket", socket, &url])).succeeded().text()
    };
    assert_eq!(over_socket("X-User: alice"), "200");
    assert_eq!(over_socket("X-User: mallory"), "403");
    assert_ne!(status(&server, "127.0.0.1", &["X-User: alice"]), "200", "a port is not trusted");
}
