//! Who pushed, in the repository's reflog.

use std::fs;

use e2e::{Repository, Setup, World};

fn last_entry(repository: &Repository) -> String {
    let log = fs::read_to_string(repository.path().join("logs/refs/heads/main")).unwrap();
    log.lines().last().unwrap().to_owned()
}

#[test]
fn holds_the_principal_and_the_address() {
    let world = World::default();
    let repository = world.small("app.git");
    repository.set("core.logAllRefUpdates", "true");
    let server = world.serve(&Setup::default().user("alice", "secret"));
    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
    world.clone_at("copy/.git").commit("main", "new", b"new\n");
    let url = server.url_as("alice", "secret", "app.git");
    world.within("copy").run(["push", "--quiet", &url, "main"]);
    let entry = last_entry(&repository);
    assert!(entry.contains(" alice <alice@http.127.0.0.1> "), "{entry}");
    assert!(entry.ends_with("\tpush"), "{entry}");
}

#[test]
fn of_an_anonymous_push_holds_the_address() {
    let world = World::default();
    let repository = world.small("app.git");
    repository.set("core.logAllRefUpdates", "true");
    let server = world.serve(&Setup::default().allow_push());
    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
    world.clone_at("copy/.git").commit("main", "new", b"new\n");
    world.within("copy").run(["push", "--quiet", "origin", "main"]);
    let entry = last_entry(&repository);
    assert!(entry.contains("@http.127.0.0.1> "), "{entry}");
}
