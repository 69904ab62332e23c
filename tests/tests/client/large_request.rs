//! Requests that the client compresses, and requests that it sends in chunks.

use e2e::cell::Scenario;
use e2e::{Cell, Protocol, Setup, World, scenario};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(wants_of_many_refs_are_sent_compressed),
    scenario!(haves_beyond_the_post_buffer_are_sent_chunked),
    scenario!(push_beyond_the_post_buffer_is_sent_chunked),
    scenario!(push_beyond_the_post_buffer_is_authenticated_first).once(),
];

fn wants_of_many_refs_are_sent_compressed(cell: Cell) {
    let world = World::new(cell);
    let repository = world.empty("app.git");
    repository.add_branches(400);
    let server = world.serve(&Setup::default());
    let git = world.git().env("GIT_TRACE_CURL", "2").env("GIT_TRACE_CURL_NO_DATA", "1");
    let clone = ["clone", "--quiet", "--mirror", &server.url("app.git"), "copy"];
    git.attempt(clone).succeeded().says("Content-Encoding: gzip");
    assert_eq!(world.clone_at("copy").refs(), repository.refs());
}

fn haves_beyond_the_post_buffer_are_sent_chunked(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    let server = world.serve(&Setup::default());
    world.git().run(["clone", "--quiet", "--mirror", &server.url("app.git"), "copy"]);
    world.clone_at("copy").add_branches(500);
    let new = repository.commit("main", "new", b"new\n");
    let git = world.within("copy").env("GIT_TRACE_CURL", "2").env("GIT_TRACE_CURL_NO_DATA", "1");
    let git = git.config("http.postBuffer", "2000");
    let outcome = git.attempt(["fetch", "--quiet", "origin", "+refs/heads/main:main"]).succeeded();
    // In version 2 each round's request is small enough; only its capabilities repeat.
    if cell.protocol != Protocol::V2 {
        outcome.says("Transfer-Encoding: chunked");
    }
    assert_eq!(world.clone_at("copy").oid("main"), new);
}

fn push_beyond_the_post_buffer_is_sent_chunked(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    let server = world.serve(&Setup::default().allow_push());
    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
    world.clone_at("copy/.git").add_incompressible(300_000);
    let git = world.within("copy").config("http.postBuffer", "65536");
    let git = git.env("GIT_TRACE_CURL", "2").env("GIT_TRACE_CURL_NO_DATA", "1");
    let outcome = git.attempt(["push", "--quiet", "origin", "big"]).succeeded();
    outcome.says("Transfer-Encoding: chunked");
    repository.fsck();
    assert_eq!(repository.oid("big"), world.clone_at("copy/.git").oid("big"));
}

fn push_beyond_the_post_buffer_is_authenticated_first(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    let server = world.serve(&Setup::default().user("alice", "secret"));
    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
    world.clone_at("copy/.git").add_incompressible(300_000);
    let git = world.within("copy").config("http.postBuffer", "65536");
    let url = server.url_as("alice", "secret", "app.git");
    git.run(["push", "--quiet", &url, "big"]);
    assert_eq!(repository.oid("big"), world.clone_at("copy/.git").oid("big"));
}
