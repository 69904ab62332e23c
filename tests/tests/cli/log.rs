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
fn as_json_has_the_request_s_number_beside_what_git_says() {
    let world = World::default();
    lacks_a_tree(&world);
    let arguments = ["--log-format", "json", "--backend", "git"];
    let server = world.serve(&Setup::default().arguments(arguments));
    let _ = world.git().refused(["clone", &server.url("app.git"), "copy"]);
    let of_git = || -> Option<(serde_json::Value, String)> {
        let log = server.log();
        let line = log.lines().find(|line| line.contains("corruption"))?;
        Some((serde_json::from_str(line).unwrap(), log.clone()))
    };
    assert!(process::eventually(Duration::from_secs(5), || of_git().is_some()), "{}", server.log());
    let (said, log) = of_git().unwrap();
    // Of two fields of one name the last one counts.
    let fields = &said["fields"];
    assert_eq!(fields["message"], "git says");
    assert!(fields["line"].as_str().is_some_and(|line| line.contains("corruption")), "{said}");
    let answered = format!("\"answered\",\"request\":{},", fields["request"].as_u64().unwrap());
    let access = log.lines().find(|line| line.contains(&answered));
    assert!(access.is_some_and(|line| line.contains("git-upload-pack")), "{log}");
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

fn lacks_a_tree(world: &World) {
    let repository = world.small("app.git");
    let tree = repository.oid("main^{tree}");
    let object = repository.path().join(format!("objects/{}/{}", &tree[..2], &tree[2..]));
    std::fs::remove_file(object).unwrap();
}

/// A clone of a repository that lacks a tree, and what the server must log of it.
fn of_a_broken_repository(backend: &str, words: &str) {
    let world = World::default();
    lacks_a_tree(&world);
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
