//! A thousand requests that nobody thought of: pieces of hostile paths, headers and pkt-lines
//! put together by chance.

use std::time::Duration;

use e2e::http::{gzip, pkt_line};
use e2e::random::{Random, seed};
use e2e::tree::Tree;
use e2e::{Request, Setup, process};

use crate::{assert_harmless, world};

const REQUESTS: usize = 1000;

const SEGMENTS: &[&str] = &[
    "app.git",
    "app",
    "outside.git",
    "..",
    "%2e%2e",
    ".",
    "",
    "%00",
    "%2f",
    "\\",
    "..%5c",
    "%ff",
    "é",
    "a b",
    "info",
    "refs",
    "objects",
    "pack",
    "HEAD",
    "git-upload-pack",
    "git-receive-pack",
    "git-upload-archive",
    "canary",
    "config",
    "00",
    "%",
    "*",
    "~",
    "app.git%00.git",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ".git",
    "plain-file",
    "%0d%0aX:%20y",
    "?",
    "#",
    "?service=git-upload-pack",
    "?service=git-receive-pack",
];

const METHODS: &[&str] = &[
    "GET", "GET", "GET", "POST", "POST", "POST", "HEAD", "PUT", "OPTIONS", "TRACE", "get",
    "CONNECT", "X", "G\u{7f}T",
];

const HEADERS: &[(&str, &str)] = &[
    ("Content-Type", "application/x-git-upload-pack-request"),
    ("Content-Type", "application/x-git-receive-pack-request"),
    ("Content-Type", "\u{0}"),
    ("Content-Encoding", "gzip"),
    ("Content-Encoding", "x-gzip"),
    ("Content-Encoding", "br"),
    ("Git-Protocol", "version=2"),
    ("Git-Protocol", "version=1:x"),
    ("Git-Protocol", "\u{7f}\u{1}"),
    ("Expect", "100-continue"),
    ("Expect", "nonsense"),
    ("Range", "bytes=0-0,5-1,-9"),
    ("Range", "bytes=18446744073709551615-18446744073709551616"),
    ("If-Modified-Since", "Thu, 99 Foo 9999 99:99:99 GMT"),
    ("If-None-Match", "\"\"\"\"\""),
    ("Authorization", "Basic \u{1}"),
    ("Authorization", "Basic YTpi"),
    ("Transfer-Encoding", "chunked"),
    ("Transfer-Encoding", "gzip, chunked"),
    ("Transfer-Encoding", "identity"),
    ("Content-Length", "0"),
    ("Content-Length", "-1"),
    ("Content-Length", "99999999999999999999"),
    ("Content-Length", "12"),
    ("Host", "../../etc"),
    ("X-User", "alice"),
    ("X-Forwarded-For", "127.0.0.1"),
    ("Connection", "close"),
    ("Connection", "upgrade"),
    ("Upgrade", "h2c"),
    ("TE", "trailers"),
    (":authority", "x"),
    ("Bad Header", "x"),
    ("X-Folded", "a\r\n b"),
];

const WORDS: &[&str] = &[
    "0000",
    "0001",
    "0002",
    "0003",
    "0004",
    "ffff",
    "fff0",
    "zzzz",
    "000",
    "0014command=ls-refs\n",
    "0012command=fetch\n",
    "0016object-format=sha1\n",
    "0011thin-pack\n",
    "0009done\n",
    "0032want ",
    "0032have 0123456789012345678901234567890123456789\n",
    "PACK\0\0\0\x02\u{7f}\u{7f}\u{7f}\u{7f}",
    "\0",
    "\n",
    "0123456789012345678901234567890123456789 0123456789012345678901234567890123456789 refs/heads/x\0 report-status",
    "0000000000000000000000000000000000000000",
    "shallow ",
    "deepen 4294967296\n",
    "filter blob:none\n",
    "push-cert\0",
    "../../canary",
    "\r\n\r\nGET /app.git/HEAD HTTP/1.1\r\n\r\n",
];

