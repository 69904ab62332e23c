//! `gitwasi init NAME`: makes a bare repository.

use std::path::PathBuf;

use clap::Args;

use super::Outcome;

/// Makes an empty bare repository that can be pushed to
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Its name below ROOT; `.git` is appended if it is not there
    name: PathBuf,

    /// The directory of repositories
    #[arg(long, default_value = ".")]
    root: PathBuf,
}

impl Init {
    pub(crate) fn run(self) -> Outcome {
        let Some(name) = self.name.to_str().filter(|name| !name.is_empty()) else {
            return Err(format!("not a repository's name: {}", self.name.display()).into());
        };
        if !self.root.is_dir() {
            return Err(format!("{} is not a directory", self.root.display()).into());
        }
        let path = gitwasi::create(&self.root, name)?;
        println!("made {}", path.display());
        Ok(())
    }
}
