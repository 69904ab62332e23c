//! `--config`: the same names in a file.

use std::fs;

use e2e::server::Gitwasi;
use e2e::{Setup, World};

use crate::{assert_one_line, gitwasi};

#[test]
fn file_says_what_flags_say_and_flags_go_before_it() {
    let world = World::default();
    world.small("app.git");
    let file = world.beside("gitwasi.toml");
    let root = world.root().to_str().unwrap();
    fs::write(
        &file,
        format!("root = {root:?}\nlisten = [\"127.0.0.1:0\"]\nallow-push = true\nbase-path = \"/file\"\n"),
    )
    .unwrap();
    let config = ["--config", file.to_str().unwrap()];
    let server = Gitwasi::with_arguments(config, &Setup::default()).unwrap();
    let url = format!("http://{}/file/app.git", server.address());
    world.git().run(["clone", "--quiet", &url, "copy"]);
    world.within("copy").run(["push", "--quiet", "origin", "main:new"]);
    let flags = ["--base-path", "/flag"].into_iter().chain(config);
    let server = Gitwasi::with_arguments(flags, &Setup::default()).unwrap();
    world.git().run(["ls-remote", &format!("http://{}/flag/app.git", server.address())]);
}

#[test]
fn unknown_and_malformed_keys_are_one_line() {
    let world = World::default();
    let file = world.beside("gitwasi.toml");
    for text in ["lissten = [\"127.0.0.1:0\"]\n", "listen = 5\n", "listen = [\n"] {
        fs::write(&file, text).unwrap();
        let outcome = gitwasi(["--config", file.to_str().unwrap()], "");
        assert_one_line(&outcome, &["gitwasi.toml"]);
    }
    let outcome = gitwasi(["--config", "/nowhere/gitwasi.toml"], "");
    assert_one_line(&outcome, &["/nowhere/gitwasi.toml"]);
}
