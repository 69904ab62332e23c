//! Makes a bare repository.

use std::io;
use std::path::{Path, PathBuf};

use gitwasi_sandbox::{Exit, GitCommand, Job, ObjectFormat, Policy, SpawnError};
use tokio::io::AsyncReadExt;

/// A repository could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// There is something already.
    #[error("{} exists already", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// Its directory could not be made or opened.
    #[error("cannot make {}: {source}", path.display())]
    Directory {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Git was not started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// Git did not succeed.
    #[error("git init ended with {exit}: {message}")]
    Git {
        /// How it ended.
        exit: Exit,
        /// What it said.
        message: String,
    },
}

/// Makes an empty bare repository with a branch `main`, in a directory that must not exist.
///
/// # Errors
///
/// Nothing is left where it failed.
pub async fn create(policy: &Policy, path: &Path) -> Result<(), CreateError> {
    let failed = |source| CreateError::Directory { path: path.to_owned(), source };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    std::fs::create_dir(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => CreateError::Exists { path: path.to_owned() },
        _ => failed(source),
    })?;
    let made = init(policy, path).await;
    if made.is_err() {
        let _ = std::fs::remove_dir_all(path);
    }
    made
}

async fn init(policy: &Policy, path: &Path) -> Result<(), CreateError> {
    let failed = |source| CreateError::Directory { path: path.to_owned(), source };
    let directory = std::fs::File::open(path).map_err(failed)?;
    let command =
        GitCommand::Init { object_format: ObjectFormat::Sha1, initial_branch: "main".to_owned() };
    let mut job = Job::new(command, directory.into());
    job.writable = true;
    let mut child = policy.spawn(job)?;
    // It prints next to nothing on stdout, so that reading one pipe to its end does.
    let mut message = String::new();
    drop(child.stdout.take());
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut message).await.map_err(failed)?;
    }
    let exit = child.wait().await.map_err(failed)?;
    match exit.success() {
        true => Ok(()),
        false => Err(CreateError::Git { exit, message: message.trim().to_owned() }),
    }
}
