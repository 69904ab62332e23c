//! curl, for what the raw client does not speak, and for its exit codes.

use std::ffi::OsStr;
use std::process::Command;

use crate::Outcome;
use crate::command;

/// curl's exit code for a transfer that ended short.
pub const PARTIAL_FILE: i32 = 18;
/// curl's exit code for a connection that broke while receiving.
pub const RECEIVE_ERROR: i32 = 56;
/// curl's exit code for an HTTP/2 stream that was reset.
pub const HTTP2_STREAM: i32 = 92;

/// Runs `curl --silent --show-error` with `arguments`, without any `.curlrc`.
#[track_caller]
pub fn curl<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Outcome {
    let mut command = Command::new("curl");
    command.args(["-q", "--silent", "--show-error", "--noproxy", "*"]).args(arguments);
    command::run(&mut command, b"")
}

/// Panics unless curl noticed that the transfer was not whole.
#[track_caller]
pub fn assert_broken(outcome: &Outcome) {
    let codes = [PARTIAL_FILE, RECEIVE_ERROR, HTTP2_STREAM];
    assert!(outcome.code.is_some_and(|code| codes.contains(&code)), "whole to curl:\n{outcome:?}");
}
