//! Hooks: a pushed repository's programs do not run unless the operator says so.

use std::fs;

use e2e::tree::Tree;
use e2e::{Outcome, Repository, Setup, World};

pub(crate) fn hook(repository: &Repository, name: &str, script: &str) {
    let path = repository.path().join("hooks").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    e2e::command::write_program(&path, &format!("#!/bin/sh\n{script}\n"));
}

fn push(world: &World, setup: &Setup, options: &[&str]) -> Outcome {
    let server = world.serve(setup);
    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
    world.clone_at("copy/.git").commit("main", "new", b"new\n");
    let push = ["push"].iter().chain(options).chain(&["origin", "main"]);
    world.within("copy").attempt(push)
}

#[test]
fn do_not_run_by_default() {
    let world = World::default();
    let repository = world.small("app.git");
    for name in ["pre-receive", "update", "post-receive", "post-update", "reference-transaction"] {
        hook(&repository, name, "touch ran; exit 1");
    }
    let _ = push(&world, &Setup::default().allow_push(), &[]).succeeded();
    assert!(!repository.path().join("ran").exists());
    assert_eq!(repository.oid("main"), world.clone_at("copy/.git").oid("main"));
}

#[test]
fn do_not_run_from_where_the_configuration_points() {
    let world = World::default();
    let repository = world.small("app.git");
    hook(&repository, "pre-receive", "touch ran; exit 1");
    repository.set("core.hooksPath", "hooks");
    let _ = push(&world, &Setup::default().allow_push(), &[]).succeeded();
    assert!(!repository.path().join("ran").exists());
}

#[test]
fn run_when_they_are_on_and_their_words_reach_the_pusher() {
    let world = World::default();
    let repository = world.small("app.git");
    hook(&repository, "post-receive", "cat >received; echo thank you; echo and bye >&2");
    let setup = Setup::default().allow_push().arguments(["--hooks", "on"]);
    let outcome = push(&world, &setup, &[]).succeeded();
    outcome.says("remote: thank you");
    outcome.says("remote: and bye");
    let received = fs::read_to_string(repository.path().join("received")).unwrap();
    assert!(received.ends_with(" refs/heads/main\n"), "{received}");
}

#[test]
fn are_told_who_pushes_and_from_where() {
    let world = World::default();
    let repository = world.small("app.git");
    hook(&repository, "update", "echo \"$REMOTE_USER from $REMOTE_ADDR\"");
    let setup = Setup::default().user("ada", "secret").arguments(["--hooks", "on"]);
    let server = world.serve(&setup);
    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
    world.clone_at("copy/.git").commit("main", "new", b"new\n");
    let url = server.url_as("ada", "secret", "app.git");
    let outcome = world.within("copy").attempt(["push", &url, "main"]).succeeded();
    outcome.says("remote: ada from 127.0.0.1");
}

#[test]
fn refusal_by_pre_receive_leaves_the_repository_as_it_was() {
    let world = World::default();
    let repository = world.small("app.git");
    hook(&repository, "pre-receive", "echo not on a Sunday; exit 1");
    let before = Tree::read(repository.path());
    let setup = Setup::default().allow_push().arguments(["--hooks", "on"]);
    let outcome = push(&world, &setup, &[]).failed();
    outcome.says("remote: not on a Sunday");
    outcome.says("pre-receive hook declined");
    before.assert_unchanged(repository.path());
}

#[test]
fn get_the_push_options_and_the_principal() {
    let world = World::default();
    let repository = world.small("app.git");
    repository.set("receive.advertisePushOptions", "true");
    hook(&repository, "post-receive", "env >environment");
    let setup = Setup::default().allow_push().arguments(["--hooks", "on"]);
    let _ = push(&world, &setup, &["-o", "first", "-o", "a=b; $(x)"]).succeeded();
    let environment = fs::read_to_string(repository.path().join("environment")).unwrap();
    for line in
        ["GIT_PUSH_OPTION_COUNT=2", "GIT_PUSH_OPTION_0=first", "GIT_PUSH_OPTION_1=a=b; $(x)"]
    {
        assert!(environment.lines().any(|found| found == line), "{line} in {environment}");
    }
}

#[test]
fn run_inside_the_sandbox() {
    let world = World::default();
    let repository = world.small("app.git");
    let neighbour = world.small("neighbour.git");
    hook(
        &repository,
        "pre-receive",
        &format!(
            "cat {0}/HEAD && echo could read a neighbour; cat /etc/passwd && echo could read passwd; \
             echo x 2>/dev/null >{0}/written && echo could write a neighbour; exit 0",
            neighbour.path().display()
        ),
    );
    let setup = Setup::default().allow_push().arguments(["--hooks", "on", "--sandbox", "require"]);
    let outcome = push(&world, &setup, &[]).succeeded();
    assert!(!outcome.stderr.contains("could"), "{outcome:?}");
    assert!(!neighbour.path().join("written").exists());
}
