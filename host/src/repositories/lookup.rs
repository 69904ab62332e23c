//! From a repository's name to its git directory: nothing outside the root, whatever a name, a
//! symlink or an encoding says.
//!
//! Directories are opened one component after the other below an open root (`openat2` with
//! `RESOLVE_BENEATH` where the kernel has it), and it is the open directory that is handed on.
//!
//! Source: `enter_repo` and `is_git_directory` in git's `path.c` and `setup.c`.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use gitwasi_runtime::{BoxFuture, ErrorCode, RequestContext};

/// The most bytes that are read of `objects/info/alternates` or of a `.git` file. A larger one is
/// not followed.
const MAX_POINTER_BYTES: u64 = 64 * 1024;

/// How deep alternates may nest, as in git.
const MAX_ALTERNATE_DEPTH: usize = 5;

/// How many object directories one repository may borrow from. More are not followed.
const MAX_ALTERNATES: usize = 32;

/// Finds the git directory of a repository.
pub trait Lookup: Send + Sync + 'static {
    /// Returns the opened git directory (the one that holds `HEAD`, `objects` and `refs`), or
    /// none if there is no such repository.
    fn find<'a>(
        &'a self,
        context: &'a RequestContext,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Dir>, ErrorCode>>;
}

/// An async closure from a name to a path. The path is the embedder's and is opened as it is.
impl<F, Fut> Lookup for F
where
    F: Fn(String, http::Extensions) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Option<PathBuf>> + Send + 'static,
{
    fn find<'a>(
        &'a self,
        context: &'a RequestContext,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Dir>, ErrorCode>> {
        let found = self(name.to_owned(), context.extensions.clone());
        Box::pin(async move {
            let Some(path) = found.await else { return Ok(None) };
            let opened = tokio::task::spawn_blocking(move || {
                let parent = Dir::open_ambient_dir(&path, ambient_authority()).ok()?;
                match is_git_directory(&parent) {
                    true => Some(parent),
                    false => parent.open_dir(".git").ok().filter(is_git_directory),
                }
            });
            opened.await.map_err(|error| ErrorCode::Internal(error.to_string()))
        })
    }
}

/// A directory of repositories, at any depth.
#[derive(Debug)]
pub struct Root {
    directory: Arc<Dir>,
    path: PathBuf,
    /// The root's own name, when it is itself a repository: then it serves itself and nothing
    /// else.
    itself: Option<String>,
}

/// A root cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve {}: {source}", path.display())]
pub struct RootError {
    path: PathBuf,
    source: io::Error,
}

