//! `gitwasi doctor`: says what is enforced here.

use std::path::PathBuf;

use clap::Args;
use gitwasi::{Git, Mode, Policy, ProcessLimits};

use super::Outcome;

/// Says which git would run, and what of the sandbox this kernel enforces
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The git to run [default: the first in PATH]
    #[arg(long, value_name = "PATH")]
    git: Option<PathBuf>,
}

impl Doctor {
    pub(crate) fn run(self) -> Outcome {
        let git = Git::find(self.git.as_deref())?;
        let policy = Policy::new(git, Mode::BestEffort, false, ProcessLimits::default())?;
        print!("{}", policy.report());
        Ok(())
    }
}
