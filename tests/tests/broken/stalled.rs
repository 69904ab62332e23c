//! Somebody stops in the middle: git's process, or the client.

use std::time::Duration;
use std::{fs, thread};

use e2e::tree::Tree;
use e2e::{Backend, Cell, Ending, Repository, Request, Server, Setup, World, process};
use rustix::process::Signal;

use crate::{LARGE, assert_nothing_is_left, fetch, git_processes, with_large};

/// A server that waits as long as `limits` say, in the configuration's words.
fn impatient(backend: Backend, limits: &str) -> (World, Repository, Server) {
    let world = World::new(Cell { backend, ..Cell::DEFAULT });
    let file = world.beside("config.toml");
    fs::write(&file, format!("listen = [\"127.0.0.1:0\"]\n{limits}\n")).unwrap();
    let setup = Setup::default().allow_push().argument("--config").argument(&file);
    with_large(world, &setup)
}

#[test]
fn a_service_that_hangs_breaks_the_response() {
    let (world, repository, server) = impatient(Backend::GitProcess, "[limits.front]\nstall = 2");
    let transfer = server.connect().transfer(&fetch(&repository, "big")).until(100_000);
    let pids = git_processes(&server, world.root());
    assert!(!pids.is_empty());
    for pid in pids {
        process::signal(pid, Signal::STOP);
    }
    let rest = transfer.finish();
    assert!(rest.body.len() < LARGE);
    assert!(matches!(rest.ending, Ending::Broken(_)), "{:?}", rest.ending);
    assert_nothing_is_left(&server, world.root());
}

/// Without chunks only a reset tells that something is missing.
#[test]
fn an_http_10_client_that_stops_reading_sees_a_reset() {
    for backend in [Backend::Engine, Backend::GitProcess] {
        let (_world, repository, server) = impatient(backend, "[limits.connection]\nstall = 1");
        let transfer = server.connect().transfer(&fetch(&repository, "big").http10()).until(1000);
        assert_eq!(transfer.so_far().header("transfer-encoding"), None);
        thread::sleep(Duration::from_secs(3));
        let rest = transfer.finish();
        assert!(rest.body.len() < LARGE);
        assert!(matches!(rest.ending, Ending::Broken(_)), "{backend}: {:?}", rest.ending);
    }
}

#[test]
fn an_http_10_client_that_reads_gets_everything_and_a_plain_end() {
    for backend in [Backend::Engine, Backend::GitProcess] {
        let (_world, repository, server) = crate::large_on(backend);
        let response = server.connect().transfer(&fetch(&repository, "big").http10()).finish();
        assert_eq!((response.status, &response.ending), (200, &Ending::Complete), "{backend}");
        assert!(response.body.len() > LARGE && response.body.ends_with(b"0000"));
    }
}

/// The body of a push of `big` that creates `name`.
fn push(world: &World, repository: &Repository, name: &str) -> Vec<u8> {
    let file = world.beside("push");
    repository.write_push("big", name, &file);
    Request::service("/target.git", "git-receive-pack", &fs::read(file).unwrap()).bytes()
}

#[test]
fn a_push_that_stops_is_ended_and_leaves_nothing() {
    for backend in [Backend::Engine, Backend::GitProcess] {
        let (world, repository, server) = impatient(backend, "[limits.front]\nstall = 2");
        let (target, twin) = (world.small("target.git"), world.small("twin.git"));
        let bytes = push(&world, &repository, "refs/heads/new");
        let mut stalling = server.connect();
        stalling.send(&bytes[..bytes.len() / 2]).unwrap();
        // Somebody else is not held up, and his sweep leaves the other push alone.
        for name in ["target.git", "twin.git"] {
            let url = server.url(name);
            repository.git().run(["push", "--quiet", "--force", &url, "side:main"]);
        }
        assert_ne!(stalling.response("POST").status, 200, "{backend}");
        assert_nothing_is_left(&server, world.root());
        let expected = Tree::read(twin.path());
        let restored = || Tree::read(target.path()) == expected;
        process::eventually(Duration::from_secs(2), restored);
        expected.assert_unchanged(target.path());
    }
}

#[test]
fn a_push_that_pauses_for_a_minute_is_waited_for() {
    let pauses = |backend| {
        let (world, repository, server) = crate::large_on(backend);
        let target = world.small("target.git");
        let bytes = push(&world, &repository, "refs/heads/new");
        let mut pausing = server.connect();
        pausing.send(&bytes[..bytes.len() / 2]).unwrap();
        thread::sleep(Duration::from_secs(60));
        let url = server.url("target.git");
        repository.git().run(["push", "--quiet", "--force", &url, "side:main"]);
        pausing.send(&bytes[bytes.len() / 2..]).unwrap();
        let answer = pausing.response("POST").expect(200).text();
        assert!(answer.contains("ok refs/heads/new"), "{backend}: {answer}");
        assert_eq!(target.oid("refs/heads/new"), repository.oid("big"));
        assert_eq!(target.oid("main"), repository.oid("side"));
        target.fsck();
    };
    // All at once: it is a minute.
    thread::scope(|scope| {
        for backend in [Backend::Engine, Backend::GitProcess, Backend::WasmtimeServe] {
            scope.spawn(move || pauses(backend));
        }
    });
}
