//! `gitwasi component`, and what the README does with it.

use std::process::Command;

use e2e::server::WasmtimeServe;
use e2e::{World, command, server};

/// The three lines of the README, word for word but for the port.
#[test]
fn the_commands_of_the_readme_serve_a_clone() {
    let readme = include_str!("../../../README.md");
    let line = |start: &str| {
        let line = readme.lines().map(str::trim).find(|line| line.starts_with(start)).unwrap();
        line.split_whitespace().skip(1)
    };
    let world = World::default();
    let repository = world.small("app.git");
    let mut write = Command::new(server::gitwasi_binary());
    write.args(line("gitwasi component")).current_dir(world.root());
    let _ = command::run(&mut write, b"").succeeded();
    let free_port = |word| if word == "127.0.0.1:8080" { "127.0.0.1:0" } else { word };
    let serve = line("wasmtime serve");
    assert!(serve.clone().any(|word| free_port(word) != word));
    let server = WasmtimeServe::with_arguments(serve.map(free_port), world.root());
    let url = line("git clone http://127.0.0.1:8080/app").nth(1).unwrap();
    let url = url.replace("127.0.0.1:8080", &server.address().to_string());
    world.git().run(["clone", "--quiet", &url]);
    assert_eq!(world.clone_at("app").oid("HEAD"), repository.oid("main"));
}
