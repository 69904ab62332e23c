//! What is not git's goes to the upstream: requests and responses, streamed both ways.

use std::sync::Mutex;
use std::sync::mpsc;

use e2e::upstream::Upstream;
use e2e::{Connection, Ending, Request, Server, Setup, World};

fn before(upstream: &Upstream) -> (World, Server) {
    let world = World::default();
    world.small("app.git");
    let server = world.serve(&Setup::default().arguments(["--fallback", &upstream.url()]));
    (world, server)
}

fn answer(connection: &mut Connection, text: &str) {
    let length = text.len();
    connection
        .send(
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nX-From: upstream\r\n\r\n{text}"
            )
            .as_bytes(),
        )
        .unwrap();
}

#[test]
fn gets_what_is_not_gits_as_it_came() {
    let upstream = Upstream::start(|head, mut connection| answer(&mut connection, &head));
    let (_world, server) = before(&upstream);
    let request = Request::get("/pages/%C3%BC?q=a%20b&x=1").header("X-Mine", "kept");
    let response = server.ask(&request).expect(200);
    assert_eq!(response.header("X-From"), Some("upstream"));
    let seen = response.text();
    assert!(seen.starts_with("GET /pages/%C3%BC?q=a%20b&x=1 HTTP/1.1\n"), "{seen}");
    assert!(seen.to_lowercase().contains("\nx-mine: kept\n"), "{seen}");
}

#[test]
fn is_told_of_clients_and_proxies_by_those_who_are_believed() {
    const SAYS: [(&str, &str); 6] = [
        ("x_forwarded_for", "6.6.6.6"),
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-host", "example.org"),
        ("x-forwarded-proto", "https"),
        ("x-real-ip", "6.6.6.6"),
        ("forwarded", "for=6.6.6.6"),
    ];
    let upstream = Upstream::start(|head, mut connection| answer(&mut connection, &head));
    for (proxy, believed) in [("127.0.0.1", true), ("10.9.8.7", false)] {
        let world = World::default();
        let arguments = ["--fallback", &upstream.url(), "--trusted-proxy", proxy];
        let server = world.serve(&Setup::default().arguments(arguments));
        let mut request = Request::get("/page");
        for (name, value) in SAYS {
            request = request.header(name, value);
        }
        let seen = server.ask(&request).expect(200).text().to_lowercase();
        for (name, value) in SAYS {
            assert_eq!(seen.contains(&format!("\n{name}: {value}\n")), believed, "{name}: {seen}");
        }
        assert!(seen.contains("\nx-forwarded-for: 127.0.0.1\n"), "{seen}");
        assert!(believed || seen.contains("\nx-forwarded-host: localhost\n"), "{seen}");
    }
}

#[test]
fn does_not_get_what_is_gits() {
    let upstream = Upstream::start(|_, mut connection| answer(&mut connection, "upstream"));
    let (world, server) = before(&upstream);
    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
    for path in ["/app.git/HEAD", "/missing.git/info/refs", "/app.git/git-upload-pack"] {
        let response = server.ask(&Request::get(path));
        assert_eq!(response.header("X-From"), None, "{path}");
    }
    for path in ["/", "/app.git", "/app.git/config", "/favicon.ico", "/objects"] {
        let response = server.ask(&Request::get(path)).expect(200);
        assert_eq!(response.header("X-From"), Some("upstream"), "{path}");
    }
}

#[test]
fn gets_a_body_while_it_answers() {
    let upstream = Upstream::start(|head, mut connection| {
        assert!(head.to_lowercase().contains("transfer-encoding: chunked"), "{head}");
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        // Chunk sizes and all: what comes in is a chunked body, and so is what goes out.
        loop {
            let bytes = connection.read_some(1 << 16).unwrap();
            if bytes.is_empty() || connection.send(&bytes).is_err() || bytes.ends_with(b"0\r\n\r\n")
            {
                break;
            }
        }
    });
    let (_world, server) = before(&upstream);
    let mut connection = server.connect();
    let head = Request::new("POST", "/echo").header("Transfer-Encoding", "chunked").head();
    connection.send(&[&head[..], b"4\r\none \r\n"].concat()).unwrap();
    assert_eq!(connection.head().status, 200);
    let mut received = Vec::new();
    while !received.windows(4).any(|window| window == b"one ") {
        received.extend(connection.read_some(1 << 16).unwrap());
    }
    // Only now is the rest sent: nobody waited for the end of the request.
    connection.send(b"3\r\ntwo\r\n0\r\n\r\n").unwrap();
    while !received.ends_with(b"0\r\n\r\n") {
        let bytes = connection.read_some(1 << 16).unwrap();
        assert!(!bytes.is_empty(), "{}", received.escape_ascii());
        received.extend(bytes);
    }
    assert!(received.windows(3).any(|window| window == b"two"));
}

#[test]
fn that_breaks_off_is_seen_to_break_off() {
    let upstream = Upstream::start(|_, mut connection| {
        connection
            .send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
            .unwrap();
    });
    let (_world, server) = before(&upstream);
    let response = server.ask(&Request::get("/page"));
    // It may break off before its head is sent.
    assert!(matches!(response.status, 0 | 200), "{response:?}");
    assert!(matches!(response.ending, Ending::Broken(_)), "{response:?}");
}

#[test]
fn that_is_not_there_is_502() {
    let upstream = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let world = World::default();
    world.small("app.git");
    let server = world.serve(&Setup::default().arguments(["--fallback", &upstream]));
    let _ = server.ask(&Request::get("/page")).expect(502);
    let _ = server.ask(&Request::get("/app.git/HEAD")).expect(200);
}

#[test]
fn slow_answer_arrives_as_it_is_made() {
    let (release, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let upstream = Upstream::start(move |_, mut connection| {
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf").unwrap();
        gate.lock().unwrap().recv().unwrap();
        connection.send(b"more").unwrap();
    });
    let (_world, server) = before(&upstream);
    let mut connection = server.connect();
    connection.send(&Request::get("/slow").bytes()).unwrap();
    assert_eq!(connection.head().status, 200);
    assert_eq!(connection.read_some(100).unwrap(), b"half");
    release.send(()).unwrap();
    assert_eq!(connection.read_some(100).unwrap(), b"more");
}

#[test]
fn without_one_the_rest_is_404() {
    let world = World::default();
    world.small("app.git");
    let server = world.serve(&Setup::default());
    for path in ["/", "/app.git", "/favicon.ico", "/app.git/config"] {
        let _ = server.ask(&Request::get(path)).expect(404);
    }
}
