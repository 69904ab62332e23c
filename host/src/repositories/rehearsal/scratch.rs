//! A scratch git directory: what git's decision about a push depends on.
//!
//! Copied, because git writes here, or linked, where git puts a new file in the place of the old one.
//! The objects are the repository's own, by way of an alternate, which git only reads. Of the loose
//! refs, of which there may be any number, those that the push can meet are here; for what the
//! repository has already, git asks the alternate for its refs.
//!
//! Spec: gitrepository-layout(5)

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use cap_std::fs::{Dir, OpenOptions};

use super::super::quarantine::Scratch;
use super::config;
use super::spool::{Kept, Spool, spool};

/// Files that are copied: their count bounds the time, as most of a second for each 30,000. More are
/// only where a push names a directory of so many refs, or so many refs; it is not rehearsed, and
/// leaves what git leaves.
const MAX_FILES: usize = 100_000;

/// Bytes that are copied. Most is linked. The same is done with more.
const MAX_BYTES: u64 = 256 << 20;

/// How deep refs may be nested.
const MAX_DEPTH: usize = 64;

/// How far git follows symbolic refs. Source: `SYMREF_MAXDEPTH` in git's `refs.h`.
const MAX_SYMBOLIC: usize = 5;

/// Bytes of a symbolic ref, whose target is a path. Of a longer one git makes nothing either.
const MAX_REF_BYTES: u64 = 4200;

/// How often the reftables are taken anew because they were compacted meanwhile.
const MAX_ATTEMPTS: usize = 5;

/// From the scratch directory to the repository.
const REPOSITORY: &str = "../..";

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

/// What a rehearsal needs to know.
pub(super) struct Wanted {
    /// What `git config -z --list` has printed.
    pub(super) settings: Vec<u8>,
    /// The refs of the push, as the repository names them.
    pub(super) refs: Vec<Vec<u8>>,
    /// Bytes of the request that are kept.
    pub(super) limit: u64,
}

/// A place for a rehearsal.
pub(super) struct Place {
    pub(super) scratch: Arc<Scratch>,
    /// The git directory, which is the scratch directory itself.
    pub(super) directory: Dir,
    pub(super) spool: Spool,
    pub(super) kept: Arc<Kept>,
}

/// Makes a place for a rehearsal. Blocks.
///
/// # Errors
///
/// Something is not as it is copied here, or cannot be copied.
pub(super) fn set_up(repository: &Dir, wanted: &Wanted) -> io::Result<Place> {
    if repository.exists("commondir") {
        // A linked worktree: its refs and its configuration are somewhere else.
        return Err(io::ErrorKind::Unsupported.into());
    }
    let scratch = Arc::new(Scratch::make(repository)?);
    let directory = scratch.open()?;
    directory.create_dir_all("objects/info")?;
    directory.create_dir("objects/pack")?;
    directory.write("objects/info/alternates", format!("{REPOSITORY}\n"))?;
    directory.write("config", config::written(&wanted.settings, REPOSITORY))?;
    directory.create_dir("refs")?;
    let mut copy = Copy { files: MAX_FILES, bytes: MAX_BYTES, refs: HashSet::new() };
    copy.git_directory(repository, &directory)?;
    let mut heads = vec![symbolic(&directory, Path::new("HEAD"))?];
    if let Some(worktrees) = there(repository.open_dir("worktrees"))? {
        for entry in worktrees.entries()? {
            let name = Path::new("worktrees").join(entry?.file_name());
            let Some(worktree) = there(repository.open_dir(&name))? else { continue };
            copy.count(0)?;
            directory.create_dir_all(&name)?;
            let to = directory.open_dir(&name)?;
            copy.git_directory(&worktree, &to)?;
            copy.file(&worktree, &to, Path::new("commondir"))?;
            heads.push(symbolic(&to, Path::new("HEAD"))?);
        }
    }
    for target in heads.into_iter().flatten() {
        copy.met_ref(repository, &directory, &target)?;
    }
    for name in &wanted.refs {
        copy.met_ref(repository, &directory, name)?;
    }
    // Behind the loose refs: one that is packed meanwhile is found in the one or in the other.
    copy.linked(repository, &directory, Path::new("packed-refs"))?;
    let (spool, kept) = spool(&directory, wanted.limit)?;
    Ok(Place { scratch, directory, spool, kept })
}

