//! `gitwasi init`: a bare repository that can be pushed to.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use e2e::{Setup, World, command, server};

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

#[test]
fn makes_what_git_makes_but_without_git() {
    let world = World::default();
    let root = world.root().to_str().unwrap();
    for format in ["sha1", "sha256"] {
        let mut init = Command::new(server::gitwasi_binary());
        init.args(["init", format, "--root", root, "--object-format", format]);
        let _ = command::run(init.env("PATH", "/nowhere"), b"").succeeded();
        let (ours, gits) = (format!("{root}/{format}.git"), format!("{root}/{format}-git.git"));
        let bare = format!("--object-format={format}");
        world.git().run(["init", "--quiet", "--bare", "--initial-branch=main", &bare, &gits]);
        let listed = |path: &str| world.git().run(["-C", path, "config", "--list", "--local"]);
        let sorted = |text: String| BTreeSet::from_iter(text.lines().map(str::to_owned));
        assert_eq!(sorted(listed(&ours)), sorted(listed(&gits)));
        for file in ["HEAD", "description"] {
            let [ours, gits] =
                [&ours, &gits].map(|path| fs::read(format!("{path}/{file}")).unwrap());
            assert_eq!(ours, gits, "{file}");
        }
        for directory in ["objects/info", "objects/pack", "refs/heads", "refs/tags"] {
            assert!(Path::new(&ours).join(directory).is_dir(), "{directory}");
        }
        world.git().run(["-C", &ours, "fsck", "--strict"]);
        assert_eq!(
            world.git().run(["-C", &ours, "rev-parse", "--show-object-format"]).trim(),
            format
        );
    }
    let left = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().starts_with('.')));
}

#[test]
fn makes_nothing_inside_a_repository() {
    let world = World::default();
    let repository = world.small("app.git");
    let before = e2e::tree::Tree::read(repository.path());
    let root = world.root().to_str().unwrap();
    let outcome = gitwasi(["init", "app.git/refs/new", "--root", root], "");
    crate::assert_one_line(&outcome, &["app.git"]);
    before.assert_unchanged(repository.path());
}
