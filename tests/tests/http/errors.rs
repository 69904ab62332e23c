//! The error table: a status before the first byte, and words that a person understands.

use e2e::http::{gzip, pkt_line};
use e2e::{Request, Server, Setup, World};

use crate::{ls_refs, ls_refs_request};

fn server() -> (World, Server) {
    let world = World::default();
    world.small("app.git");
    let server = world.serve(&Setup::default().allow_push());
    (world, server)
}

fn upload_pack(body: &[u8]) -> Request {
    Request::service("/app.git", "git-upload-pack", body).header("Git-Protocol", "version=2")
}

/// Asks on a connection of its own, and then checks that the server is well.
#[track_caller]
fn refused(request: &Request, status: u16) -> String {
    let (_world, server) = server();
    let response = server.ask(request).expect(status);
    let _ = server.ask(&ls_refs_request("/app.git")).expect(200);
    assert!(response.header("Content-Type").unwrap_or_default().starts_with("text/plain"));
    response.text()
}

#[test]
fn truncated_gzip_is_400() {
    let packed = gzip(&ls_refs());
    for length in [0, 1, 9, 12, packed.len() - 9, packed.len() - 1] {
        let request = upload_pack(&packed[..length]).header("Content-Encoding", "gzip");
        assert!(refused(&request, 400).contains("gzip"), "{length} bytes");
    }
}

#[test]
fn corrupt_gzip_is_400() {
    let mut packed = gzip(&ls_refs());
    let at = packed.len() - 6;
    packed[at] ^= 1;
    let request = upload_pack(&packed).header("Content-Encoding", "gzip");
    assert!(refused(&request, 400).contains("gzip"));
}

#[test]
fn gzip_with_something_after_it_is_400_and_not_cut() {
    let plain = ls_refs();
    let (first, second) = plain.split_at(20);
    for after in [gzip(second), b"more".to_vec(), vec![0]] {
        let packed = [gzip(first), after].concat();
        let request = upload_pack(&packed).header("Content-Encoding", "gzip");
        assert!(refused(&request, 400).contains("gzip"));
    }
}

#[test]
fn body_that_is_not_the_gzip_it_says_is_400() {
    let request = upload_pack(&ls_refs()).header("Content-Encoding", "gzip");
    assert!(refused(&request, 400).contains("gzip"));
}

#[test]
fn unknown_content_coding_is_415() {
    for coding in ["br", "deflate", "zstd", "gzip, gzip"] {
        refused(&upload_pack(&ls_refs()).header("Content-Encoding", coding), 415);
    }
}

#[test]
fn wrong_content_type_is_415_and_names_the_right_one() {
    for content_type in ["text/plain", "application/x-git-receive-pack-request", ""] {
        let text = refused(&upload_pack(&ls_refs()).replace("Content-Type", content_type), 415);
        assert!(text.contains("application/x-git-upload-pack-request"), "{text}");
    }
}

#[test]
fn unknown_service_is_403() {
    for service in ["git-nonsense", "upload-pack", "git-upload-pack%00", "git-upload-pack;id", ""] {
        let target = format!("/app.git/info/refs?service={service}");
        refused(&Request::get(target), 403);
    }
}

#[test]
fn missing_repository_is_404() {
    let (_world, server) = server();
    for path in ["missing.git/info/refs?service=git-upload-pack", "missing/HEAD"] {
        let _ = server.ask(&Request::get(format!("/{path}"))).expect(404);
    }
    let post = Request::service("/missing.git", "git-receive-pack", b"0000");
    let _ = server.ask(&post).expect(404);
}

#[test]
fn malformed_pkt_line_is_400() {
    for body in [
        "zzzz",
        "0003",
        "0002",
        "00",
        "ffff short",
        "-001",
        "+00a123456",
        "not git at all, but long enough to be something",
    ] {
        refused(&upload_pack(body.as_bytes()), 400);
        let push = Request::service("/app.git", "git-receive-pack", body.as_bytes());
        refused(&push, 400);
    }
}

#[test]
fn body_that_ends_inside_a_pkt_line_is_400() {
    refused(&upload_pack(b"0014command=ls-refs"), 400);
    refused(&Request::service("/app.git", "git-receive-pack", b"0014command=ls-refs"), 400);
}

#[test]
fn pkt_lines_that_go_bad_behind_good_ones_are_400() {
    let oid = World::default().small("app.git").oid("main");
    let want = pkt_line(&format!("want {oid}\n"));
    for tail in ["zzzz", "0003", "00", "0032want ", ""] {
        for begin in ["0013command=ls-refs0001", "0011command=fetch0001", "0012command=fetch\n"] {
            refused(&upload_pack(format!("{begin}{tail}").as_bytes()), 400);
        }
        let version_0 = Request::service("/app.git", "git-upload-pack", b"");
        refused(&version_0.body(format!("{want}{tail}").as_bytes()), 400);
    }
}

#[test]
fn whole_request_in_a_body_that_ends_early_is_400() {
    let (_world, server) = server();
    let length = (ls_refs().len() + 10).to_string();
    let request = upload_pack(&ls_refs()).replace("Content-Length", &length);
    let chunked = upload_pack(b"").chunked(&ls_refs(), 20).bytes();
    for bytes in [&request.bytes()[..], &chunked[..chunked.len() - 5]] {
        let mut connection = server.connect();
        connection.send(bytes).unwrap();
        connection.finish_sending();
        assert_eq!(connection.response("POST").status, 400);
    }
}

