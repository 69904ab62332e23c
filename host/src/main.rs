//! `gitwasi`: serves a directory of repositories. A thin user of the library.

mod command;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match command::Command::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gitwasi: {error}");
            ExitCode::from(2)
        }
    }
}
