//! A git client of another make: dulwich, which shares no code with git.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::process::Command;

use e2e::{Outcome, Setup, World, command, python};

/// Runs `python -m dulwich`, or a script that uses it.
fn dulwich(world: &World, arguments: &[&str]) -> Outcome {
    let mut command = Command::new(python::dulwich());
    command.args(arguments).current_dir(world.work()).env("HOME", world.beside("home"));
    for variable in ["EMAIL", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"] {
        command.env(variable, "author@example.com");
    }
    command.env("GIT_AUTHOR_NAME", "A U Thor").env("GIT_COMMITTER_NAME", "A U Thor");
    command::run(&mut command, b"")
}

#[test]
fn clones_everything() {
    let world = World::default();
    let repository = world.small("app.git");
    let server = world.serve(&Setup::default());
    let _ =
        dulwich(&world, &["-m", "dulwich", "clone", &server.url("app.git"), "copy"]).succeeded();
    let copy = world.clone_at("copy/.git");
    assert_eq!(copy.oid("HEAD"), repository.oid("main"));
    assert_eq!(copy.oid("refs/remotes/origin/side"), repository.oid("side"));
    assert_eq!(copy.oid("v1"), repository.oid("v1"));
    copy.fsck();
}

#[test]
fn clones_shallowly() {
    let world = World::default();
    world.small("app.git");
    let server = world.serve(&Setup::default());
    let clone = ["-m", "dulwich", "clone", "--depth", "1", &server.url("app.git"), "copy"];
    let _ = dulwich(&world, &clone).succeeded();
    assert_eq!(world.within("copy").run(["rev-list", "--count", "HEAD"]), "1");
}

#[test]
fn fetches_what_is_new() {
    let world = World::default();
    let repository = world.small("app.git");
    let server = world.serve(&Setup::default());
    let url = server.url("app.git");
    let _ = dulwich(&world, &["-m", "dulwich", "clone", &url, "copy"]).succeeded();
    let new = repository.commit("main", "new", b"new\n");
    let script = format!("from dulwich import porcelain; porcelain.fetch('copy', {url:?})");
    let _ = dulwich(&world, &["-c", &script]).succeeded();
    assert!(world.clone_at("copy/.git").has(&new));
}

/// Commits a file with dulwich and pushes it.
const PUSH: &str = "
import sys
from dulwich import porcelain
url, branch = sys.argv[1:]
open('copy/new', 'wb').write(b'new\\n' * 50000)
porcelain.add('copy', ['copy/new'])
porcelain.commit('copy', b'by dulwich', author=b'A <a@example.com>', committer=b'A <a@example.com>')
porcelain.push('copy', url, 'refs/heads/main:refs/heads/' + branch)
";

#[test]
fn pushes_an_update_and_a_new_branch() {
    let world = World::default();
    let repository = world.small("app.git");
    let server = world.serve(&Setup::default().allow_push());
    let url = server.url("app.git");
    let _ = dulwich(&world, &["-m", "dulwich", "clone", &url, "copy"]).succeeded();
    for branch in ["main", "from-dulwich"] {
        let _ = dulwich(&world, &["-c", PUSH, &url, branch]).succeeded();
        assert_eq!(repository.oid(branch), world.clone_at("copy/.git").oid("main"));
    }
    repository.fsck();
}

#[test]
fn pushes_with_a_password_and_not_without() {
    let world = World::default();
    let repository = world.small("app.git");
    let server = world.serve(&Setup::default().user("alice", "secret"));
    let url = server.url("app.git");
    let _ = dulwich(&world, &["-m", "dulwich", "clone", &url, "copy"]).succeeded();
    let _ = dulwich(&world, &["-c", PUSH, &url, "main"]).failed();
    let url = server.url_as("alice", "secret", "app.git");
    let _ = dulwich(&world, &["-c", PUSH, &url, "main"]).succeeded();
    assert_eq!(repository.oid("main"), world.clone_at("copy/.git").oid("main"));
}
