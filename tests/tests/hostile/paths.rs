//! Paths that lead out of the root, in every way of writing them.

use e2e::http::pkt_line;
use e2e::{Request, Setup};

use crate::{assert_harmless, world};

/// Ways of saying "one directory up", and other things to put into a path.
const ESCAPES: &[&str] = &[
    "..",
    "%2e%2e",
    "%2E%2e",
    ".%2e",
    "..%2f",
    "..%5c",
    "..\\",
    "..;",
    "..%00",
    "..%01",
    "%252e%252e",
    "%c0%ae%c0%ae",
    "%e0%80%ae%e0%80%ae",
    "%uff0e%uff0e",
    "．．",
    "\u{2025}",
    "....//",
    "..././",
    ".",
    "",
    "%2f",
    "%5c",
    "~",
    "~root",
    "%",
    "%zz",
    "%2",
    "-",
    "--upload-pack=x",
    "C:",
    "file:%2f%2f",
];

/// What a path may be meant to reach.
const TARGETS: &[&str] =
    &["outside.git", "outside", "canary", "root/app.git", "root/app.git/../../outside.git"];

/// What a repository is asked for.
const ENDS: &[&str] = &[
    "HEAD",
    "info/refs",
    "info/refs?service=git-upload-pack",
    "objects/info/packs",
    "description",
];

#[test]
fn lead_nowhere() {
    let (_world, _repository, server) = world(&Setup::default());
    let mut connection = server.connect();
    for escape in ESCAPES {
        for target in TARGETS {
            for end in ENDS {
                for path in [
                    format!("/{escape}/{target}/{end}"),
                    format!("/{escape}{target}/{end}"),
                    format!("/app.git/{escape}/{escape}/{target}/{end}"),
                    format!("/app.git/objects/{escape}/{escape}/{escape}/{target}/{end}"),
                ] {
                    let response = connection.ask(&Request::get(&path));
                    assert_harmless(&path, &response);
                    // The server may close after a request that is no HTTP.
                    if response.header("Connection") == Some("close") || response.status == 0 {
                        connection = server.connect();
                    }
                }
            }
        }
    }
    let _ = server.ask(&Request::get("/app.git/HEAD")).expect(200);
}

#[test]
fn that_are_absolute_lead_nowhere() {
    let (world, _repository, server) = world(&Setup::default());
    let outside = world.beside("outside.git").to_str().unwrap().to_owned();
    let root = world.root().to_str().unwrap().to_owned();
    for prefix in ["", "/", "//", "/%2f", "/./", "/file://"] {
        for path in [&outside, &root, "/etc/passwd"] {
            for end in ENDS {
                let target = format!("{prefix}{path}/{end}");
                let response = server.ask(&Request::get(&target));
                assert_harmless(&target, &response);
                assert!(response.status >= 400, "{target}: {response:?}");
            }
        }
    }
}

#[test]
fn of_the_repositorys_own_private_files_are_not_served() {
    let (_world, repository, server) = world(&Setup::default());
    repository.set("remote.origin.url", crate::CANARY);
    for file in [
        "config",
        "description",
        "hooks/pre-receive",
        "hooks/../config",
        "objects/../config",
        "objects/info/../../config",
        "objects/info/..%2f..%2fconfig",
        "objects/info/%2e%2e",
        "objects/info/.",
        "objects/pack/../../description",
        "objects/pack/pack-x/../../../config.pack",
        "objects/pa/ck",
        "objects/../../../canary",
        "info/refs/../../config",
        "packed-refs",
        "logs/HEAD",
        "index",
        "HEAD/../config",
    ] {
        let response = server.ask(&Request::get(format!("/app.git/{file}")));
        assert_harmless(file, &response);
        assert!(response.status >= 400, "{file}: {response:?}");
    }
}

#[test]
fn with_control_bytes_are_refused() {
    let (_world, _repository, server) = world(&Setup::default());
    for byte in (0..=32).chain(127..=255) {
        let target = [b"/app.git".as_slice(), &[byte], b"/HEAD"].concat();
        let response = server.ask(&Request::get(&target));
        assert_harmless(&format!("byte {byte}"), &response);
        let encoded = format!("/app.git%{byte:02x}/HEAD");
        let response = server.ask(&Request::get(&encoded));
        assert_harmless(&encoded, &response);
        assert!(response.status >= 400, "{encoded}: {response:?}");
    }
}

#[test]
fn in_the_query_mean_nothing() {
    let (_world, _repository, server) = world(&Setup::default());
    for query in [
        "service=git-upload-pack&service=git-receive-pack",
        "service=git-upload-pack%0a--help",
        "service=git-upload-pack/../../x",
        "service=../../bin/sh",
        "service=git-upload-pack%20--strict",
        "service[]=git-upload-pack",
        "SERVICE=git-receive-pack",
        "x=1;service=git-receive-pack",
    ] {
        let response = server.ask(&Request::get(format!("/app.git/info/refs?{query}")));
        assert_harmless(query, &response);
        // Nobody may push here: no way of asking gets that advertisement.
        assert!(!response.text().contains("git-receive-pack"), "{query}: {response:?}");
    }
}

#[test]
fn protocol_header_reaches_no_command_line() {
    let (world, _repository, server) = world(&Setup::default());
    let flag = world.beside("flag");
    for value in [
        "version=2; touch FLAG",
        "$(touch FLAG)",
        "version=2\u{7f}",
        "version=99999999999999999999",
        &"version=2:".repeat(500),
        "version=2:--upload-pack=touch FLAG",
    ] {
        let value = value.replace("FLAG", flag.to_str().unwrap());
        let request = Request::get("/app.git/info/refs?service=git-upload-pack");
        let response = server.ask(&request.header("Git-Protocol", &value));
        assert_harmless(&value, &response);
    }
    assert!(!flag.exists());
    let body = pkt_line("command=ls-refs\n") + "0000";
    let request = Request::service("/app.git", "git-upload-pack", body.as_bytes());
    assert_harmless("v2 body without v2", &server.ask(&request));
}
