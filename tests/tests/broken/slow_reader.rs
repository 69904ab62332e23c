//! A client that takes its time gets everything all the same.

use std::thread;
use std::time::Duration;

use e2e::Backend;

use crate::{LARGE, fetch, large_on, on_each_backend};

on_each_backend!(pausing_past_idle_expiry_gets_everything, dripping_gets_everything);

fn pausing_past_idle_expiry_gets_everything(backend: Backend) {
    let (_world, repository, server) = large_on(backend);
    let transfer = server.connect().transfer(&fetch(&repository, "big")).until(10_000);
    // An instance is disposed of when it was idle for 30 seconds; this one is not idle.
    thread::sleep(Duration::from_secs(33));
    let response = transfer.finish().expect(200);
    assert!(response.body.len() > LARGE);
    assert!(response.body.ends_with(b"0000"), "the last flush-pkt");
}

fn dripping_gets_everything(backend: Backend) {
    let (_world, repository, server) = large_on(backend);
    let mut connection = server.connect();
    connection.send(&fetch(&repository, "main").bytes()).unwrap();
    let head = connection.head();
    assert_eq!(head.status, 200);
    let mut raw = Vec::new();
    while !raw.ends_with(b"0\r\n\r\n") {
        let bytes = connection.read_some(64).unwrap();
        assert!(!bytes.is_empty());
        raw.extend(bytes);
        thread::sleep(Duration::from_millis(20));
    }
    assert!(raw.windows(4).any(|window| window == b"PACK"));
}
