//! `--config`: the same names in a file.

use std::fs;

use e2e::server::Gitwasi;
use e2e::{Connection, Request, Setup, World};

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

#[test]
fn limits_of_the_file_hold_and_flags_go_before_them() {
    let world = World::default();
    world.small("app.git");
    let file = world.beside("gitwasi.toml");
    let root = world.root().to_str().unwrap();
    fs::write(
        &file,
        "allow-push = true\nlisten = [\"127.0.0.1:0\"]\n[limits]\nprocesses = 3\n\
         [limits.front]\nrequest-bytes = 1000\nstall = 7\n[limits.process]\naddress-space = 0\n\
         [limits.connection]\nhead-bytes = 8192\n",
    )
    .unwrap();
    let config = ["--config", file.to_str().unwrap(), root];
    let server = Gitwasi::with_arguments(config, &Setup::default()).unwrap();
    let url = |server: &Gitwasi| format!("http://{}/app.git", server.address());
    world.git().run(["clone", "--quiet", &url(&server), "copy"]);
    let noise: String =
        (0..5_000_u32).map(|n| (n.wrapping_mul(2_654_435_761)).to_string()).collect();
    world.clone_at("copy/.git").commit("main", "large", noise.as_bytes());
    let before = e2e::tree::Tree::read(&world.root().join("app.git"));
    world.within("copy").refused(["push", &url(&server), "main"]).says("413");
    before.assert_unchanged(&world.root().join("app.git"));
    let long = Request::get("/app.git/HEAD").header("X-Long", &"x".repeat(10_000));
    let _ = Connection::open(server.address()).ask(&long).expect(431);

    let flags = ["--max-request-bytes", "1000000"].into_iter().chain(config);
    let server = Gitwasi::with_arguments(flags, &Setup::default()).unwrap();
    world.within("copy").run(["push", "--quiet", &url(&server), "main"]);
}

#[test]
fn limits_of_the_readme_are_limits() {
    let world = World::default();
    world.small("app.git");
    let readme = include_str!("../../../README.md");
    let block = readme.split("```").find_map(|block| block.strip_prefix("toml\n[limits]"));
    // What has no default is commented out there.
    let block = block.unwrap().replace("# request-bytes", "request-bytes");
    let file = world.beside("gitwasi.toml");
    fs::write(&file, format!("listen = [\"127.0.0.1:0\"]\n[limits]{block}")).unwrap();
    let config = ["--config", file.to_str().unwrap(), world.root().to_str().unwrap()];
    let server = Gitwasi::with_arguments(config, &Setup::default()).unwrap();
    let _ = Connection::open(server.address()).ask(&Request::get("/app.git/HEAD")).expect(200);
}

#[test]
fn limit_that_cannot_be_is_one_line_with_its_place() {
    let world = World::default();
    let file = world.beside("gitwasi.toml");
    for (text, place, says) in [
        ("[limits]\nproceses = 3\n", "line 2", "proceses"),
        ("[limits]\nprocesses = 0\n", "line 2", "0 is not between 1 and 16384"),
        ("\n[limits.front]\nrequests = 100000\n", "line 3", "100000 is not between"),
        ("[limits.front]\nstall = -1\n", "line 2", "-1"),
        ("[limits.front]\nstall = \"5m\"\n", "line 2", "5m"),
        ("[limits.front]\ninstance-memory = 1024\n", "line 2", "1024 is not between"),
        ("[limits.connection]\nhead = 1\nhead-bytes = 100\n", "line 3", "100 is not between 8192"),
        ("[limits.process]\nprocesses = 3\n", "line 2", "processes"),
        ("max-requests = 0\n", "line 1", "0 is not between"),
    ] {
        fs::write(&file, text).unwrap();
        let outcome = gitwasi(["--config", file.to_str().unwrap()], "");
        assert_one_line(&outcome, &["gitwasi.toml", place, says]);
    }
    let outcome = gitwasi(["--max-connections", "0"], "");
    assert_eq!(outcome.code, Some(2));
    outcome.says("0 is not between 1 and 1000000");
}
