//! Requests of somebody who wants to see what is outside the root, or the server down.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod paths;
mod pkt_lines;
mod random_requests;
mod symlinks;

use std::fs;

use e2e::{Repository, Response, Server, Setup, World};

/// What lies outside the root and must not be in any response.
const CANARY: &str = "the canary 6f1d2c outside the root";

/// A root with a repository, and around it whatever must not be read.
fn world(setup: &Setup) -> (World, Repository, Server) {
    let world = World::default();
    let repository = world.small("app.git");
    fs::write(world.beside("canary"), CANARY).unwrap();
    fs::write(world.root().join("plain-file"), CANARY).unwrap();
    // A repository outside, whose HEAD and objects would tell.
    let outside = world.small("../outside.git");
    fs::write(
        outside.path().join("HEAD"),
        format!("ref: refs/heads/{}\n", CANARY.replace(' ', "-")),
    )
    .unwrap();
    fs::write(outside.path().join("description"), CANARY).unwrap();
    fs::write(repository.path().join("description"), CANARY).unwrap();
    let server = world.serve(setup);
    (world, repository, server)
}

/// Panics if a response shows what it must not, or puts the blame on the server.
#[track_caller]
fn assert_harmless(what: &str, response: &Response) {
    let shown = format!("{:?}{}", response.headers, response.text());
    for secret in [CANARY, &CANARY.replace(' ', "-"), "root:x:0:0", "gw-e2e-"] {
        assert!(!shown.contains(secret), "{what}: {response:?}");
    }
    assert!(response.status < 500, "{what}: {response:?}");
}
