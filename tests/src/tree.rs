//! A directory byte for byte, to tell whether anything in it changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// What a directory holds: every path below it, with its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Directory,
    File { length: u64, fingerprint: u64 },
    Link(PathBuf),
}

impl Tree {
    /// Reads all of `root`. What goes while it is read is not in it.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let mut entries = BTreeMap::new();
        collect(root, root, &mut entries).expect("a directory to read");
        Self(entries)
    }

    /// Panics with the paths that differ, if any do.
    #[track_caller]
    pub fn assert_unchanged(&self, root: &Path) {
        let now = Self::read(root);
        let paths = self.0.keys().chain(now.0.keys());
        let changed: Vec<_> = paths.filter(|path| self.0.get(*path) != now.0.get(*path)).collect();
        assert!(changed.is_empty(), "changed in {}: {changed:?}", root.display());
    }
}

fn collect(
    root: &Path,
    directory: &Path,
    entries: &mut BTreeMap<PathBuf, Entry>,
) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let entry = match read(root, &path, entries) {
            Ok(entry) => entry,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let name = path.strip_prefix(root).expect("a path below the root").to_owned();
        entries.insert(name, entry);
    }
    Ok(())
}

fn read(root: &Path, path: &Path, entries: &mut BTreeMap<PathBuf, Entry>) -> io::Result<Entry> {
    let kind = fs::symlink_metadata(path)?;
    if kind.is_symlink() {
        return fs::read_link(path).map(Entry::Link);
    }
    if kind.is_dir() {
        collect(root, path, entries)?;
        return Ok(Entry::Directory);
    }
    let bytes = fs::read(path)?;
    Ok(Entry::File { length: bytes.len() as u64, fingerprint: fingerprint(&bytes) })
}

/// FNV-1a: enough to notice a change that nobody tries to hide.
fn fingerprint(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
