//! The client goes away.

use std::thread;
use std::time::Duration;

use e2e::http::pkt_line;
use e2e::tree::Tree;
use e2e::{Backend, Cell, Repository, Request, Server, Setup, World, process};

use crate::{assert_nothing_is_left, fetch, git_processes, large_on};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn in_mid_clone_leaves_no_process() {
    let (world, repository, server) = large_on(Backend::GitProcess);
    let before = Tree::read(repository.path());
    for _ in 0..3 {
        let transfer = server.connect().transfer(&fetch(&repository, "big")).until(100_000);
        assert_eq!(transfer.so_far().status, 200);
        assert!(!git_processes(&server, world.root()).is_empty());
        drop(transfer);
        assert_nothing_is_left(&server, world.root());
    }
    before.assert_unchanged(repository.path());
}

#[test]
fn before_the_first_byte_of_a_pack_leaves_no_process() {
    let (world, repository, server) = large_on(Backend::GitProcess);
    let before = Tree::read(repository.path());
    for _ in 0..5 {
        let mut connection = server.connect();
        connection.send(&fetch(&repository, "big").bytes()).unwrap();
        drop(connection);
        assert_nothing_is_left(&server, world.root());
    }
    before.assert_unchanged(repository.path());
}

#[test]
fn in_mid_push_leaves_the_repository_as_it_was() {
    in_mid_push(Backend::GitProcess);
}

#[test]
fn in_mid_push_to_the_engine_leaves_the_repository_as_it_was() {
    in_mid_push(Backend::Engine);
}

#[test]
fn in_mid_push_under_wasmtime_serve_leaves_the_repository_as_it_was() {
    in_mid_push(Backend::WasmtimeServe);
}

#[test]
fn behind_all_that_git_needs_of_a_push_moves_nothing() {
    for backend in [Backend::GitProcess, Backend::Engine, Backend::WasmtimeServe] {
        let world = World::new(Cell { backend, ..Cell::DEFAULT });
        let source = world.small("source.git");
        let target = world.small("target.git");
        source.commit("main", "new", b"new\n");
        let server = world.serve(&Setup::default().allow_push());
        let (old, new, zero) = (target.oid("main"), source.oid("main"), "0".repeat(40));
        let revisions = format!("{new}\n^{old}\n");
        let pack = source
            .git()
            .feed(["pack-objects", "--stdout", "--revs", "-q"], revisions.as_bytes())
            .succeeded()
            .stdout;
        let update = |old: &str, new: &str| {
            pkt_line(&format!("{old} {new} refs/heads/main\0report-status")) + "0000"
        };
        let pushed = [update(&old, &new).as_bytes(), &pack].concat();
        let before = Tree::read(target.path());
        for body in [pushed.clone(), update(&old, &zero).into_bytes()] {
            let request = Request::service("/target.git", "git-receive-pack", &body);
            let longer = request.clone().replace("Content-Length", &(body.len() + 10).to_string());
            let chunked = request.clone().chunked(&body, 1000).bytes();
            let without_end = &chunked[..chunked.len() - "0\r\n\r\n".len()];
            for (bytes, ends) in
                [(&*longer.bytes(), true), (without_end, true), (without_end, false)]
            {
                let mut connection = server.connect();
                connection.send(bytes).unwrap();
                if ends {
                    connection.finish_sending();
                    assert_ne!(connection.response("POST").status, 200, "{backend:?}");
                }
                drop(connection);
                assert_soon_as_before(&server, &world, &before, &target);
            }
        }
        assert_as_before_for_good(&server, &world, &before, &target);
        // Whole, it is taken.
        let request = Request::service("/target.git", "git-receive-pack", &pushed);
        assert!(server.ask(&request).expect(200).text().contains("ok refs/heads/main"));
        assert_eq!(target.oid("main"), new);
    }
}

fn in_mid_push(backend: Backend) {
    let (world, repository, server) = large_on(backend);
    let big = repository.oid("big");
    let pack = repository.git().feed(["pack-objects", "--stdout", "--revs", "-q"], big.as_bytes());
    let pack = pack.succeeded().stdout;
    let command = pkt_line(&format!("{} {big} refs/heads/new\0report-status", "0".repeat(40)));
    let body = [command.as_bytes(), b"0000", &pack].concat();
    let target = world.empty("target.git");
    let before = Tree::read(target.path());
    let request = Request::service("/target.git", "git-receive-pack", &body).bytes();
    let chunked = Request::service("/target.git", "git-receive-pack", b"").chunked(&body, 50_000);
    for (bytes, ends) in [(&request, false), (&chunked.bytes(), false), (&request, true)] {
        // Inside the head, at the start of the pack, in the middle of it.
        for part in [300, 500, bytes.len() / 2, bytes.len() - 10] {
            let mut connection = server.connect();
            let _ = connection.send(&bytes[..part]);
            if part > 1000 {
                // It has begun: a process is there, or something of the push.
                process::eventually(Duration::from_secs(10), || {
                    !git_processes(&server, world.root()).is_empty()
                        || before != Tree::read(target.path())
                });
            }
            if ends {
                connection.finish_sending();
                assert_ne!(connection.response("POST").status, 200);
            }
            drop(connection);
            assert_soon_as_before(&server, &world, &before, &target);
        }
    }
    assert_as_before_for_good(&server, &world, &before, &target);
}

/// The server may not have read yet what was sent: it only counts if it stays so.
fn assert_as_before_for_good(server: &Server, world: &World, before: &Tree, target: &Repository) {
    thread::sleep(SECOND);
    assert_nothing_is_left(server, world.root());
    before.assert_unchanged(target.path());
}

/// Within two seconds no process is there any more, nor anything of the push.
#[track_caller]
fn assert_soon_as_before(server: &Server, world: &World, before: &Tree, target: &Repository) {
    assert_nothing_is_left(server, world.root());
    // The server sweeps when the processes are gone, which may take a moment more.
    if !process::eventually(SECOND, || *before == Tree::read(target.path())) {
        before.assert_unchanged(target.path());
    }
}
