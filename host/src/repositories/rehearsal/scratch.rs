//! A scratch git directory: what git's decision about a push depends on.
//!
//! Copied, because git writes here; where the file system can, without copying any bytes. The objects are
//! the repository's own, by way of an alternate, which git only reads.
//!
//! All refs, also those that the push does not name: a loose one covers a packed one whose objects may
//! be gone, and what a shallow client may push depends on all of them.
//!
//! Spec: gitrepository-layout(5)

use std::io::{self, Read, Write};
use std::path::{Component, Path};
use std::sync::Arc;

use cap_std::fs::{Dir, OpenOptions};

use super::super::quarantine::Scratch;
use super::config;
use super::spool::{Kept, Spool, spool};

/// Files that are looked at, most of them loose refs: their count bounds the time, as most of a second
/// for each 30,000. A push to a repository with more is not rehearsed, and leaves what git leaves.
const MAX_FILES: usize = 100_000;

/// Bytes that are copied: the `packed-refs` of 3 million refs. The same is done with more.
const MAX_BYTES: u64 = 256 << 20;

/// How deep refs may be nested.
const MAX_DEPTH: usize = 64;

/// Bytes of `objects/info/alternates`. Of a longer one nothing is taken over, and what it names is found
/// one step further away.
const MAX_ALTERNATES_BYTES: u64 = 64 << 10;

/// From the scratch directory to the repository.
const REPOSITORY: &str = "../..";

/// How often the reftables are taken anew because they were compacted meanwhile.
const MAX_ATTEMPTS: usize = 5;

/// The files of a git directory, or of a linked worktree's, that are copied if they are there. Those
/// of a rebase and a bisection tell of a branch that is in use.
const FILES: &[&str] = &[
    "HEAD",
    "shallow",
    "info/grafts",
    "gitdir",
    "locked",
    "BISECT_LOG",
    "BISECT_START",
    "rebase-apply/applying",
    "rebase-apply/head-name",
    "rebase-merge/head-name",
];

/// Where the files stand of a path that has a directory.
const DIRECTORIES: &[&str] = &["info", "rebase-apply", "rebase-merge"];

/// A place for a rehearsal.
pub(super) struct Place {
    pub(super) scratch: Arc<Scratch>,
    /// The git directory, which is the scratch directory itself.
    pub(super) directory: Dir,
    pub(super) spool: Spool,
    pub(super) kept: Arc<Kept>,
}

/// Makes a place for a rehearsal, with `settings` as `git config` has printed them, where `limit` bytes of
/// a request are kept. Blocks.
///
/// # Errors
///
/// Something is not as it is copied here, or cannot be copied.
pub(super) fn set_up(repository: &Dir, settings: &[u8], limit: u64) -> io::Result<Place> {
    if repository.exists("commondir") {
        // A linked worktree: its refs and its configuration are somewhere else.
        return Err(io::ErrorKind::Unsupported.into());
    }
    let scratch = Arc::new(Scratch::make(repository)?);
    let directory = scratch.open()?;
    directory.create_dir_all("objects/info")?;
    directory.create_dir("objects/pack")?;
    directory.write("objects/info/alternates", alternates(repository)?)?;
    directory.write("config", config::written(settings, REPOSITORY))?;
    let mut copy = Copy { files: MAX_FILES, bytes: MAX_BYTES };
    copy.git_directory(repository, &directory)?;
    if let Some(worktrees) = there(repository.open_dir("worktrees"))? {
        for entry in worktrees.entries()? {
            let name = Path::new("worktrees").join(entry?.file_name());
            let Some(worktree) = there(repository.open_dir(&name))? else { continue };
            copy.count(0)?;
            directory.create_dir_all(&name)?;
            let to = directory.open_dir(&name)?;
            copy.git_directory(&worktree, &to)?;
            copy.file(&worktree, &to, Path::new("commondir"))?;
        }
    }
    let (spool, kept) = spool(&directory, limit)?;
    Ok(Place { scratch, directory, spool, kept })
}

/// The repository's objects, behind those that it borrows: git follows alternates so many steps and not
/// more.
fn alternates(repository: &Dir) -> io::Result<Vec<u8>> {
    let mut borrowed = Vec::new();
    if let Some(file) = there(repository.open("objects/info/alternates"))? {
        file.take(MAX_ALTERNATES_BYTES).read_to_end(&mut borrowed)?;
    }
    let mut alternates = Vec::new();
    if (borrowed.len() as u64) < MAX_ALTERNATES_BYTES {
        for line in borrowed.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            // What is quoted is not looked into.
            if !line.starts_with(b"/") && !line.starts_with(b"#") && !line.starts_with(b"\"") {
                alternates.extend_from_slice(REPOSITORY.as_bytes());
                alternates.push(b'/');
            }
            alternates.extend_from_slice(line);
            alternates.push(b'\n');
        }
    }
    alternates.extend_from_slice(REPOSITORY.as_bytes());
    alternates.push(b'\n');
    Ok(alternates)
}

