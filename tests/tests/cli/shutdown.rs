//! SIGTERM and Ctrl-C: no new connections, running transfers finish, then the end.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use e2e::http::pkt_line;
use e2e::server::Gitwasi;
use e2e::{Connection, Ending, Repository, Request, Setup, World, process};
use rustix::process::Signal;

fn world(setup: &Setup) -> (World, Repository, Gitwasi) {
    let world = World::default();
    let repository = world.small("app.git");
    repository.add_incompressible(32 << 20);
    let server = world.serve_gitwasi(setup);
    (world, repository, server)
}

fn fetch(repository: &Repository) -> Request {
    let want = pkt_line(&format!("want {} side-band-64k ofs-delta\n", repository.oid("big")));
    let body = format!("{want}0000{}", pkt_line("done\n"));
    Request::service("/app.git", "git-upload-pack", body.as_bytes())
}

#[test]
fn idle_server_ends_at_once_and_well() {
    for signal in [Signal::TERM, Signal::INT] {
        let (_world, _repository, mut server) = world(&Setup::default());
        // An idle connection that is kept alive is nothing to wait for.
        let mut idle = Connection::open(server.address());
        let _ = idle.ask(&Request::get("/app.git/HEAD")).expect(200);
        let start = Instant::now();
        server.signal(signal);
        let status = server.wait(Duration::from_secs(10));
        assert!(status.success(), "{signal:?}: {status}");
        assert!(start.elapsed() < Duration::from_secs(3), "{signal:?}: {:?}", start.elapsed());
    }
}

#[test]
fn running_transfer_finishes() {
    for signal in [Signal::TERM, Signal::INT] {
        let (_world, repository, mut server) = world(&Setup::default());
        let address = server.address();
        let transfer = Connection::open(address).transfer(&fetch(&repository)).until(10_000);
        server.signal(signal);
        let refuses = || TcpStream::connect(address).is_err();
        assert!(process::eventually(Duration::from_secs(5), refuses), "still accepting");
        let response = transfer.finish();
        assert_eq!((response.status, &response.ending), (200, &Ending::Complete), "{response:?}");
        assert!(response.body.len() > 32 << 20);
        assert!(server.wait(Duration::from_secs(10)).success());
    }
}

#[test]
fn transfer_past_the_grace_is_broken_off_and_seen_to_be() {
    for backend in ["engine", "git"] {
        let (world, repository, mut server) =
            world(&Setup::default().arguments(["--shutdown-grace", "1", "--backend", backend]));
        let address = server.address();
        let transfer = Connection::open(address).transfer(&fetch(&repository)).until(10_000);
        let old = Connection::open(address).transfer(&fetch(&repository).http10()).until(10_000);
        assert_ne!(process::working_in(world.root()).is_empty(), backend == "git");
        let start = Instant::now();
        server.signal(Signal::TERM);
        server.wait(Duration::from_secs(10));
        assert!(start.elapsed() >= Duration::from_millis(900), "{:?}", start.elapsed());
        for response in [transfer.finish(), old.finish()] {
            assert!(matches!(response.ending, Ending::Broken(_)), "{backend}: {response:?}");
        }
        let gone = || process::working_in(world.root()).is_empty();
        assert!(process::eventually(Duration::from_secs(1), gone), "a git process is left");
    }
}

#[test]
fn second_signal_ends_at_once() {
    let (world, repository, mut server) = world(&Setup::default().arguments(["--backend", "git"]));
    let address = server.address();
    let transfer = Connection::open(address).transfer(&fetch(&repository)).until(10_000);
    server.signal(Signal::INT);
    process::eventually(Duration::from_secs(5), || TcpStream::connect(address).is_err());
    server.signal(Signal::INT);
    server.wait(Duration::from_secs(3));
    assert!(matches!(transfer.finish().ending, Ending::Broken(_)));
    let gone = || process::working_in(world.root()).is_empty();
    assert!(process::eventually(Duration::from_secs(1), gone), "a git process is left");
}

#[test]
fn killed_server_leaves_no_git_process() {
    let (world, repository, server) = world(&Setup::default().arguments(["--backend", "git"]));
    let transfer = Connection::open(server.address()).transfer(&fetch(&repository)).until(10_000);
    assert!(!process::working_in(world.root()).is_empty());
    server.signal(Signal::KILL);
    let gone = || process::working_in(world.root()).is_empty();
    assert!(process::eventually(Duration::from_secs(1), gone), "a git process is left");
    assert!(matches!(transfer.finish().ending, Ending::Broken(_)));
}
