//! An instance traps while another of its requests streams; and what is done so that it does not.

use std::fs;

use e2e::http::pkt_line;
use e2e::tree::Tree;
use e2e::{Backend, Cell, Ending, Repository, Request, Server, Setup, World};

use crate::{LARGE, fetch, with_large};

/// A server whose only instance traps at [`too_much`].
fn with_little_memory(backend: Backend) -> (World, Repository, Server) {
    let world = World::new(Cell { backend, ..Cell::DEFAULT });
    let file = world.beside("config.toml");
    let limits = "[limits.front]\nlanes = 1\ninstance-memory = 33554432";
    fs::write(&file, format!("listen = [\"127.0.0.1:0\"]\n{limits}\n")).unwrap();
    with_large(world, &Setup::default().allow_push().argument("--config").argument(&file))
}

/// A push whose head is within its limit, but takes more memory than the instance may have.
fn too_much() -> Request {
    let (old, new) = ("0".repeat(40), "1".repeat(40));
    let update = |n: usize| pkt_line(&format!("{old} {new} refs/heads/{n:0>100}"));
    let head: String = (0..190_000).map(update).collect();
    Request::service("/app.git", "git-receive-pack", head.as_bytes())
}

#[test]
fn a_trap_breaks_the_response_that_the_instance_streams() {
    let (_world, repository, server) = with_little_memory(Backend::Engine);
    let before = repository.refs();
    let streaming = server.connect().transfer(&fetch(&repository, "big")).until(100_000);
    assert_eq!(server.ask(&too_much()).status, 500);
    let rest = streaming.finish();
    assert!(rest.body.len() < LARGE);
    assert!(matches!(rest.ending, Ending::Broken(_)), "{:?}", rest.ending);
    // Another instance takes over, and nothing has changed.
    let whole = server.ask(&fetch(&repository, "big")).expect(200);
    assert!(whole.body.len() > LARGE && whole.body.ends_with(b"0000"));
    assert_eq!(repository.refs(), before);
}

#[test]
fn a_trap_does_not_touch_what_git_sends_past_the_instance() {
    let (_world, repository, server) = with_little_memory(Backend::GitProcess);
    let streaming = server.connect().transfer(&fetch(&repository, "big")).until(100_000);
    assert_eq!(server.ask(&too_much()).status, 500);
    let whole = streaming.finish().expect(200);
    assert!(whole.body.len() > LARGE && whole.body.ends_with(b"0000"));
}

/// The engine knows what it may have, and refuses before the instance has to end.
#[test]
fn a_push_of_too_many_objects_is_refused_and_the_others_go_on() {
    let (world, repository, server) = with_little_memory(Backend::Engine);
    let tree = Tree::read(repository.path());
    let streaming = server.connect().transfer(&fetch(&repository, "big")).until(100_000);
    let file = world.beside("push");
    repository.write_push("main", "refs/heads/new", &file);
    let mut body = fs::read(file).unwrap();
    let pack = body.windows(4).position(|bytes| bytes == b"PACK").unwrap();
    body[pack + 8..pack + 12].copy_from_slice(&10_000_000u32.to_be_bytes());
    let refused = server.ask(&Request::service("/app.git", "git-receive-pack", &body)).expect(200);
    assert!(refused.text().contains("too large for this server"), "{refused:?}");
    let whole = streaming.finish().expect(200);
    assert!(whole.body.len() > LARGE && whole.body.ends_with(b"0000"));
    tree.assert_unchanged(repository.path());
}
