//! Storage in memory, for tests and fuzz targets. Never pending.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{DirEntry, Kind, Stat, Storage, StorageError, StorageFile};

/// Files by their paths. A directory is there when something is below it.
#[derive(Debug, Clone, Default)]
pub struct MemoryStorage(BTreeMap<String, MemoryFile>);

/// A file in memory.
#[derive(Debug, Clone)]
pub struct MemoryFile {
    content: Rc<Vec<u8>>,
    identity: u64,
}

impl MemoryStorage {
    /// Adds a file, or replaces it.
    pub fn insert(&mut self, path: &str, content: Vec<u8>) {
        let identity = self.0.values().map(|file| file.identity + 1).max().unwrap_or_default();
        self.0.insert(path.to_owned(), MemoryFile { content: Rc::new(content), identity });
    }

    /// Removes a file.
    pub fn remove(&mut self, path: &str) {
        self.0.remove(path);
    }

    /// What follows the slash in the paths below a directory.
    fn below(&self, dir: &str) -> impl Iterator<Item = &str> {
        let prefix = format!("{dir}/");
        let paths = self.0.range(prefix.clone()..).map(|(path, _)| path.as_str());
        let below = move |path: &str| path.starts_with(&prefix);
        let skip = dir.len() + 1;
        paths.take_while(move |path| below(path)).map(move |path| &path[skip..])
    }
}

impl Storage for MemoryStorage {
    type File = MemoryFile;

    async fn entries(&self, dir: &str, limit: usize) -> Result<Vec<DirEntry>, StorageError> {
        let mut entries: Vec<DirEntry> = Vec::new();
        for path in self.below(dir) {
            let (name, kind) = match path.split_once('/') {
                Some((name, _)) => (name, Kind::Directory),
                None => (path, Kind::File),
            };
            if entries.last().is_some_and(|entry| entry.name == name) {
                continue;
            }
            if entries.len() == limit {
                return Err(StorageError::TooMany);
            }
            entries.push(DirEntry { name: name.to_owned(), kind });
        }
        if entries.is_empty() { Err(StorageError::NotFound) } else { Ok(entries) }
    }

    async fn open(&self, path: &str) -> Result<MemoryFile, StorageError> {
        self.0.get(path).cloned().ok_or(StorageError::NotFound)
    }

    async fn stat(&self, path: &str) -> Result<Stat, StorageError> {
        match self.0.get(path) {
            Some(file) => file.stat().await,
            None if self.below(path).next().is_some() => {
                Ok(Stat { kind: Kind::Directory, size: 0, modified: 0, changed: 0, identity: 0 })
            }
            None => Err(StorageError::NotFound),
        }
    }

    async fn look(&self, path: &str) -> Result<Stat, StorageError> {
        self.stat(path).await
    }

    fn locate(&self, absolute: &str) -> Option<String> {
        absolute.strip_prefix('/').map(str::to_owned)
    }

    fn now(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }

    fn wall_clock(&self) -> u64 {
        0
    }

    async fn yield_now(&self) {}

    async fn pause(&self, _milliseconds: u64) {}
}

impl StorageFile for MemoryFile {
    async fn stat(&self) -> Result<Stat, StorageError> {
        let size = self.content.len() as u64;
        Ok(Stat { kind: Kind::File, size, modified: 0, changed: 0, identity: self.identity })
    }

    async fn read_at(&self, offset: u64, length: usize) -> Result<Vec<u8>, StorageError> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.content.len());
        let end = start.saturating_add(length).min(self.content.len());
        Ok(self.content[start..end].to_vec())
    }
}
