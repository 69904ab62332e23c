//! Pushes of every kind of ref update.

use e2e::cell::Scenario;
use e2e::http::pkt_line;
use e2e::tree::Tree;
use e2e::{Cell, Repository, Request, Server, Setup, World, scenario};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(updates_a_branch),
    scenario!(creates_a_branch),
    scenario!(deletes_a_branch),
    scenario!(of_tags_stores_annotated_and_light_ones),
    scenario!(that_does_not_fast_forward_is_rejected_unless_forced),
    scenario!(with_a_stale_lease_is_rejected),
    scenario!(into_an_empty_repository_fills_it),
    scenario!(of_a_mirror_makes_both_equal),
    scenario!(refused_by_the_repository_says_why),
    scenario!(is_refused_by_default),
    scenario!(of_a_broken_pack_leaves_the_repository_as_it_was),
];

fn world(cell: Cell) -> (World, Repository, Server) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    let server = world.serve(&Setup::default().allow_push());
    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
    (world, repository, server)
}

fn updates_a_branch(cell: Cell) {
    let (world, repository, _server) = world(cell);
    let new = world.clone_at("copy/.git").commit("main", "new", b"new\n");
    world.within("copy").run(["push", "--quiet", "origin", "main"]);
    assert_eq!(repository.oid("refs/heads/main"), new);
    repository.fsck();
}

fn creates_a_branch(cell: Cell) {
    let (world, repository, _server) = world(cell);
    let new = world.clone_at("copy/.git").commit("feature/one", "new", b"new\n");
    let outcome = world.within("copy").attempt(["push", "origin", "feature/one"]).succeeded();
    outcome.says("* [new branch]");
    assert_eq!(repository.oid("refs/heads/feature/one"), new);
}

fn deletes_a_branch(cell: Cell) {
    let (world, repository, _server) = world(cell);
    world.within("copy").run(["push", "--quiet", "origin", ":side"]);
    assert!(!repository.has("refs/heads/side"));
    assert!(repository.has("refs/heads/main"));
}

fn of_tags_stores_annotated_and_light_ones(cell: Cell) {
    let (world, repository, _server) = world(cell);
    let copy = world.within("copy");
    copy.run(["tag", "-a", "-m", "second", "v2"]);
    copy.run(["tag", "plain"]);
    copy.run(["push", "--quiet", "--tags"]);
    assert_eq!(repository.git().run(["cat-file", "-t", "refs/tags/v2"]), "tag");
    assert_eq!(repository.oid("v2^{}"), repository.oid("main"));
    assert_eq!(repository.oid("plain"), repository.oid("main"));
}

fn that_does_not_fast_forward_is_rejected_unless_forced(cell: Cell) {
    let (world, repository, _server) = world(cell);
    let copy = world.within("copy");
    let (old, other) = (repository.oid("main"), repository.oid("side"));
    copy.refused(["push", "origin", "origin/side:main"]).says("[rejected]");
    assert_eq!(repository.oid("main"), old);
    copy.run(["push", "--quiet", "--force", "origin", "origin/side:main"]);
    assert_eq!(repository.oid("main"), other);
}

fn with_a_stale_lease_is_rejected(cell: Cell) {
    let (world, repository, _server) = world(cell);
    let moved = repository.commit("main", "meanwhile", b"by somebody else\n");
    let copy = world.within("copy");
    copy.refused(["push", "--force-with-lease", "origin", "origin/side:main"]).says("stale info");
    assert_eq!(repository.oid("main"), moved);
}

fn into_an_empty_repository_fills_it(cell: Cell) {
    let (world, repository, server) = world(cell);
    let empty = world.empty("empty.git");
    world.within("copy").run(["push", "--quiet", &server.url("empty.git"), "main", "v1"]);
    assert_eq!(empty.oid("main"), repository.oid("main"));
    assert_eq!(empty.oid("v1"), repository.oid("v1"));
    empty.fsck();
}

fn of_a_mirror_makes_both_equal(cell: Cell) {
    let (world, repository, server) = world(cell);
    let other = world.empty("other.git");
    other.commit("gone", "gone", b"gone\n");
    world.git().run(["clone", "--quiet", "--mirror", &server.url("app.git"), "mirror"]);
    world.within("mirror").run(["push", "--quiet", "--mirror", &server.url("other.git")]);
    assert_eq!(other.refs(), repository.refs());
}

fn refused_by_the_repository_says_why(cell: Cell) {
    let (world, repository, _server) = world(cell);
    repository.set("receive.denyDeletes", "true");
    let outcome = world.within("copy").refused(["push", "origin", ":side"]);
    outcome.says("deletion prohibited");
    assert!(repository.has("side"));
}

fn is_refused_by_default(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    let server = world.serve(&Setup::default());
    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
    world.clone_at("copy/.git").commit("main", "new", b"new\n");
    let before = Tree::read(repository.path());
    let outcome = world.within("copy").refused(["push", "origin", "main"]);
    outcome.says("The requested URL returned error: 403");
    before.assert_unchanged(repository.path());
}

fn of_a_broken_pack_leaves_the_repository_as_it_was(cell: Cell) {
    let (world, repository, server) = world(cell);
    // An object that refers to nothing passes the client, and fails the connectivity check.
    let copy = world.within("copy");
    let (zero, new) = ("0".repeat(copy.run(["rev-parse", "main"]).len()), "1".repeat(40));
    let before = Tree::read(repository.path());
    let command = format!(
        "{zero} {} refs/heads/new\0 report-status object-format={}",
        &new.repeat(2)[..zero.len()],
        cell.format.name()
    );
    let pack = copy.feed(["pack-objects", "--stdout", "--quiet"], b"").succeeded().stdout;
    let body = [pkt_line(&command).as_bytes(), b"0000", &pack].concat();
    let path = format!("{}/app.git", server.base_path());
    let response = server.ask(&Request::service(&path, "git-receive-pack", &body)).expect(200);
    assert!(
        response.text().contains("ng refs/heads/new missing necessary objects"),
        "{response:?}"
    );
    before.assert_unchanged(repository.path());
}
