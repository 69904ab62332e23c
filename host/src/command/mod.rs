//! The command line.

mod component;
mod doctor;
mod init;
mod limits;
mod log;
mod options;
mod passwd;
mod serve;
mod webhook;

use std::error::Error;

use clap::{Parser, Subcommand};

use options::Options;

/// Serves git repositories over HTTP: clone, fetch and push.
///
/// Without a subcommand, serves the repositories below ROOT, at any depth, with or without `.git`
/// in their URL. Everybody may read; nobody may push unless --allow-push, --access-file or a
/// repository's own http.receivepack says so.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, max_term_width = 100)]
pub(crate) struct Command {
    #[command(subcommand)]
    subcommand: Option<Sub>,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Subcommand)]
enum Sub {
    Init(init::Init),
    Passwd(passwd::Passwd),
    Doctor(doctor::Doctor),
    Component(component::Component),
}

/// What a command ends with when it fails: one line for the person who typed it.
pub(crate) type Outcome = Result<(), Box<dyn Error>>;

impl Command {
    pub(crate) fn run(self) -> Outcome {
        match self.subcommand {
            Some(Sub::Init(init)) => init.run(),
            Some(Sub::Passwd(passwd)) => passwd.run(),
            Some(Sub::Doctor(doctor)) => doctor.run(),
            Some(Sub::Component(component)) => component.run(),
            None => serve::run(self.options.with_config_file()?),
        }
    }
}
