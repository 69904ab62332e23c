//! The log.

use std::time::Duration;

use e2e::{Request, Setup, World, process};

#[test]
fn of_a_pipe_holds_no_escape_sequences() {
    let world = World::default();
    world.small("app.git");
    let server = world.serve(&Setup::default());
    let _ = server.ask(&Request::get("/app.git/HEAD")).expect(200);
    assert!(process::eventually(Duration::from_secs(5), || server.log().contains("/app.git/HEAD")));
    assert!(!server.log().contains('\u{1b}'), "{}", server.log());
}

#[test]
fn as_json_is_one_object_a_line() {
    let world = World::default();
    world.small("app.git");
    let server = world.serve(&Setup::default().arguments(["--log-format", "json"]));
    let hostile = "/app.git/%22%0a%7b%7d/HEAD";
    let _ = server.ask(&Request::get(hostile));
    let _ = server.ask(&Request::get("/app.git/HEAD")).expect(200);
    assert!(process::eventually(Duration::from_secs(5), || server.log().contains("/app.git/HEAD")));
    for line in server.log().lines() {
        assert!(line.starts_with('{') && line.ends_with('}'), "{line}");
    }
}

#[test]
fn names_no_password() {
    let world = World::default();
    world.small("app.git");
    let server = world.serve(&Setup::default().user("alice", "secret"));
    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
    let url = server.url_as("alice", "secret", "app.git");
    world.within("copy").run(["push", "--quiet", &url, "main:new"]);
    let log = server.log();
    assert!(!log.contains("secret") && !log.contains("YWxpY2U6c2VjcmV0"), "{log}");
}

/// A clone of a repository that lacks a tree, and what the server must log of it.
fn of_a_broken_repository(backend: &str, words: &str) {
    let world = World::default();
    let repository = world.small("app.git");
    let tree = repository.oid("main^{tree}");
    let object = repository.path().join(format!("objects/{}/{}", &tree[..2], &tree[2..]));
    std::fs::remove_file(object).unwrap();
    let server = world.serve(&Setup::default().arguments(["--backend", backend]));
    let _ = world.git().refused(["clone", &server.url("app.git"), "copy"]);
    let told = || server.log().contains(words);
    assert!(process::eventually(Duration::from_secs(5), told), "{}", server.log());
}

#[test]
fn of_a_failing_git_holds_its_words() {
    of_a_broken_repository("git", "aborting due to possible repository corruption");
}

#[test]
fn of_the_engine_says_what_is_wrong() {
    of_a_broken_repository("engine", "corrupt: ");
}
