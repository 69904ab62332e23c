//! Credentials: asked for when they help, tried again when they come from a helper.

use e2e::cell::Scenario;
use e2e::tree::Tree;
use e2e::{Backend, Cell, Git, Repository, Server, Setup, World, scenario};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(push_with_a_password_is_accepted),
    scenario!(password_may_hold_any_character)
        .on(&[Backend::Gitwasi, Backend::WasmtimeServe])
        .once(),
    scenario!(push_without_one_is_asked_for_it).once(),
    scenario!(push_with_a_wrong_password_is_refused).once(),
    scenario!(push_is_repeated_with_what_the_helper_knows).once(),
    scenario!(dead_credential_is_erased_from_the_helper).once(),
    scenario!(reading_needs_none).once(),
];

fn world(cell: Cell) -> (World, Repository, Server) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    let server = world.serve(&Setup::default().user("alice", "secret").user("bob", "b:p%/ä"));
    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
    world.clone_at("copy/.git").commit("main", "new", b"new\n");
    (world, repository, server)
}

/// Returns a client whose credential helper answers with `password` and logs what it is asked.
fn with_helper(world: &World, password: &str) -> Git {
    let (log, file) = (world.beside("helper.log"), world.beside("helper"));
    let script = format!(
        "#!/bin/sh\necho $1 >>{}\ntest $1 = get && printf 'username=alice\\npassword={password}\\n'\nexit 0\n",
        log.display()
    );
    std::fs::write(&file, script).unwrap();
    world.within("copy").config("credential.helper", &format!("!sh {}", file.display()))
}

fn asked(world: &World) -> String {
    std::fs::read_to_string(world.beside("helper.log")).unwrap().replace('\n', " ")
}

fn push_with_a_password_is_accepted(cell: Cell) {
    let (world, repository, server) = world(cell);
    let url = server.url_as("alice", "secret", "app.git");
    world.within("copy").run(["push", "--quiet", &url, "main"]);
    assert_eq!(repository.oid("main"), world.clone_at("copy/.git").oid("main"));
}

fn password_may_hold_any_character(cell: Cell) {
    let (world, repository, server) = world(cell);
    let url = server.url_as("bob", "b%3Ap%25%2F%C3%A4", "app.git");
    world.within("copy").run(["push", "--quiet", &url, "main"]);
    assert_eq!(repository.oid("main"), world.clone_at("copy/.git").oid("main"));
}

fn push_without_one_is_asked_for_it(cell: Cell) {
    let (world, repository, _server) = world(cell);
    let before = Tree::read(repository.path());
    let outcome = world.within("copy").refused(["push", "origin", "main"]);
    outcome.says("could not read Username");
    before.assert_unchanged(repository.path());
}

fn push_with_a_wrong_password_is_refused(cell: Cell) {
    let (world, repository, server) = world(cell);
    let before = Tree::read(repository.path());
    for (name, password) in [("alice", "wrong"), ("mallory", "secret"), ("alice", "")] {
        let url = server.url_as(name, password, "app.git");
        let outcome = world.within("copy").refused(["push", &url, "main"]);
        outcome.says_one_of(&["Authentication failed", "could not read Password"]);
    }
    before.assert_unchanged(repository.path());
}

fn push_is_repeated_with_what_the_helper_knows(cell: Cell) {
    let (world, repository, _server) = world(cell);
    with_helper(&world, "secret").run(["push", "--quiet", "origin", "main"]);
    assert_eq!(asked(&world), "get store ");
    assert_eq!(repository.oid("main"), world.clone_at("copy/.git").oid("main"));
}

fn dead_credential_is_erased_from_the_helper(cell: Cell) {
    let (world, _repository, _server) = world(cell);
    let outcome = with_helper(&world, "wrong").refused(["push", "--quiet", "origin", "main"]);
    outcome.says("Authentication failed");
    assert_eq!(asked(&world), "get erase ");
}

fn reading_needs_none(cell: Cell) {
    let (world, _repository, server) = world(cell);
    world.git().run(["clone", "--quiet", &server.url("app.git"), "again"]);
}
