//! `gitwasi init NAME`: makes a bare repository.

use std::path::{Component, Path, PathBuf};

use clap::Args;
use gitwasi::{Git, Mode, Policy, ProcessLimits};

use super::Outcome;

/// Makes an empty bare repository that can be pushed to
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Its name below ROOT; `.git` is appended if it is not there
    name: PathBuf,

    /// The directory of repositories
    #[arg(long, default_value = ".")]
    root: PathBuf,

    /// The git to run [default: the first in PATH]
    #[arg(long, value_name = "PATH")]
    git: Option<PathBuf>,
}

impl Init {
    pub(crate) fn run(self) -> Outcome {
        let plain = self.name.components().all(|part| matches!(part, Component::Normal(_)));
        let Some(name) = self.name.to_str().filter(|name| plain && !name.is_empty()) else {
            return Err(format!("not a repository's name: {}", self.name.display()).into());
        };
        if !self.root.is_dir() {
            return Err(format!("{} is not a directory", self.root.display()).into());
        }
        let name = name.strip_suffix(".git").unwrap_or(name);
        let path = self.root.join(Path::new(&format!("{name}.git")));
        let git = Git::find(self.git.as_deref())?;
        let policy = Policy::new(git, Mode::BestEffort, false, ProcessLimits::default())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(gitwasi::create(&policy, &path))?;
        println!("made {}", path.display());
        Ok(())
    }
}
