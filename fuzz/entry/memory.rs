//! Storage in memory, for fuzzing what writes: no file survives a run.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use gitwasi_engine::storage::{
    DirEntry, Kind, Stat, Storage, StorageError, StorageFile, StorageWriter, WriteStorage,
};

/// Files and directories by path; a directory has no content.
#[derive(Debug, Default)]
pub(crate) struct Memory(RefCell<BTreeMap<String, Option<Content>>>);

type Content = Rc<RefCell<Vec<u8>>>;

/// An open file.
#[derive(Debug)]
pub(crate) struct MemoryFile(Content);

impl Memory {
    /// A repository without objects.
    pub(crate) fn with_repository(name: &str) -> Self {
        let memory = Self::default();
        for directory in ["", "/objects", "/objects/pack", "/refs"] {
            memory.0.borrow_mut().insert(format!("{name}{directory}"), None);
        }
        let head = Rc::new(RefCell::new(b"ref: refs/heads/main\n".to_vec()));
        memory.0.borrow_mut().insert(format!("{name}/HEAD"), Some(head));
        memory
    }

    /// Puts a file there, and its directory.
    pub(crate) fn put(&self, path: &str, content: &[u8]) {
        let mut files = self.0.borrow_mut();
        if let Some((directory, _)) = path.rsplit_once('/') {
            files.entry(directory.to_owned()).or_insert(None);
        }
        files.insert(path.to_owned(), Some(Rc::new(RefCell::new(content.to_vec()))));
    }

    fn find(&self, path: &str) -> Result<Option<Content>, StorageError> {
        self.0.borrow().get(path).cloned().ok_or(StorageError::NotFound)
    }

    fn add(&self, path: &str, content: Option<Content>) -> Result<(), StorageError> {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let mut files = self.0.borrow_mut();
        match files.get(parent) {
            Some(None) => {}
            Some(Some(_)) => return Err(StorageError::WrongKind),
            None => return Err(StorageError::NotFound),
        }
        if files.contains_key(path) {
            return Err(StorageError::Exists);
        }
        files.insert(path.to_owned(), content);
        Ok(())
    }
}

impl Storage for Memory {
    type File = MemoryFile;

    async fn entries(&self, dir: &str, limit: usize) -> Result<Vec<DirEntry>, StorageError> {
        self.find(dir)?;
        let (files, prefix) = (self.0.borrow(), format!("{dir}/"));
        let names = files.iter().filter_map(|(path, content)| {
            let name = path.strip_prefix(&prefix).filter(|name| !name.contains('/'))?;
            let kind = if content.is_some() { Kind::File } else { Kind::Directory };
            Some(DirEntry { name: name.to_owned(), kind })
        });
        let names: Vec<_> = names.collect();
        if names.len() > limit { Err(StorageError::TooMany) } else { Ok(names) }
    }

    async fn open(&self, path: &str) -> Result<MemoryFile, StorageError> {
        self.find(path)?.map(MemoryFile).ok_or(StorageError::WrongKind)
    }

    async fn stat(&self, path: &str) -> Result<Stat, StorageError> {
        match self.find(path)? {
            Some(content) => MemoryFile(content).stat().await,
            None => {
                Ok(Stat { kind: Kind::Directory, size: 0, modified: 0, changed: 0, identity: 0 })
            }
        }
    }

    async fn look(&self, path: &str) -> Result<Stat, StorageError> {
        self.stat(path).await
    }

    fn locate(&self, _absolute: &str) -> Option<String> {
        None
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

impl WriteStorage for Memory {
    type Writer = MemoryFile;

    async fn create_new(&self, path: &str) -> Result<MemoryFile, StorageError> {
        let content = Content::default();
        self.add(path, Some(Rc::clone(&content)))?;
        Ok(MemoryFile(content))
    }

    async fn open_or_create(&self, path: &str) -> Result<MemoryFile, StorageError> {
        match self.open(path).await {
            Err(StorageError::NotFound) => self.create_new(path).await,
            opened => opened,
        }
    }

    async fn create_directory(&self, path: &str) -> Result<(), StorageError> {
        self.add(path, None)
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        let moved = self.0.borrow_mut().remove(from).ok_or(StorageError::NotFound)?;
        self.0.borrow_mut().insert(to.to_owned(), moved);
        Ok(())
    }

    async fn link(&self, from: &str, to: &str) -> Result<(), StorageError> {
        let content = self.find(from)?;
        self.add(to, content)
    }

    async fn remove_file(&self, path: &str) -> Result<(), StorageError> {
        self.0.borrow_mut().remove(path).map(drop).ok_or(StorageError::NotFound)
    }

    async fn remove_directory(&self, path: &str) -> Result<(), StorageError> {
        self.remove_file(path).await
    }

    async fn sync_directory(&self, _path: &str) -> Result<(), StorageError> {
        Ok(())
    }

    fn random(&self) -> u64 {
        self.0.borrow().len() as u64
    }
}

impl StorageFile for MemoryFile {
    async fn stat(&self) -> Result<Stat, StorageError> {
        let identity = Rc::as_ptr(&self.0) as usize as u64;
        Ok(Stat {
            kind: Kind::File,
            size: self.0.borrow().len() as u64,
            modified: 0,
            changed: 0,
            identity,
        })
    }

    async fn read_at(&self, offset: u64, length: usize) -> Result<Vec<u8>, StorageError> {
        let content = self.0.borrow();
        let rest = usize::try_from(offset).ok().and_then(|offset| content.get(offset..));
        let rest = rest.unwrap_or_default();
        Ok(rest[..length.min(rest.len())].to_vec())
    }
}

impl StorageWriter for MemoryFile {
    async fn write_at(&self, offset: u64, bytes: Vec<u8>) -> Result<(), StorageError> {
        let mut content = self.0.borrow_mut();
        let start = usize::try_from(offset).map_err(|_| StorageError::NoSpace)?;
        let end = start + bytes.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        content[start..end].copy_from_slice(&bytes);
        Ok(())
    }

    async fn set_size(&self, size: u64) -> Result<(), StorageError> {
        let size = usize::try_from(size).map_err(|_| StorageError::NoSpace)?;
        self.0.borrow_mut().resize(size, 0);
        Ok(())
    }

    async fn sync(&self) -> Result<(), StorageError> {
        Ok(())
    }
}
