//! Fetches into a repository that has something already.

use e2e::cell::Scenario;
use e2e::{Cell, Setup, World, scenario};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(brings_only_what_is_new),
    scenario!(without_news_brings_nothing),
    scenario!(prune_drops_deleted_branches),
    scenario!(of_an_oid_brings_that_commit),
    scenario!(of_a_missing_ref_says_so),
    scenario!(ls_remote_shows_every_ref),
    scenario!(after_unrelated_commits_of_its_own_negotiates),
];

fn brings_only_what_is_new(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    let server = world.serve(&Setup::default());
    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
    let before = world.clone_at("copy/.git").count_objects();
    let new = repository.commit("main", "README", b"hello again\n");
    world.within("copy").run(["fetch", "--quiet"]);
    let copy = world.clone_at("copy/.git");
    assert_eq!(copy.oid("origin/main"), new);
    // A commit, a tree and a blob.
    assert_eq!(copy.count_objects(), before + 3);
}

fn without_news_brings_nothing(cell: Cell) {
    let world = World::new(cell);
    world.small("app.git");
    let server = world.serve(&Setup::default());
    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
    let outcome = world.within("copy").attempt(["fetch"]).succeeded();
    assert_eq!(outcome.stderr, "");
}

fn prune_drops_deleted_branches(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    let server = world.serve(&Setup::default());
    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
    repository.git().run(["branch", "--quiet", "-D", "side"]);
    world.within("copy").run(["fetch", "--quiet", "--prune"]);
    assert!(!world.clone_at("copy/.git").has("origin/side"));
}

fn of_an_oid_brings_that_commit(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    repository.set("uploadpack.allowReachableSHA1InWant", "true");
    let server = world.serve(&Setup::default());
    let oid = repository.oid("main~1");
    world.git().run([
        "init",
        "--quiet",
        "--bare",
        &format!("--object-format={}", cell.format.name()),
        "copy",
    ]);
    let url = server.url("app.git");
    world.within("copy").run(["fetch", "--quiet", &url, &format!("{oid}:refs/heads/old")]);
    assert_eq!(world.clone_at("copy").oid("old"), oid);
}

fn of_a_missing_ref_says_so(cell: Cell) {
    let world = World::new(cell);
    world.small("app.git");
    let server = world.serve(&Setup::default());
    world.git().run([
        "init",
        "--quiet",
        "--bare",
        &format!("--object-format={}", cell.format.name()),
        "copy",
    ]);
    let outcome = world.within("copy").refused(["fetch", &server.url("app.git"), "nowhere"]);
    outcome.says("couldn't find remote ref nowhere");
}

fn ls_remote_shows_every_ref(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    let server = world.serve(&Setup::default());
    let shown = world.git().run(["ls-remote", "--symref", &server.url("app.git")]);
    let main = repository.oid("main");
    assert!(shown.starts_with(&format!("ref: refs/heads/main\tHEAD\n{main}\tHEAD\n")), "{shown}");
    assert!(shown.contains(&format!("{}\trefs/tags/v1^{{}}", repository.oid("v1^{}"))), "{shown}");
    assert_eq!(shown.lines().count(), 1 + 1 + 2 + 3, "{shown}");
}

fn after_unrelated_commits_of_its_own_negotiates(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    let server = world.serve(&Setup::default());
    world.git().run(["clone", "--quiet", "--bare", &server.url("app.git"), "copy"]);
    let copy = world.clone_at("copy");
    // More haves than fit into the first rounds, none of which the server knows.
    for n in 0..3 {
        copy.add_branches(60 * (n + 1));
        let new = repository.commit("main", "round", n.to_string().as_bytes());
        copy.git().run(["fetch", "--quiet", "origin", "main:main"]);
        assert_eq!(copy.oid("main"), new);
    }
}
