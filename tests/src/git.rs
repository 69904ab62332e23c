//! A git client that knows nothing of the machine it runs on.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::command;

/// The moment at which every commit of these tests is made.
pub const DATE: &str = "1112911993 +0000";

/// A hermetic git: an own home, no configuration but what is said here, fixed dates and names.
#[derive(Clone, Debug)]
pub struct Git {
    home: PathBuf,
    directory: PathBuf,
    environment: Vec<(String, String)>,
    config: Vec<String>,
}

impl Git {
    /// Makes a client with an empty home `home`, working in `directory`.
    #[must_use]
    pub fn new(home: &Path, directory: &Path) -> Self {
        std::fs::create_dir_all(home).expect("a home for git");
        let config = [
            "gc.auto=0",
            "maintenance.auto=false",
            "init.defaultBranch=main",
            "advice.detachedHead=false",
            "core.fsync=none",
        ];
        Self {
            home: home.to_owned(),
            directory: directory.to_owned(),
            environment: Vec::new(),
            config: config.map(str::to_owned).to_vec(),
        }
    }

    /// Returns the same client working in another directory.
    #[must_use]
    pub fn within(&self, directory: impl AsRef<Path>) -> Self {
        Self { directory: self.directory.join(directory), ..self.clone() }
    }

    /// Returns the same client with one more `-c key=value`.
    #[must_use]
    pub fn config(&self, key: &str, value: &str) -> Self {
        let mut git = self.clone();
        git.config.push(format!("{key}={value}"));
        git
    }

    /// Returns the same client with one more environment variable.
    #[must_use]
    pub fn env(&self, name: &str, value: &str) -> Self {
        let mut git = self.clone();
        git.environment.push((name.to_owned(), value.to_owned()));
        git
    }

    /// Returns the directory that the client works in.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Runs git and returns how it went.
    #[track_caller]
    pub fn attempt<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Outcome {
        self.feed(arguments, b"")
    }

    /// Runs git with `input` on stdin and returns how it went.
    #[track_caller]
    pub fn feed<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        input: &[u8],
    ) -> Outcome {
        command::run(self.command().args(arguments), input)
    }

    /// Runs git, which has to succeed, and returns its stdout, trimmed.
    #[track_caller]
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> String {
        self.attempt(arguments).succeeded().text()
    }

    /// Runs git, which has to fail.
    #[track_caller]
    pub fn refused<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Outcome {
        self.attempt(arguments).failed()
    }

    /// Returns the prepared command, for those who want to start it themselves.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new("git");
        command.env_clear().current_dir(&self.directory);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", &self.home).env("TZ", "UTC").env("LC_ALL", "C");
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_TERMINAL_PROMPT", "0");
        command.env("GIT_CEILING_DIRECTORIES", self.home.parent().unwrap_or(&self.home));
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "A U Thor");
            command.env(format!("GIT_{who}_EMAIL"), "author@example.com");
            command.env(format!("GIT_{who}_DATE"), DATE);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        for config in &self.config {
            command.arg("-c").arg(config);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}
