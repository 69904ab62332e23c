//! Web hooks: who is told of a push, of what in it, and that nothing keeps the event from arriving.
//!
//! Signatures are checked by openssl.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod delivery;
mod event;
mod receiver;

use std::ffi::OsString;

use e2e::{Backend, Cell, Repository, Server, Setup, World};

use receiver::Receiver;

/// The backends whose reports differ most.
const BACKENDS: &[Backend] = &[Backend::Engine, Backend::GitProcess];

/// A repository that is served, a clone of it, and a server that tells of its pushes.
struct Hooked {
    world: World,
    repository: Repository,
    server: Server,
}

impl Hooked {
    fn start(cell: Cell, url: &str, setup: Setup) -> Self {
        let world = World::new(cell);
        let repository = world.small("app.git");
        repository.set("receive.advertisePushOptions", "true");
        let server = serve(&world, url, setup);
        world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
        Self { world, repository, server }
    }

    /// Pushes a new commit of `branch`, which succeeds; returns its oid.
    #[track_caller]
    fn push(&self, branch: &str) -> String {
        let oid = self.world.clone_at("copy/.git").commit(branch, branch, branch.as_bytes());
        self.world.within("copy").run(["push", "--quiet", &self.server.url("app.git"), branch]);
        assert_eq!(self.repository.oid(branch), oid);
        oid
    }

    fn queue(&self) -> std::path::PathBuf {
        self.world.beside("queue")
    }
}

fn serve(world: &World, url: &str, setup: Setup) -> Server {
    let queue: OsString = world.beside("queue").into();
    let options = ["--webhook".into(), url.into(), "--webhook-queue".into(), queue];
    world.serve(&setup.arguments(options))
}

/// Starts a server for everybody, and a receiver that takes all.
fn hooked(cell: Cell) -> (Hooked, Receiver) {
    let receiver = Receiver::start(|_| 204);
    (Hooked::start(cell, &receiver.url(), Setup::default().allow_push()), receiver)
}

fn main() {
    let scenarios = [delivery::SCENARIOS, event::SCENARIOS].concat();
    let trials = scenarios.into_iter().flat_map(|scenario| scenario.on(BACKENDS).once().trials());
    libtest_mimic::run(&libtest_mimic::Arguments::from_args(), trials.collect()).exit();
}