#[test]
fn impossible_push_is_400_or_says_which_ref() {
    let (zero, one) = ("0".repeat(40), "1".repeat(40));
    for command in [
        format!("{zero} {one}\0report-status"),
        format!("{zero} {one} refs/heads/x y\0report-status"),
        format!("{zero} {} refs/heads/x\0report-status", "g".repeat(40)),
        format!("{zero} {one} ../../x\0report-status"),
        format!("{} {one} refs/heads/x\0report-status", &zero[1..]),
    ] {
        let (world, server) = server();
        let before = e2e::tree::Tree::read(&world.root().join("app.git"));
        let body = format!("{}0000", pkt_line(&command));
        let request = Request::service("/app.git", "git-receive-pack", body.as_bytes());
        let response = server.ask(&request);
        let told = response.status == 400
            || (response.status == 200 && response.text().contains("ng "))
            || (response.status == 200 && response.text().contains("unpack "));
        assert!(told, "{command:?}: {response:?}");
        before.assert_unchanged(&world.root().join("app.git"));
    }
}

#[test]
fn body_that_ends_early_is_no_request() {
    let (world, server) = server();
    let before = e2e::tree::Tree::read(&world.root().join("app.git"));
    let request = upload_pack(&ls_refs()).bytes();
    let mut connection = server.connect();
    connection.send(&request[..request.len() - 3]).unwrap();
    connection.finish_sending();
    let response = connection.response("POST");
    assert!(matches!(response.status, 0 | 400), "{response:?}");
    before.assert_unchanged(&world.root().join("app.git"));
}

#[test]
fn broken_chunks_are_no_request() {
    for chunks in ["zz\r\n", "5\r\nab\r\n0\r\n\r\n", "fffffffffffffffff\r\n", "-1\r\n"] {
        let (_world, server) = server();
        let head = Request::new("POST", "/app.git/git-upload-pack")
            .header("Content-Type", "application/x-git-upload-pack-request")
            .header("Git-Protocol", "version=2")
            .header("Transfer-Encoding", "chunked")
            .head();
        let mut connection = server.connect();
        connection.send(&[&head, chunks.as_bytes()].concat()).unwrap();
        connection.finish_sending();
        let response = connection.response("POST");
        assert!(matches!(response.status, 0 | 400), "{chunks:?}: {response:?}");
        let _ = server.ask(&ls_refs_request("/app.git")).expect(200);
    }
}

#[test]
fn two_lengths_are_refused() {
    let (_world, server) = server();
    let body = ls_refs();
    for header in [("Content-Length", "3"), ("Transfer-Encoding", "chunked")] {
        let request = upload_pack(&body).header(header.0, header.1);
        let response = server.ask(&request);
        assert!(matches!(response.status, 0 | 400), "{header:?}: {response:?}");
    }
}

#[test]
fn head_of_a_push_without_an_end_is_413() {
    let (_world, server) = server();
    let line =
        |n: usize| pkt_line(&format!("{} {} refs/heads/{n:090}", "0".repeat(40), "1".repeat(40)));
    let body: String = (0..220_000).map(line).collect();
    let request = Request::service("/app.git", "git-receive-pack", body.as_bytes());
    let response = server.ask(&request);
    assert_eq!(response.status, 413, "{response:?}");
    let _ = server.ask(&ls_refs_request("/app.git")).expect(200);
}

#[test]
fn long_header_and_long_target_are_refused() {
    let (_world, server) = server();
    let long = "x".repeat(1 << 20);
    let response = server.ask(&Request::get("/app.git/HEAD").header("X-Long", &long));
    assert!(matches!(response.status, 0 | 400 | 431), "{response:?}");
    let response = server.ask(&Request::get(format!("/{long}/HEAD")));
    assert!(matches!(response.status, 0 | 400 | 404 | 414 | 431), "{response:?}");
    let response = server.ask(&Request::get(format!("/{}/HEAD", "x".repeat(3000))));
    assert!(matches!(response.status, 400 | 404 | 414), "{response:?}");
    let _ = server.ask(&ls_refs_request("/app.git")).expect(200);
}

#[test]
fn git_shows_the_text_of_a_refusal() {
    let world = World::default();
    world.small("app.git");
    let server = world.serve(&Setup::default());
    let outcome = world.git().refused(["clone", &server.url("missing.git"), "copy"]);
    outcome.says("remote: repository not found");
    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
    world.clone_at("copy/.git").commit("main", "new", b"new\n");
    let outcome = world.within("copy").refused(["push", "origin", "main"]);
    outcome.says("remote: ");
    outcome.says("403");
}

#[test]
fn refusals_name_no_path_of_the_host() {
    let (world, server) = server();
    let root = world.root().to_str().unwrap().to_owned();
    std::fs::write(world.root().join("app.git/HEAD"), "nonsense\n").unwrap();
    for request in [
        Request::get("/app.git/info/refs?service=git-upload-pack"),
        Request::get("/app.git/HEAD"),
        ls_refs_request("/app.git"),
        upload_pack(b"zzzz"),
    ] {
        let response = server.ask(&request);
        assert!(!response.text().contains(&root), "{response:?}");
        assert!(!format!("{:?}", response.headers).contains(&root), "{response:?}");
    }
}
