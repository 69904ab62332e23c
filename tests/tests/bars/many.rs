//! Many transfers at once: at most one MiB more for each connection.

use std::thread;

use e2e::http::pkt_line;
use e2e::{Backend, Ending, Request, Server, Setup, Transfer};

use crate::{BOUND, Data, MIB, assert_peak};

const CLIENTS: usize = 32;
const EACH: usize = 24 << 20;
/// What one push may add that the engine takes in.
const PUSH: u64 = 5 * MIB;

pub(crate) fn clones_at_once(data: &Data) {
    let repository = data.world.empty("many.git");
    repository.add_incompressible(EACH);
    let server = data.world.serve(&Setup::default());
    let want = pkt_line(&format!("want {} side-band-64k ofs-delta\n", repository.oid("big")));
    let body = format!("{want}0000{}", pkt_line("done\n"));
    let request = Request::service("/many.git", "git-upload-pack", body.as_bytes());
    // All are under way before the first may finish.
    let transfers: Vec<Transfer> =
        (0..CLIENTS).map(|_| server.connect().transfer(&request).until(100_000)).collect();
    let finish = |transfer: Transfer| thread::spawn(move || transfer.finish());
    let responses: Vec<_> = transfers.into_iter().map(finish).collect();
    for response in responses {
        let response = response.join().unwrap();
        assert_eq!((response.status, &response.ending), (200, &Ending::Complete), "{response:?}");
        assert!(response.body.len() > EACH && response.body.ends_with(b"0000"));
    }
    assert_peak(&server, "32 clones at once", BOUND + CLIENTS as u64 * MIB);
}

pub(crate) fn pushes_at_once(data: &Data) {
    // All of a push is counted here: the engine takes it in within the server.
    pushes(data, Backend::Gitwasi, PUSH);
}

pub(crate) fn pushes_to_git_at_once(data: &Data) {
    // Git's own processes, two for each push, are not counted.
    pushes(data, Backend::GitProcess, MIB);
}

fn pushes(data: &Data, backend: Backend, each: u64) {
    let name = format!("pushed-{backend}.git");
    let source = data.world.empty(&format!("source-{backend}.git"));
    source.add_incompressible(EACH / 4);
    let target = data.world.empty(&name);
    let server = Server::start(backend, data.world.root(), &Setup::default().allow_push());
    thread::scope(|scope| {
        for n in 0..CLIENTS {
            let (source, url) = (&source, server.url(&name));
            scope.spawn(move || {
                source.git().run(["push", "--quiet", &url, &format!("big:refs/heads/big-{n}")]);
            });
        }
    });
    assert_eq!(target.refs().lines().count(), CLIENTS);
    assert_peak(&server, "32 pushes at once", BOUND + CLIENTS as u64 * each);
}
