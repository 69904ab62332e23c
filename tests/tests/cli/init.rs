//! `gitwasi init`: a bare repository that can be pushed to.

use std::fs;

use e2e::{Setup, World};

use crate::gitwasi;

#[test]
fn makes_a_repository_that_can_be_pushed_to() {
    let world = World::default();
    let root = world.root().to_str().unwrap();
    let _ = gitwasi(["init", "team/new", "--root", root], "").succeeded();
    let server = world.serve(&Setup::default().allow_push());
    let source = world.small("../source.git");
    source.git().run(["push", "--quiet", &server.url("team/new.git"), "main"]);
    world.git().run(["clone", "--quiet", &server.url("team/new"), "copy"]);
    assert_eq!(world.clone_at("copy/.git").oid("main"), source.oid("main"));
}

#[test]
fn says_what_it_made() {
    let world = World::default();
    let root = world.root().to_str().unwrap();
    let outcome = gitwasi(["init", "new", "--root", root], "").succeeded();
    let said = format!("{}{}", outcome.text(), outcome.stderr);
    assert!(said.contains("new"), "{outcome:?}");
}

#[test]
fn leaves_an_existing_repository_alone() {
    let world = World::default();
    let repository = world.small("app.git");
    let before = e2e::tree::Tree::read(repository.path());
    let root = world.root().to_str().unwrap();
    let outcome = gitwasi(["init", "app", "--root", root], "");
    crate::assert_one_line(&outcome, &["app"]);
    before.assert_unchanged(repository.path());
}

#[test]
fn makes_nothing_outside_the_root() {
    let world = World::default();
    let root = world.root().to_str().unwrap();
    for name in ["../out", "/tmp/gitwasi-e2e-out", "a/../../out", "", "."] {
        let outcome = gitwasi(["init", name, "--root", root], "");
        assert_ne!(outcome.code, Some(0), "{name:?}: {outcome:?}");
    }
    assert!(!world.beside("out").exists() && !world.beside("out.git").exists());
    assert_eq!(fs::read_dir(root).unwrap().count(), 0);
}
