//! When something breaks: no short body looks whole, nothing is left behind.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod disconnect;
mod killed_child;
mod killed_server;
mod slow_reader;
mod stalled;
mod storage;
mod trapped;
mod truncated_repository;

use std::path::Path;
use std::time::Duration;

use e2e::http::pkt_line;
use e2e::{Backend, Cell, Repository, Request, Server, Setup, World, process};

/// How many bytes do not fit into the buffers between git and a client that does not read.
const LARGE: usize = 48 << 20;

/// Makes a test on each backend of functions that take one.
macro_rules! on_each_backend {
    ($($function:ident),* $(,)?) => {
        on_each_backend!(@engine Engine $($function)*);
        on_each_backend!(@git_process GitProcess $($function)*);
        on_each_backend!(@wasmtime_serve WasmtimeServe $($function)*);
    };
    (@$module:ident $backend:ident $($function:ident)*) => {
        mod $module {
            $(
                #[test]
                fn $function() {
                    super::$function(e2e::Backend::$backend);
                }
            )*
        }
    };
}
use on_each_backend;

/// A repository whose clone takes its time, and a server for it.
fn large_on(backend: Backend) -> (World, Repository, Server) {
    let world = World::new(Cell { backend, ..Cell::DEFAULT });
    with_large(world, &Setup::default().allow_push())
}

/// The same in a world and with a setup.
fn with_large(world: World, setup: &Setup) -> (World, Repository, Server) {
    let repository = world.small("app.git");
    repository.add_incompressible(LARGE);
    let server = world.serve(setup);
    (world, repository, server)
}

/// The body of a version 0 fetch of everything that `want` reaches.
fn fetch_body(want: &str) -> Vec<u8> {
    let want = pkt_line(&format!("want {want} side-band-64k ofs-delta\n"));
    format!("{want}0000{}", pkt_line("done\n")).into()
}

/// The request of [`fetch_body`] for `app.git`.
fn fetch(repository: &Repository, branch: &str) -> Request {
    Request::service("/app.git", "git-upload-pack", &fetch_body(&repository.oid(branch)))
}

/// The git processes that work for a server: its descendants, and whatever works in its root.
fn git_processes(server: &Server, root: &Path) -> Vec<u32> {
    let mut pids = process::descendants(server.pid());
    pids.extend(process::working_in(root));
    pids.sort_unstable();
    pids.dedup();
    pids.retain(|&pid| process::alive(pid));
    pids
}

/// Panics if a process is still there after one second.
#[track_caller]
fn assert_nothing_is_left(server: &Server, root: &Path) {
    let gone =
        process::eventually(Duration::from_secs(1), || git_processes(server, root).is_empty());
    let left: Vec<_> = git_processes(server, root).into_iter().map(process::command_line).collect();
    assert!(gone, "left after one second: {left:?}");
}