impl Root {
    /// Opens a directory of repositories, or a single one.
    ///
    /// # Errors
    ///
    /// It is not a directory that can be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RootError> {
        let path = path.as_ref();
        let failed = |source| RootError { path: path.to_owned(), source };
        let canonical = path.canonicalize().map_err(failed)?;
        let directory = Dir::open_ambient_dir(&canonical, ambient_authority()).map_err(failed)?;
        directory.entries().map_err(failed)?;
        let is_repository = is_git_directory(&directory)
            || directory.open_dir(".git").is_ok_and(|inner| is_git_directory(&inner));
        let name = canonical.file_name().and_then(|name| name.to_str()).unwrap_or("repository");
        let itself = is_repository.then(|| name.strip_suffix(".git").unwrap_or(name).to_owned());
        Ok(Self { directory: Arc::new(directory), path: canonical, itself })
    }

    /// The canonical path, for people.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name under which the root serves itself, if it is a repository.
    pub fn single_repository(&self) -> Option<&str> {
        self.itself.as_deref()
    }

    /// The name of some repository below the root, for people; looks a few folders deep.
    pub fn example(&self) -> Option<String> {
        const DEPTH: usize = 3;
        self.itself.clone().or_else(|| self.first_below("", DEPTH))
    }

    fn first_below(&self, folder: &str, depth: usize) -> Option<String> {
        /// The most entries that are looked at in one folder.
        const ENTRIES: usize = 256;
        let depth = depth.checked_sub(1)?;
        let opened = self.directory.open_dir(if folder.is_empty() { "." } else { folder }).ok()?;
        let entries = opened.entries().ok()?.take(ENTRIES).flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut paths: Vec<_> = names
            .filter(|name| !name.starts_with('.'))
            .map(|name| if folder.is_empty() { name } else { format!("{folder}/{name}") })
            .collect();
        paths.sort_unstable();
        let found = paths.iter().find(|path| self.enter(path).is_some()).cloned();
        found.or_else(|| paths.iter().find_map(|path| self.first_below(path, depth)))
    }

    /// The object directories that a repository borrows from, as far as they are below the root.
    pub(crate) fn alternates(&self, repository: &Dir) -> Vec<Dir> {
        let mut found = Vec::new();
        if let Ok(objects) = repository.open_dir("objects") {
            self.follow(&objects, MAX_ALTERNATE_DEPTH, &mut found);
        }
        found
    }

    fn follow(&self, objects: &Dir, depth: usize, found: &mut Vec<Dir>) {
        let Some(depth) = depth.checked_sub(1) else { return };
        let Some(text) = read_pointer(objects, "info/alternates") else { return };
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if found.len() == MAX_ALTERNATES {
                return;
            }
            if let Some(alternate) = self.resolve(objects, Path::new(line)) {
                self.follow(&alternate, depth, found);
                found.push(alternate);
            }
        }
    }

    /// Opens a path that is absolute or relative to `base`, if it is below the root.
    fn resolve(&self, base: &Dir, path: &Path) -> Option<Dir> {
        let absolute = match path.is_absolute() {
            true => path.to_owned(),
            false => descriptor_path(base)?.join(path),
        };
        let canonical = absolute.canonicalize().ok()?;
        self.directory.open_dir(canonical.strip_prefix(&self.path).ok()?).ok()
    }

    fn enter(&self, name: &str) -> Option<Dir> {
        let (name, root) = match &self.itself {
            // The root is the repository: its own name, with or without `.git`, is all there is.
            Some(itself) => {
                let asked = name.strip_suffix("/.git").unwrap_or(name);
                let asked = asked.strip_suffix(".git").unwrap_or(asked);
                (asked == itself).then_some((".", &self.directory))?
            }
            None => (name, &self.directory),
        };
        // In git's order: a working tree, the directory itself, both with `.git` appended.
        let candidates = [
            format!("{name}/.git"),
            name.to_owned(),
            format!("{name}.git/.git"),
            format!("{name}.git"),
        ];
        candidates.iter().find_map(|candidate| {
            let opened = root.open_dir(candidate).or_else(|_| self.follow_git_file(candidate));
            opened.ok().filter(is_git_directory)
        })
    }

    /// A `.git` file names the git directory of a submodule or a separate git directory.
    fn follow_git_file(&self, candidate: &str) -> io::Result<Dir> {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let folder = candidate.strip_suffix(".git").ok_or_else(missing)?;
        let folder = if folder.is_empty() { "." } else { folder };
        let folder = self.directory.open_dir(folder)?;
        let text = read_pointer(&folder, ".git").ok_or_else(missing)?;
        let path = text.strip_prefix("gitdir: ").ok_or_else(missing)?.trim_end_matches('\n');
        self.resolve(&folder, Path::new(path)).ok_or_else(missing)
    }
}

impl Lookup for Root {
    fn find<'a>(
        &'a self,
        _: &'a RequestContext,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Dir>, ErrorCode>> {
        let root = Self {
            directory: Arc::clone(&self.directory),
            path: self.path.clone(),
            itself: self.itself.clone(),
        };
        let name = name.to_owned();
        Box::pin(async move {
            tokio::task::spawn_blocking(move || root.enter(&name))
                .await
                .map_err(|error| ErrorCode::Internal(error.to_string()))
        })
    }
}

/// Whether git would take this for a git directory.
fn is_git_directory(directory: &Dir) -> bool {
    directory.symlink_metadata("HEAD").is_ok_and(|head| !head.is_dir())
        && directory.is_dir("objects")
        && directory.is_dir("refs")
}

/// Where an open directory is now.
fn descriptor_path(directory: &Dir) -> Option<PathBuf> {
    use std::os::fd::AsRawFd;
    let link = format!("/proc/self/fd/{}", directory.as_raw_fd());
    std::fs::read_link(link).ok()
}

fn read_pointer(directory: &Dir, name: &str) -> Option<String> {
    let file = directory.open(name).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    let read = file.take(MAX_POINTER_BYTES + 1).read_to_string(&mut text).ok()?;
    (read as u64 <= MAX_POINTER_BYTES).then_some(text)
}
