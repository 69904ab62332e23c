//! Clients that do not read as fast as git writes.

use std::time::Duration;

use e2e::curl::curl;
use e2e::http::pkt_line;
use e2e::{Request, Setup, process};

use crate::{BOUND, Data, MIB, assert_peak};

fn fetch_body(data: &Data) -> String {
    let oid = data.prepared().repository.oid("big");
    let want = pkt_line(&format!("want {oid} side-band-64k ofs-delta\n"));
    format!("{want}0000{}", pkt_line("done\n"))
}

pub(crate) fn reader_at_one_megabyte_per_second(data: &Data) {
    let body = data.world.beside("fetch");
    std::fs::write(&body, fetch_body(data)).unwrap();
    let server = data.world.serve(&Setup::default());
    let outcome = curl([
        "--limit-rate",
        "1M",
        "--max-time",
        "12",
        "-o",
        "/dev/null",
        "-H",
        "Content-Type: application/x-git-upload-pack-request",
        "--data-binary",
        &format!("@{}", body.display()),
        &server.url("big.git/git-upload-pack"),
    ]);
    // curl's own time is up: the transfer was still going on.
    assert_eq!(outcome.code, Some(28), "{outcome:?}");
    assert_peak(&server, "one reader at 1 MB/s", BOUND + MIB);
}

pub(crate) fn reader_that_stops_reading(data: &Data) {
    let server = data.world.serve(&Setup::default());
    let request = Request::service("/big.git", "git-upload-pack", fetch_body(data).as_bytes());
    let transfer = server.connect().transfer(&request).until(100_000);
    assert_eq!(transfer.so_far().status, 200);
    // Without anybody to read, memory must stand still, not grow.
    std::thread::sleep(Duration::from_secs(4));
    assert_peak(&server, "a reader that stops", BOUND + MIB);
    drop(transfer);
    let gone = || process::descendants(server.pid()).is_empty();
    assert!(process::eventually(Duration::from_secs(1), gone), "git is left");
}
