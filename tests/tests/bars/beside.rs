//! A small request beside large ones in the same instance.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use e2e::http::pkt_line;
use e2e::{Backend, Ending, Request, Server, Setup};

use crate::Data;

/// Clones that compute at once.
const CLONES: usize = 8;
/// Small requests that are sent meanwhile.
const SMALL: usize = 5;

pub(crate) fn clones_do_not_hold_up_info_refs(data: &Data) {
    let config = data.world.beside("one-lane.toml");
    fs::write(&config, "listen = [\"127.0.0.1:0\"]\n[limits.front]\nlanes = 1\n").unwrap();
    let one_lane = Setup::default().argument("--config").argument(&config);
    let repository = data.world.empty("history.git");
    repository.add_history(6000);
    repository.set("repack.writeBitmaps", "false");
    repository.repack();
    for (backend, setup) in
        [(Backend::Engine, &one_lane), (Backend::WasmtimeServe, &Setup::default())]
    {
        let server = Server::start(backend, data.world.root(), setup);
        let want = pkt_line(&format!("want {} ofs-delta\n", repository.oid("main")));
        let body = format!("{want}0000{}", pkt_line("done\n"));
        let clone = Request::service("/history.git", "git-upload-pack", body.as_bytes());
        let small = Request::get("/history.git/HEAD");
        let _ = server.ask(&small).expect(200);
        let cloned_at = |request: &Request| {
            let response = server.connect().transfer(request).finish();
            assert_eq!((response.status, &response.ending), (200, &Ending::Complete));
            Instant::now()
        };
        let (ends, answers) = thread::scope(|scope| {
            let clones: Vec<_> = (0..CLONES).map(|_| scope.spawn(|| cloned_at(&clone))).collect();
            let mut answers = Vec::new();
            for _ in 0..SMALL {
                thread::sleep(Duration::from_millis(20));
                let _ = server.ask(&small).expect(200);
                answers.push(Instant::now());
            }
            let ends: Vec<_> = clones.into_iter().map(|clone| clone.join().unwrap()).collect();
            (ends, answers)
        });
        // They compute by turns, so all end late: who waited for one of them is later than it.
        let first = ends.iter().min().unwrap();
        let before = answers.iter().filter(|answer| *answer < first).count();
        println!("{backend}: {before} of {SMALL} small requests were answered before any clone");
        assert!(before >= SMALL / 2, "{backend}: held up by clones");
    }
}
