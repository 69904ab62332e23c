//! `gitwasi passwd`: users and their password hashes in the access file.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use e2e::{Setup, World};

use crate::{assert_one_line, gitwasi};

#[test]
fn writes_a_hash_that_lets_the_user_in() {
    let world = World::default();
    world.small("app.git");
    let file = world.beside("access.toml");
    let path = file.to_str().unwrap();
    fs::write(&file, "# our people\n[users.alice]\nwrite = [\"**\"] # everything\n").unwrap();
    let _ = gitwasi(["passwd", "--access-file", path, "alice"], "hunter2\n").succeeded();
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("# our people") && text.contains("# everything"), "{text}");
    assert!(text.contains("$argon2id$") && !text.contains("hunter2"), "{text}");
    let server = world.serve(&Setup::default().arguments(["--access-file", path]));
    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
    let push = |password| {
        let url = server.url_as("alice", password, "app.git");
        world.within("copy").attempt(["push", "--quiet", &url, "main:new"])
    };
    let _ = push("hunter1").failed();
    let _ = push("hunter2").succeeded();
}

#[test]
fn replaces_the_hash_of_a_known_user_and_keeps_the_others() {
    let world = World::default();
    let file = world.beside("access.toml");
    let path = file.to_str().unwrap();
    for (user, password) in [("alice", "one\n"), ("bob", "two\n")] {
        let _ = gitwasi(["passwd", "--access-file", path, user], password).succeeded();
    }
    let before = fs::read_to_string(&file).unwrap();
    let _ = gitwasi(["passwd", "--access-file", path, "alice"], "three\n").succeeded();
    let after = fs::read_to_string(&file).unwrap();
    assert_ne!(before, after);
    let hash = |text: &str, user: &str| {
        let rest = text.split(&format!("[users.{user}]")).nth(1).unwrap().to_owned();
        rest.lines().find(|line| line.contains("$argon2id$")).unwrap().to_owned()
    };
    assert_ne!(hash(&before, "alice"), hash(&after, "alice"));
    assert_eq!(hash(&before, "bob"), hash(&after, "bob"));
}

#[test]
fn new_file_is_its_owners_alone() {
    let world = World::default();
    let file = world.beside("access.toml");
    let path = file.to_str().unwrap();
    let _ = gitwasi(["passwd", "--access-file", path, "alice"], "one\n").succeeded();
    let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

#[test]
fn impossible_passwords_and_names_change_nothing() {
    let world = World::default();
    let file = world.beside("access.toml");
    let path = file.to_str().unwrap();
    fs::write(&file, "# as it was\n").unwrap();
    for (user, password) in [("alice", ""), ("alice", "\n"), ("", "x\n"), ("a:b", "x\n")] {
        let outcome = gitwasi(["passwd", "--access-file", path, user], password);
        assert_one_line(&outcome, &[]);
        assert_eq!(fs::read_to_string(&file).unwrap(), "# as it was\n", "{user:?} {password:?}");
    }
}