/// How much may still be copied.
struct Copy {
    files: usize,
    bytes: u64,
    /// Refs that were looked at.
    refs: HashSet<PathBuf>,
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
        self.reftables(from, to)
    }

    /// Copies a ref and what it leads to, and what is in the way of each.
    fn met_ref(&mut self, from: &Dir, to: &Dir, name: &[u8]) -> io::Result<()> {
        let mut name = PathBuf::from(OsStr::from_bytes(name));
        for _ in 0..=MAX_SYMBOLIC {
            let is_plain = name.components().all(|part| matches!(part, Component::Normal(_)));
            // Git takes no such name, or it was looked at.
            if !is_plain || !name.starts_with("refs") || !self.refs.insert(name.clone()) {
                break;
            }
            self.ref_and_its_way(from, to, &name)?;
            let Some(target) = symbolic(to, &name)? else { break };
            name = PathBuf::from(OsString::from_vec(target));
        }
        Ok(())
    }

    /// Copies a ref, or the one above it that is in its way, or all those below it.
    fn ref_and_its_way(&mut self, from: &Dir, to: &Dir, name: &Path) -> io::Result<()> {
        let mut path = PathBuf::new();
        for component in name.components() {
            path.push(component);
            let Some(metadata) = there(from.symlink_metadata(&path))? else { break };
            if !metadata.is_dir() {
                return self.file(from, to, &path);
            }
            to.create_dir_all(&path)?;
        }
        if path == name { self.refs(from, to, name, MAX_DEPTH) } else { Ok(()) }
    }

    /// Copies all refs of a directory.
    fn refs(&mut self, from: &Dir, to: &Dir, below: &Path, depth: usize) -> io::Result<()> {
        let depth = depth.checked_sub(1).ok_or(io::ErrorKind::FileTooLarge)?;
        let Some(directory) = there(from.open_dir(below))? else { return Ok(()) };
        to.create_dir_all(below)?;
        for entry in directory.entries()? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.count(0)?;
                self.refs(from, to, &path, depth)?;
            } else if path.extension().is_none_or(|extension| extension != "lock") {
                // A lock is gone before git would give up waiting for it.
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
                self.linked(from, to, &Path::new("reftable").join(name))?;
            }
            if self.read(from, Path::new(LIST))? == list {
                return to.write(LIST, list);
            }
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    /// Links a file, which git does not write to, if it is there.
    fn linked(&mut self, from: &Dir, to: &Dir, path: &Path) -> io::Result<()> {
        let Some(metadata) = there(from.symlink_metadata(path))? else { return Ok(()) };
        if metadata.is_file() && from.hard_link(path, to, path).is_ok() {
            return self.count(0);
        }
        self.file(from, to, path)
    }

    /// Copies a file if it is there, and here is none yet.
    fn file(&mut self, from: &Dir, to: &Dir, path: &Path) -> io::Result<()> {
        if there(to.symlink_metadata(path))?.is_some() {
            return Ok(());
        }
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
        let mut copied = to.open_with(path, OpenOptions::new().write(true).create_new(true))?;
        // No more than was counted, if it grows.
        io::copy(&mut opened.take(metadata.len()), &mut copied)?;
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

/// What a symbolic ref leads to; none if it is another one, or not there.
fn symbolic(directory: &Dir, path: &Path) -> io::Result<Option<Vec<u8>>> {
    let Some(metadata) = there(directory.symlink_metadata(path))? else { return Ok(None) };
    if metadata.is_symlink() {
        return directory
            .read_link_contents(path)
            .map(|target| Some(target.into_os_string().into_vec()));
    }
    if !metadata.is_file() {
        return Ok(None);
    }
    let mut content = Vec::new();
    directory.open(path)?.take(MAX_REF_BYTES).read_to_end(&mut content)?;
    Ok(content.strip_prefix(b"ref:").map(|target| target.trim_ascii().to_vec()))
}

/// What is gone is not there, nor is what cannot be.
fn there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory | InvalidFilename) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
