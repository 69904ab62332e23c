//! See `entry/wire.rs`.

#![no_main]

#[path = "../entry/wire.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry::receive_pack_report(data));