/// Something that is HTTP, so that it reaches git: a service, and pkt-lines of odd words.
fn almost_right(random: &mut Random) -> Vec<u8> {
    let service = *random.choose(&["git-upload-pack", "git-receive-pack"]);
    let mut body = String::new();
    for _ in 0..random.below(6) {
        let words: String = (0..random.below(4)).map(|_| *random.choose(WORDS)).collect();
        body.push_str(&match random.below(4) {
            0 => words,
            _ => pkt_line(&words),
        });
    }
    let mut request = Request::service("/app.git", service, b"");
    if random.below(2) == 0 {
        request =
            request.header("Git-Protocol", random.choose::<&str>(&["version=2", "version=1"]));
    }
    let packed = gzip(body.as_bytes());
    match random.below(4) {
        0 => request.header("Content-Encoding", "gzip").body(&packed),
        1 => request.chunked(body.as_bytes(), 1 + random.below(40)),
        _ => request.body(body.as_bytes()),
    }
    .bytes()
}

/// Something that need not even be HTTP.
fn all_wrong(random: &mut Random) -> Vec<u8> {
    let method = *random.choose(METHODS);
    let mut target = String::new();
    for _ in 0..random.below(7) {
        target.push('/');
        target.push_str(random.choose::<&str>(SEGMENTS));
    }
    if random.below(3) == 0 {
        let service = random.choose(&["/git-upload-pack", "/git-receive-pack", "/info/refs"]);
        target = format!("/app.git{service}{target}");
    }
    if random.below(4) == 0 {
        target = "/app.git/git-upload-pack".into();
    }
    let mut body: Vec<u8> =
        (0..random.below(8)).flat_map(|_| random.choose::<&str>(WORDS).bytes()).collect();
    if random.below(8) == 0 {
        body = random.bytes(500);
    }
    if random.below(4) == 0 {
        body = gzip(&body);
        body.truncate(random.below(body.len() + 1));
    }
    let mut request = Request::new(method, target);
    for _ in 0..random.below(3) {
        let (name, value) = random.choose(HEADERS);
        request = request.header(name, value);
    }
    let mut bytes = match random.below(4) {
        0 => request.chunked(&body, 1 + random.below(40)).bytes(),
        1 => [request.head(), body].concat(),
        _ => request.body(&body).bytes(),
    };
    if random.below(10) == 0 {
        bytes.truncate(random.below(bytes.len()));
    }
    if random.below(10) == 0 {
        let at = random.below(bytes.len() + 1).min(bytes.len().saturating_sub(1));
        if let Some(byte) = bytes.get_mut(at) {
            *byte = random.number() as u8;
        }
    }
    bytes
}

#[test]
fn do_no_harm() {
    let (world, repository, server) = world(&Setup::default().allow_push());
    let seed = seed();
    let before = Tree::read(world.root());
    let mut random = Random::new(seed);
    let mut statuses = std::collections::BTreeMap::new();
    for n in 0..REQUESTS {
        let whole = random.below(2) == 0;
        let bytes = if whole { almost_right(&mut random) } else { all_wrong(&mut random) };
        let what = format!("request {n} of seed {seed}: {}", bytes.escape_ascii());
        let mut connection = server.connect();
        let _ = connection.send(&bytes);
        if !whole {
            // Otherwise the server would rightly wait for more; to some it is a good-bye.
            connection.finish_sending();
        }
        let method = if bytes.starts_with(b"HEAD ") { "HEAD" } else { "GET" };
        let response = connection.response(method);
        *statuses.entry(response.status).or_insert(0) += 1;
        assert_harmless(&what, &response);
        assert!(!whole || response.status != 0, "{what}: no answer");
        assert!(process::alive(server.pid()), "{what}: the server is gone");
    }
    println!("statuses: {statuses:?}");
    let log = server.log();
    assert!(!log.contains("panicked") && !log.contains("trap"), "{log}");
    before.assert_unchanged(world.root());
    world.git().run(["clone", "--quiet", "--mirror", &server.url("app.git"), "copy"]);
    assert_eq!(world.clone_at("copy").refs(), repository.refs());
    let quiet = || process::descendants(server.pid()).is_empty();
    assert!(process::eventually(Duration::from_secs(1), quiet), "processes are left");
}
