//! A directory of its own for every test, gone when the test is.

use std::path::{Path, PathBuf};

/// A new directory below `TMPDIR`, removed when dropped.
///
/// Its path is short, because a unix socket's path ends at 108 bytes, and canonical, so that it
/// can be compared with the links in `/proc`.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl Scratch {
    /// Makes a new, empty directory.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it writes to the disk")]
    pub fn new() -> Self {
        let directory =
            tempfile::Builder::new().prefix("gw-e2e-").tempdir().expect("a scratch directory");
        let path = directory.path().canonicalize().expect("the scratch directory's path");
        Self { path, _directory: directory }
    }

    /// Returns the directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a path inside the directory.
    #[must_use]
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Returns a directory inside, made if it was missing.
    #[must_use]
    pub fn directory(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.join(name);
        std::fs::create_dir_all(&path).expect("a directory inside the scratch directory");
        path
    }
}