/// How much may still be copied.
struct Copy {
    files: usize,
    bytes: u64,
}

impl Copy {
    fn git_directory(&mut self, from: &Dir, to: &Dir) -> io::Result<()> {
        for name in DIRECTORIES {
            if from.exists(name) {
                to.create_dir_all(name)?;
            }
        }
        for name in FILES {
            self.file(from, to, Path::new(name))?;
        }
        self.reftables(from, to)?;
        // In this order: a ref that is packed meanwhile is found in the one or in the other.
        self.refs(from, to, Path::new("refs"), MAX_DEPTH)?;
        self.file(from, to, Path::new("packed-refs"))
    }

    fn refs(&mut self, from: &Dir, to: &Dir, below: &Path, depth: usize) -> io::Result<()> {
        let depth = depth.checked_sub(1).ok_or(io::ErrorKind::FileTooLarge)?;
        if from.symlink_metadata(below).is_ok_and(|directory| directory.is_symlink()) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let Some(directory) = there(from.open_dir(below))? else { return Ok(()) };
        to.create_dir_all(below)?;
        for entry in directory.entries()? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.count(0)?;
                self.refs(from, to, &path, depth)?;
            } else if path.extension().is_some_and(|extension| extension == "lock") {
                // It is gone before git would give up waiting for it.
                self.count(0)?;
            } else {
                self.file(from, to, &path)?;
            }
        }
        Ok(())
    }

    /// Copies the tables that were in use at one moment. Spec: git's `reftable.adoc`, "Compaction".
    fn reftables(&mut self, from: &Dir, to: &Dir) -> io::Result<()> {
        const LIST: &str = "reftable/tables.list";
        if !from.exists("reftable") {
            return Ok(());
        }
        to.create_dir_all("reftable")?;
        for _ in 0..MAX_ATTEMPTS {
            let list = self.read(from, Path::new(LIST))?;
            for name in list.split(|byte| *byte == b'\n').filter(|name| !name.is_empty()) {
                let name = std::str::from_utf8(name).map_err(io::Error::other)?;
                let mut components = Path::new(name).components();
                if !matches!(
                    (components.next(), components.next()),
                    (Some(Component::Normal(_)), None)
                ) {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                self.file(from, to, &Path::new("reftable").join(name))?;
            }
            if self.read(from, Path::new(LIST))? == list {
                // There is none unless the list names itself.
                let mut options = OpenOptions::new();
                return to.open_with(LIST, options.write(true).create_new(true))?.write_all(&list);
            }
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    /// Copies a file if it is there.
    fn file(&mut self, from: &Dir, to: &Dir, path: &Path) -> io::Result<()> {
        let Some(metadata) = there(from.symlink_metadata(path))? else { return Ok(()) };
        if metadata.is_symlink() {
            return self.symbolic_link(from, to, path);
        }
        // Whoever opens a fifo waits.
        if !metadata.is_file() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let Some(opened) = there(from.open(path))? else { return Ok(()) };
        let metadata = opened.metadata()?;
        self.count(metadata.len())?;
        let copied = to.open_with(path, OpenOptions::new().write(true).create_new(true));
        // A reftable that is in the list twice, or still there since the last attempt.
        let Some(mut copied) = unless_there(copied)?.map(cap_std::fs::File::into_std) else {
            return Ok(());
        };
        // No more than was counted, if it grows.
        io::copy(&mut opened.into_std().take(metadata.len()), &mut copied)?;
        Ok(())
    }

    /// A symbolic link to a ref is how git made symbolic refs, and leads nowhere else in the copy.
    fn symbolic_link(&mut self, from: &Dir, to: &Dir, path: &Path) -> io::Result<()> {
        let Some(target) = there(from.read_link(path))? else { return Ok(()) };
        let is_plain = target.components().all(|part| matches!(part, Component::Normal(_)));
        if !is_plain || !target.starts_with("refs") {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.count(0)?;
        to.symlink(target, path)
    }

    fn read(&mut self, from: &Dir, path: &Path) -> io::Result<Vec<u8>> {
        let opened = from.open(path)?;
        let length = opened.metadata()?.len();
        self.count(length)?;
        let mut content = Vec::new();
        opened.take(length).read_to_end(&mut content)?;
        Ok(content)
    }

    fn count(&mut self, bytes: u64) -> io::Result<()> {
        self.files = self.files.checked_sub(1).ok_or(io::ErrorKind::FileTooLarge)?;
        self.bytes = self.bytes.checked_sub(bytes).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(())
    }
}

fn unless_there<T>(made: io::Result<T>) -> io::Result<Option<T>> {
    match made {
        Ok(made) => Ok(Some(made)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is gone is not there.
fn there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
