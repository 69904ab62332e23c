//! Request bodies in every form in which they arrive.

use std::time::Duration;

use e2e::http::gzip;
use e2e::{Request, Server, Setup, World};

use crate::{ls_refs, ls_refs_request};

fn server() -> (World, Server, String) {
    let world = World::default();
    world.small("app.git");
    let server = world.serve(&Setup::default());
    let expected = server.ask(&ls_refs_request("/app.git")).expect(200).text();
    assert!(expected.contains("refs/heads/side"), "{expected}");
    (world, server, expected)
}

fn request(body: &[u8]) -> Request {
    Request::service("/app.git", "git-upload-pack", body).header("Git-Protocol", "version=2")
}

#[test]
fn of_any_form_means_the_same() {
    let (_world, server, expected) = server();
    let (plain, packed) = (ls_refs(), gzip(&ls_refs()));
    let coded = |request: Request, coding| request.header("Content-Encoding", coding);
    for (form, request) in [
        ("chunked", request(b"").chunked(&plain, 1000)),
        ("chunked by the byte", request(b"").chunked(&plain, 1)),
        ("gzip", coded(request(&packed), "gzip")),
        ("x-gzip", coded(request(&packed), "x-gzip")),
        ("GZIP", coded(request(&packed), "GZIP")),
        ("identity", coded(request(&plain), "identity")),
        ("chunked gzip", coded(request(b"").chunked(&packed, 7), "gzip")),
        (
            "with a parameter of the content type",
            request(&plain)
                .replace("Content-Type", "application/x-git-upload-pack-request; charset=utf-8"),
        ),
    ] {
        assert_eq!(server.ask(&request).expect(200).text(), expected, "{form}");
    }
}

#[test]
fn arriving_in_drops_is_waited_for() {
    let (_world, server, expected) = server();
    let mut connection = server.connect();
    let request = request(&ls_refs());
    for piece in request.bytes().chunks(11) {
        connection.send(piece).unwrap();
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(connection.response("POST").expect(200).text(), expected);
}

#[test]
fn expected_to_be_asked_for_is_asked_for() {
    let (_world, server, expected) = server();
    let mut connection = server.connect();
    let request = request(&ls_refs()).header("Expect", "100-continue");
    connection.send(&request.head()).unwrap();
    assert_eq!(connection.head().status, 100);
    connection.send(&ls_refs()).unwrap();
    assert_eq!(connection.response("POST").expect(200).text(), expected);
}

#[test]
fn expected_to_be_asked_for_is_not_sent_when_it_is_refused() {
    let (_world, server, _) = server();
    let mut connection = server.connect();
    let request =
        Request::service("/app.git", "git-receive-pack", b"0000").header("Expect", "100-continue");
    connection.send(&request.head()).unwrap();
    assert_eq!(connection.head().status, 403);
}

#[test]
fn with_headers_of_another_case_and_order_is_read() {
    let (_world, server, expected) = server();
    let request = Request::new("POST", "/app.git/git-upload-pack")
        .header("gIt-pRotocol", "version=2")
        .header("cOntent-tYpe", "Application/X-Git-Upload-Pack-Request")
        .chunked(&ls_refs(), 50);
    assert_eq!(server.ask(&request).expect(200).text(), expected);
}

#[test]
fn of_only_a_flush_probes_a_push() {
    // libgit2 and others send it to learn whether they need credentials.
    let world = World::default();
    world.small("app.git");
    let open = world.serve(&Setup::default().allow_push());
    let probe = Request::service("/app.git", "git-receive-pack", b"0000");
    let response = open.ask(&probe).expect(200);
    assert!(response.body.is_empty(), "{response:?}");
    let closed = world.serve(&Setup::default().user("alice", "secret"));
    let response = closed.ask(&probe).expect(401);
    assert!(response.header("WWW-Authenticate").is_some_and(|value| value.starts_with("Basic ")));
}
