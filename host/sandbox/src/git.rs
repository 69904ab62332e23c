//! Finds the native git and asks it, once, what it is.
//!
//! Runs git outside of the sandbox, with an empty environment and no repository.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A native git: where it is, where its programs are, which version.
#[derive(Clone, Debug)]
pub struct Git {
    path: PathBuf,
    exec_path: PathBuf,
    version: Version,
}

impl Git {
    /// The oldest git that can serve: the first with `--http-backend-info-refs`.
    pub const OLDEST: Version = Version { major: 2, minor: 34, patch: 0 };

    /// Locates git at `path`, or along `PATH` when that is `None`, and asks its version.
    ///
    /// Runs `git --version` and `git --exec-path`; blocks for some milliseconds.
    pub fn find(path: Option<&Path>) -> Result<Git, GitError> {
        let path = match path {
            Some(path) => path.to_owned(),
            None => along_path().ok_or(GitError::NotInPath)?,
        };
        let path = path
            .canonicalize()
            .map_err(|source| GitError::NotFound { path: path.clone(), source })?;

        let version = ask(&path, "--version")?;
        let version = Version::parse(&version)
            .ok_or_else(|| GitError::NotGit { path: path.clone(), said: first_line(&version) })?;
        if version < Self::OLDEST {
            return Err(GitError::TooOld { path, version });
        }

        let exec_path = PathBuf::from(ask(&path, "--exec-path")?.trim_end_matches('\n'));
        let exec_path = exec_path
            .canonicalize()
            .map_err(|source| GitError::NoExecPath { path: exec_path.clone(), source })?;
        Ok(Git { path, exec_path, version })
    }

    /// The program file, with symbolic links resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory of git's own programs (`git --exec-path`), with symbolic links resolved.
    pub fn exec_path(&self) -> &Path {
        &self.exec_path
    }

    /// The version it reports.
    pub fn version(&self) -> Version {
        self.version
    }
}

/// A version of git; what follows the third number is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
    /// The third number; zero when there is none (`2.50.rc1`).
    pub patch: u32,
}

impl Version {
    /// Reads the line that `git --version` prints.
    fn parse(line: &str) -> Option<Version> {
        let mut numbers = line.strip_prefix("git version ")?.split(['.', ' ', '\n']);
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        let patch = numbers.next().and_then(|number| number.parse().ok()).unwrap_or(0);
        Some(Version { major, minor, patch })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Why there is no git to run. Each is one line that an operator can act on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// No path was given and `PATH` holds no git.
    #[error("no git found along PATH: install git {oldest} or newer, or name it", oldest = Git::OLDEST)]
    NotInPath,
    /// There is nothing at the path.
    #[error("no git found at {path}: {source}", path = path.display())]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The program could not be run, or failed.
    #[error("git at {path} does not run: {reason}", path = path.display())]
    DoesNotRun {
        /// The program.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
    /// The program runs but is not git.
    #[error("{path} is not git: --version says {said:?}", path = path.display())]
    NotGit {
        /// The program.
        path: PathBuf,
        /// Its first line.
        said: String,
    },
    /// The program is git, but lacks what is needed here.
    #[error("git {version} at {path} is too old: {oldest} or newer is needed", path = path.display(), oldest = Git::OLDEST)]
    TooOld {
        /// The program.
        path: PathBuf,
        /// Its version.
        version: Version,
    },
    /// git names a directory for its programs that is not there.
    #[error("git names {path} for its programs, which cannot be opened: {source}", path = path.display())]
    NoExecPath {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn along_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("git")).find(|git| git.is_file())
}

fn ask(path: &Path, question: &str) -> Result<String, GitError> {
    let does_not_run = |reason: String| GitError::DoesNotRun { path: path.to_owned(), reason };
    let output = Command::new(path)
        .arg(question)
        .env_clear()
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| does_not_run(error.to_string()))?;
    if !output.status.success() {
        return Err(does_not_run(format!("{question} ended with {}", output.status)));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| does_not_run(format!("{question} printed something that is not text")))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or("").chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_vendors_print_them() {
        let version = |line| Version::parse(line).map(|version| version.to_string());
        assert_eq!(version("git version 2.47.3\n").as_deref(), Some("2.47.3"));
        assert_eq!(version("git version 2.39.5 (Apple Git-154)\n").as_deref(), Some("2.39.5"));
        assert_eq!(version("git version 2.50.0.rc1.12.gabcdef\n").as_deref(), Some("2.50.0"));
        assert_eq!(version("git version 3.0\n").as_deref(), Some("3.0.0"));
        assert_eq!(version("gitea version 1.22\n"), None);
        assert_eq!(version(""), None);
    }

    #[test]
    fn missing_and_foreign_programs_are_named() {
        let missing = Git::find(Some(Path::new("/nonexistent/git"))).unwrap_err().to_string();
        assert!(missing.starts_with("no git found at /nonexistent/git: "), "{missing}");
        let foreign = Git::find(Some(Path::new("/bin/echo"))).unwrap_err().to_string();
        assert!(foreign.contains(" is not git: "), "{foreign}");
    }
}
