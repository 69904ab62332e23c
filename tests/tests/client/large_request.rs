//! Requests that the client compresses, and requests that it sends in chunks.

use e2e::cell::Scenario;
use e2e::{Cell, Repository, Setup, World, scenario};

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
    // Nothing is common, so that the client offers more and more haves in each round; the buffer
    // is as small as git lets it be.
    let other = Repository::bare(world.git(), &world.work().join("lonely.git"), cell.format);
    other.add_branches(4000);
    let git = other.git().config("http.postBuffer", "70000");
    let git = git.env("GIT_TRACE_CURL", "2").env("GIT_TRACE_CURL_NO_DATA", "1");
    let fetch = ["fetch", "--quiet", &server.url("app.git"), "main:main"];
    git.attempt(fetch).succeeded().says("Transfer-Encoding: chunked");
    assert_eq!(other.oid("main"), repository.oid("main"));
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
