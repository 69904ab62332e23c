//! `gitwasi init NAME`: makes a bare repository.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Outcome;

/// Makes an empty bare repository that can be pushed to
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Its name below ROOT; `.git` is appended if it is not there
    name: PathBuf,

    /// The directory of repositories
    #[arg(long, default_value = ".")]
    root: PathBuf,

    /// How it names objects
    #[arg(long, value_name = "FORMAT", default_value = "sha1")]
    object_format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Sha1,
    Sha256,
}

impl From<Format> for gitwasi::ObjectFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Sha1 => Self::Sha1,
            Format::Sha256 => Self::Sha256,
        }
    }
}

impl Init {
    pub(crate) fn run(self) -> Outcome {
        let Some(name) = self.name.to_str().filter(|name| !name.is_empty()) else {
            return Err(format!("not a repository's name: {}", self.name.display()).into());
        };
        if !self.root.is_dir() {
            return Err(format!("{} is not a directory", self.root.display()).into());
        }
        let path = gitwasi::create(&self.root, name, self.object_format.into())?;
        println!("made {}", path.display());
        Ok(())
    }
}
