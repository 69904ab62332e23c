//! See `entry/push.rs`.

#![no_main]

#[path = "../entry/push.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry::reftable_push(data));
