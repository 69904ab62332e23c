//! HTTP/1.0, HTTP/1.1 and HTTP/2.

use std::fs;

use e2e::curl::curl;
use e2e::{Ending, Request, Setup, World};

use crate::{ls_refs, ls_refs_request};

#[test]
fn http_1_0_client_gets_an_unchunked_body_and_the_connection_closed() {
    let world = World::default();
    let repository = world.small("app.git");
    let server = world.serve(&Setup::default());
    for request in [
        Request::get("/app.git/info/refs?service=git-upload-pack"),
        ls_refs_request("/app.git"),
        Request::get("/app.git/HEAD"),
    ] {
        let mut connection = server.connect();
        let response = connection.ask(&request.http10()).expect(200);
        assert_eq!(response.header("Transfer-Encoding"), None);
        assert!(
            response.text().contains(&repository.oid("main")) || response.body.starts_with(b"ref:")
        );
        assert_eq!(connection.read_some(1).unwrap(), b"", "the connection should be closed");
    }
}

#[test]
fn http_1_1_connection_serves_many_requests() {
    let world = World::default();
    world.small("app.git");
    let server = world.serve(&Setup::default());
    let mut connection = server.connect();
    for _ in 0..20 {
        let _ = connection.ask(&Request::get("/app.git/HEAD")).expect(200);
        let _ = connection.ask(&ls_refs_request("/app.git")).expect(200);
        let _ = connection.ask(&Request::get("/missing.git/HEAD")).expect(404);
    }
}

#[test]
fn http_1_1_pipelined_requests_are_answered_in_order() {
    let world = World::default();
    world.small("app.git");
    let server = world.serve(&Setup::default());
    let mut connection = server.connect();
    let requests = ["/app.git/HEAD", "/missing.git/HEAD", "/app.git/HEAD"].map(Request::get);
    connection.send(&requests.each_ref().map(Request::bytes).concat()).unwrap();
    let statuses = [(); 3].map(|()| connection.response("GET").status);
    assert_eq!(statuses, [200, 404, 200]);
}

#[test]
fn http_1_1_without_a_host_is_answered_all_the_same_or_refused() {
    let world = World::default();
    world.small("app.git");
    let server = world.serve(&Setup::default());
    let mut connection = server.connect();
    connection.send(b"GET /app.git/HEAD HTTP/1.1\r\n\r\n").unwrap();
    let response = connection.response("GET");
    assert!(matches!(response.status, 200 | 400), "{response:?}");
    assert_eq!(response.ending, Ending::Complete);
}

#[test]
fn absolute_target_is_understood() {
    let world = World::default();
    world.small("app.git");
    let server = world.serve(&Setup::default());
    let _ = server.ask(&Request::get("http://somewhere.example/app.git/HEAD")).expect(200);
}

#[test]
fn http_2_by_prior_knowledge_fetches_and_posts() {
    let world = World::default();
    let repository = world.small("app.git");
    let server = world.serve(&Setup::default());
    let body = world.work().join("body");
    fs::write(&body, ls_refs()).unwrap();
    let flags = ["--http2-prior-knowledge", "--fail", "-w", "%{stderr}HTTP/%{http_version}"];
    let advertised = curl(
        flags.iter().copied().chain([&*server.url("app.git/info/refs?service=git-upload-pack")]),
    );
    advertised.clone().succeeded().says("HTTP/2");
    assert!(advertised.text().contains(&repository.oid("side")));
    let data = format!("@{}", body.display());
    let url = server.url("app.git/git-upload-pack");
    let post = [
        "-H",
        "Content-Type: application/x-git-upload-pack-request",
        "-H",
        "Git-Protocol: version=2",
        "--data-binary",
        &data,
        &url,
    ];
    let listed = curl(flags.iter().copied().chain(post)).succeeded();
    assert!(listed.text().contains(&repository.oid("side")));
}
