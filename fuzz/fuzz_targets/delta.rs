//! See `entry/engine.rs`.

#![no_main]

#[path = "../entry/engine.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry::delta(data));
