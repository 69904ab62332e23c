//! The command line, as an operator meets it.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod component;
mod config;
mod doctor;
mod help;
mod init;
mod log;
mod passwd;
mod shutdown;
mod start;

use std::ffi::OsStr;
use std::process::Command;

use e2e::{Outcome, command, server};

/// Runs `gitwasi` to its end.
#[track_caller]
fn gitwasi<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>, input: &str) -> Outcome {
    let mut command = Command::new(server::gitwasi_binary());
    command.env("LC_ALL", "C").args(arguments);
    command::run(&mut command, input.as_bytes())
}

/// Panics unless it failed as an operator should see it: one line on stderr, exit code 2.
#[track_caller]
fn assert_one_line(outcome: &Outcome, words: &[&str]) {
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    for word in words {
        outcome.says(word);
    }
}
