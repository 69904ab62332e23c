//! Shallow clones and how they grow.

use e2e::cell::Scenario;
use e2e::{Cell, Repository, Server, Setup, World, scenario};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(clone_has_the_depth_asked_for),
    scenario!(fetch_deepens),
    scenario!(fetch_unshallows),
    scenario!(clone_since_a_date_stops_there),
    scenario!(clone_without_a_tag_excludes_its_history),
    scenario!(push_from_a_shallow_clone_is_whole),
    scenario!(push_beside_what_others_have_pushed_is_whole),
];

fn world(cell: Cell) -> (World, Repository, Server) {
    let world = World::new(cell);
    let repository = world.empty("app.git");
    repository.add_history(6);
    let server = world.serve(&Setup::default().allow_push());
    world.git().run(["clone", "--quiet", "--depth=2", &server.url("app.git"), "copy"]);
    (world, repository, server)
}

fn depth(repository: &Repository) -> usize {
    repository.git().run(["rev-list", "--count", "refs/remotes/origin/main"]).parse().unwrap()
}

fn clone_has_the_depth_asked_for(cell: Cell) {
    let (world, repository, _server) = world(cell);
    let copy = world.clone_at("copy/.git");
    assert_eq!(depth(&copy), 2);
    assert_eq!(copy.oid("origin/main"), repository.oid("main"));
    copy.fsck();
}

fn fetch_deepens(cell: Cell) {
    let (world, _repository, _server) = world(cell);
    world.within("copy").run(["fetch", "--quiet", "--deepen=2"]);
    assert_eq!(depth(&world.clone_at("copy/.git")), 4);
    world.within("copy").run(["fetch", "--quiet", "--depth=1"]);
    assert_eq!(depth(&world.clone_at("copy/.git")), 1);
}

fn fetch_unshallows(cell: Cell) {
    let (world, repository, _server) = world(cell);
    world.within("copy").run(["fetch", "--quiet", "--unshallow"]);
    let copy = world.clone_at("copy/.git");
    assert_eq!(copy.git().run(["rev-parse", "--is-shallow-repository"]), "false");
    assert_eq!(copy.count_objects(), repository.count_objects());
}

fn clone_since_a_date_stops_there(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    // Every other commit is of 2005.
    let late = repository.git().env("GIT_COMMITTER_DATE", "1500000000 +0000");
    let oid = late.run(["commit-tree", "-p", "main", "-m", "late", "main^{tree}"]);
    repository.git().run(["update-ref", "refs/heads/main", &oid]);
    let server = world.serve(&Setup::default());
    world.git().run([
        "clone",
        "--quiet",
        "--shallow-since=2016-01-01",
        &server.url("app.git"),
        "copy",
    ]);
    assert_eq!(depth(&world.clone_at("copy/.git")), 1);
}

fn clone_without_a_tag_excludes_its_history(cell: Cell) {
    let (world, repository, server) = world(cell);
    repository.git().run(["tag", "old", "main~3"]);
    world.git().run(["clone", "--quiet", "--shallow-exclude=old", &server.url("app.git"), "other"]);
    assert_eq!(depth(&world.clone_at("other/.git")), 3);
}

fn push_from_a_shallow_clone_is_whole(cell: Cell) {
    let (world, repository, _server) = world(cell);
    let new = world.clone_at("copy/.git").commit("main", "new", b"new\n");
    world.within("copy").run(["push", "--quiet", "origin", "main"]);
    assert_eq!(repository.oid("main"), new);
    repository.fsck();
}

fn push_beside_what_others_have_pushed_is_whole(cell: Cell) {
    let (world, repository, _server) = world(cell);
    let copy = world.clone_at("copy/.git");
    copy.git().run(["branch", "--no-track", "feature", "main"]);
    let new = copy.commit("feature", "new", b"new\n");
    repository.commit("main", "other", b"other\n");
    // Cuts the client's history a second time, above where the branch begins.
    world.within("copy").run(["fetch", "--quiet", "--depth=1"]);
    world.within("copy").run(["push", "--quiet", "origin", "feature"]);
    assert_eq!(repository.oid("feature"), new);
    assert_eq!(repository.git().run(["rev-parse", "--is-shallow-repository"]), "false");
    repository.fsck();
}
