//! Listening on a unix socket.

use e2e::curl::curl;
use e2e::server::Gitwasi;
use e2e::{Setup, World};

fn listening(world: &World) -> (Gitwasi, String) {
    let socket = world.beside("socket");
    let listen = format!("unix:{}", socket.display());
    let setup = Setup::default().arguments(["--listen", &listen, "--listen", "127.0.0.1:0"]);
    (world.serve_gitwasi(&setup), socket.to_str().unwrap().to_owned())
}

#[test]
fn is_served_beside_a_port() {
    let world = World::default();
    world.small("app.git");
    let (server, socket) = listening(&world);
    let path = "/app.git/info/refs?service=git-upload-pack";
    let over_socket =
        curl(["--fail", "--unix-socket", &socket, &format!("http://localhost{path}")]);
    let over_port = curl(["--fail", &format!("http://{}{path}", server.address())]);
    assert_eq!(over_socket.succeeded().text(), over_port.succeeded().text());
}

#[test]
fn is_removed_when_the_server_ends_and_replaced_when_it_was_left_behind() {
    let world = World::default();
    world.small("app.git");
    let (mut server, socket) = listening(&world);
    server.signal(rustix::process::Signal::TERM);
    server.wait(std::time::Duration::from_secs(10));
    assert!(!std::path::Path::new(&socket).exists());
    let (server, _) = listening(&world);
    // Killed, it cannot clean up.
    drop(server);
    assert!(std::path::Path::new(&socket).exists());
    let (_server, socket) = listening(&world);
    let url = "http://localhost/app.git/HEAD";
    let _ = curl(["--fail", "--unix-socket", &socket, url]).succeeded();
}

/// Such a socket knows no reset, and such a client no chunks: what breaks off would look whole.
#[test]
fn http_10_is_refused_with_what_to_do_about_it() {
    let world = World::default();
    world.small("app.git");
    let (_server, socket) = listening(&world);
    let url = "http://localhost/app.git/info/refs?service=git-upload-pack";
    let outcome = curl(["--http1.0", "--include", "--unix-socket", &socket, url]).succeeded();
    let text = outcome.text();
    assert!(text.contains(" 505 ") && text.contains("proxy_http_version 1.1"), "{text}");
}
