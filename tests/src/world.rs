//! What nearly every scenario starts with: a root, a hermetic git, a server.

use std::path::{Path, PathBuf};

use crate::server::Gitwasi;
use crate::{Backend, Cell, Git, Repository, Scratch, Server, Setup};

/// A directory with a server's root, a client's home and a place to work in.
#[derive(Debug)]
pub struct World {
    cell: Cell,
    root: PathBuf,
    work: PathBuf,
    git: Git,
    // The last field: the directory goes after everything in it.
    scratch: Scratch,
}

impl World {
    /// Makes the directories of one cell's test.
    #[must_use]
    pub fn new(cell: Cell) -> Self {
        let scratch = Scratch::new();
        let root = scratch.directory("root");
        let work = scratch.directory("work");
        let git = Git::new(&scratch.join("home"), &work)
            .config("protocol.version", cell.protocol.version());
        Self { cell, root, work, git, scratch }
    }

    /// Returns the directory whose repositories are served.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the directory in which the client works.
    #[must_use]
    pub fn work(&self) -> &Path {
        &self.work
    }

    /// Returns a path beside root and work.
    #[must_use]
    pub fn beside(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Returns the client.
    #[must_use]
    pub fn git(&self) -> &Git {
        &self.git
    }

    /// Returns the client, working in a directory below [`work`](Self::work).
    #[must_use]
    pub fn within(&self, directory: &str) -> Git {
        self.git.within(directory)
    }

    /// Makes an empty bare repository below the root.
    #[track_caller]
    #[must_use]
    pub fn empty(&self, name: &str) -> Repository {
        Repository::bare(&self.git, &self.root.join(name), self.cell.format)
    }

    /// Makes a bare repository with a little of everything; see [`Repository::small`].
    #[track_caller]
    pub fn small(&self, name: &str) -> Repository {
        self.empty(name).small()
    }

    /// Returns a repository in a clone made by the client.
    #[must_use]
    pub fn clone_at(&self, name: &str) -> Repository {
        Repository::at(&self.git, &self.work.join(name))
    }

    /// Starts this cell's server.
    #[track_caller]
    #[must_use]
    pub fn serve(&self, setup: &Setup) -> Server {
        Server::start(self.cell.backend, &self.root, setup)
    }

    /// Starts our native server, whatever the cell says.
    #[track_caller]
    #[must_use]
    pub fn serve_gitwasi(&self, setup: &Setup) -> Gitwasi {
        Gitwasi::start(&self.root, setup)
    }
}

impl Default for World {
    /// The world of tests that do not walk the matrix; `E2E_BACKEND` runs them on another backend.
    fn default() -> Self {
        let named = |name: String| Backend::named(&name).unwrap_or_else(|| panic!("no {name}"));
        let backend = std::env::var("E2E_BACKEND").map_or(Cell::DEFAULT.backend, named);
        Self::new(Cell { backend, ..Cell::DEFAULT })
    }
}
