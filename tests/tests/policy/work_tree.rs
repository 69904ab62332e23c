//! `receive.denyCurrentBranch = updateInstead`: a push changes what is checked out, and nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use e2e::tree::Tree;
use e2e::{Backend, Cell, Server, Setup, World};

/// A site with one commit, which is checked out, and a copy of it: below the root, or as the root.
fn site(backend: Backend, below: &str) -> (World, PathBuf, Server) {
    let world = World::new(Cell { backend, ..Cell::DEFAULT });
    let site = world.root().join(below);
    fs::create_dir_all(&site).unwrap();
    let git = world.git().within(&site);
    git.run(["init", "--quiet", "--initial-branch", "main"]);
    fs::write(site.join("page"), "one\n").unwrap();
    git.run(["add", "page"]);
    git.run(["commit", "--quiet", "--message", "one"]);
    git.run(["config", "receive.denyCurrentBranch", "updateInstead"]);
    let server = world.serve(&Setup::default().allow_push());
    let name = site.file_name().unwrap().to_str().unwrap();
    world.git().run(["clone", "--quiet", &server.url(name), "copy"]);
    (world, site, server)
}

/// Commits all that is in the copy, and pushes it.
fn push(world: &World) -> e2e::Outcome {
    let copy = world.within("copy");
    copy.run(["add", "--all"]);
    copy.run(["commit", "--quiet", "--message", "more"]);
    copy.attempt(["push", "--quiet", "origin", "main"])
}

#[test]
fn is_updated() {
    for backend in [Backend::Gitwasi, Backend::GitProcess] {
        let (world, site, _server) = site(backend, "");
        let copy = world.work().join("copy");
        fs::write(copy.join("page"), "two\n").unwrap();
        fs::create_dir(copy.join("bin")).unwrap();
        fs::write(copy.join("bin/run"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(copy.join("bin/run"), fs::Permissions::from_mode(0o755)).unwrap();
        let _ = push(&world).succeeded();
        assert_eq!(fs::read_to_string(site.join("page")).unwrap(), "two\n");
        assert_eq!(fs::metadata(site.join("bin/run")).unwrap().permissions().mode() & 0o100, 0o100);
        assert_eq!(world.git().within(&site).run(["status", "--short"]), "");
    }
}

#[test]
fn is_left_alone_when_somebody_works_in_it() {
    let (world, site, _server) = site(Backend::Gitwasi, "");
    fs::write(site.join("page"), "by hand\n").unwrap();
    fs::write(world.work().join("copy/page"), "two\n").unwrap();
    push(&world).failed().says("Working directory has unstaged changes");
    assert_eq!(fs::read_to_string(site.join("page")).unwrap(), "by hand\n");
}

#[test]
fn gets_no_link_that_could_lead_elsewhere() {
    let (world, site, _server) = site(Backend::Gitwasi, "");
    std::os::unix::fs::symlink("/etc", world.work().join("copy/link")).unwrap();
    let _ = push(&world).succeeded();
    assert!(fs::symlink_metadata(site.join("link")).unwrap().is_file());
}

#[test]
fn is_the_only_thing_beside_the_repository_that_git_may_write_to() {
    let (world, site, _server) = site(Backend::Gitwasi, "");
    let elsewhere = world.beside("elsewhere");
    let linked = ["worktree", "add", "--quiet", "-b", "linked", elsewhere.to_str().unwrap()];
    world.git().within(&site).run(linked);
    fs::write(world.work().join("copy/page"), "two\n").unwrap();
    let _ = push(&world).succeeded();
    let linked = ["push", "--quiet", "origin", "main:linked"];
    world.within("copy").attempt(linked).failed().says("remote rejected");
    assert_eq!(fs::read_to_string(elsewhere.join("page")).unwrap(), "one\n");
    assert_eq!(fs::read_to_string(site.join("page")).unwrap(), "two\n");
}

#[test]
fn is_not_updated_without_git() {
    let (world, site, _server) = site(Backend::Engine, "");
    fs::write(world.work().join("copy/page"), "two\n").unwrap();
    push(&world).failed().says("branch is currently checked out");
    assert_eq!(fs::read_to_string(site.join("page")).unwrap(), "one\n");
}

#[test]
fn is_not_updated_where_others_are_served() {
    for backend in [Backend::Gitwasi, Backend::GitProcess] {
        let (world, site, _server) = site(backend, "site");
        let secret = world.small("secret.git");
        let inner = world.work().join("copy/inner.git");
        for (name, content) in [
            ("HEAD", "ref: refs/heads/main\n".to_owned()),
            ("refs/keep", String::new()),
            ("objects/info/alternates", format!("{}/objects\n", secret.path().display())),
        ] {
            let path = inner.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let before = Tree::read(&site);
        push(&world).failed().says("branch is currently checked out");
        before.assert_unchanged(&site);
    }
}
