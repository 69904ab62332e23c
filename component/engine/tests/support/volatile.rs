//! Native storage that forgets what was not flushed, as when the power fails.
//!
//! Beside the true files there is a record of what is durable: content of files as it was when they
//! were flushed, entries of directories as they were when those were. After a crash the files are
//! made anew from that.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use gitwasi_engine::storage::native::{NativeFile, NativeStorage};
use gitwasi_engine::storage::{
    DirEntry, Stat, Storage, StorageError, StorageFile, StorageWriter, WriteStorage,
};

use super::receive::files;
use super::write;

type Entries = BTreeMap<String, usize>;

/// A file or directory, under all of its names.
#[derive(Debug)]
enum Node {
    File { is: Vec<u8>, durable: Vec<u8> },
    Directory { is: Entries, durable: Entries },
}

impl Node {
    fn directory() -> Self {
        Self::Directory { is: Entries::new(), durable: Entries::new() }
    }

    fn flush(&mut self) {
        match self {
            Self::File { is, durable } => durable.clone_from(is),
            Self::Directory { is, durable } => durable.clone_from(is),
        }
    }
}

/// Files with their content and directories, by path; which of them are one file a number tells.
pub type Left = BTreeMap<String, (usize, Vec<u8>)>;

/// Makes a directory of what is left, links included.
pub fn restore(left: &Left, to: &Path) {
    std::fs::create_dir(to).expect("a directory");
    let mut made = BTreeMap::new();
    for (path, (number, content)) in left {
        let to = to.join(path);
        if path.ends_with('/') {
            std::fs::create_dir(to).expect("a directory");
        } else if let Some(first) = made.get(number) {
            std::fs::hard_link(first, to).expect("a link");
        } else {
            write(&to, content);
            made.insert(number, to);
        }
    }
}

/// What survives of what was not flushed: a file system may write it at any time, or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Survives {
    /// Content of files.
    pub content: bool,
    /// Entries of directories: of none, of all, or of some, which a number tells.
    pub entries: u64,
}

impl Survives {
    /// No entries.
    pub const NONE: u64 = 0;
    /// All entries.
    pub const ALL: u64 = u64::MAX;

    fn keeps(self, directory: &str) -> bool {
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        match self.entries {
            Self::NONE => false,
            Self::ALL => true,
            seed => directory.bytes().fold(seed, mix) >> 40 & 1 == 1,
        }
    }
}

#[derive(Debug)]
struct Record {
    nodes: RefCell<Vec<Node>>,
    left: Cell<usize>,
    dead: Cell<bool>,
}

/// Storage that dies at its write operation number `n`.
#[derive(Debug, Clone)]
pub struct Volatile {
    inner: NativeStorage,
    record: Rc<Record>,
}

impl Volatile {
    /// All that is below `name` in `root` is durable.
    pub fn new(root: &Path, name: &str, n: usize) -> Self {
        let record = Record {
            nodes: RefCell::new(vec![Node::directory()]),
            left: Cell::new(n),
            dead: Cell::new(false),
        };
        let storage = Self { inner: NativeStorage::new(root), record: Rc::new(record) };
        storage.add(name, Node::directory());
        for (path, content) in files(&root.join(name)) {
            let path = format!("{name}/{path}");
            match path.strip_suffix('/') {
                Some(path) => storage.add(path, Node::directory()),
                None => storage.add(&path, Node::File { is: content, durable: Vec::new() }),
            };
        }
        for node in storage.record.nodes.borrow_mut().iter_mut() {
            node.flush();
        }
        storage
    }

    /// Whether the operation was reached.
    pub fn is_dead(&self) -> bool {
        self.record.dead.get()
    }

    /// What is below `name` after a crash, by path.
    pub fn after_crash(&self, name: &str, survives: Survives) -> Left {
        let nodes = self.record.nodes.borrow();
        let mut found = BTreeMap::new();
        let mut unread = vec![(String::new(), find(&nodes, name).expect("a directory"))];
        while let Some((path, number)) = unread.pop() {
            let Node::Directory { is, durable } = &nodes[number] else { panic!("{path}") };
            let entries = if survives.keeps(&path) { is } else { durable };
            for (name, number) in entries {
                let path = format!("{path}{name}");
                match &nodes[*number] {
                    Node::Directory { .. } => {
                        found.insert(format!("{path}/"), (*number, Vec::new()));
                        unread.push((format!("{path}/"), *number));
                    }
                    Node::File { is, durable } => {
                        let content = if survives.content { is } else { durable };
                        found.insert(path, (*number, content.clone()));
                    }
                }
            }
        }
        found
    }

    fn check(&self) -> Result<(), StorageError> {
        match self.record.left.get() {
            0 => {
                self.record.dead.set(true);
                Err(StorageError::Failed("no power".into()))
            }
            left => {
                self.record.left.set(left - 1);
                Ok(())
            }
        }
    }

    fn find(&self, path: &str) -> usize {
        find(&self.record.nodes.borrow(), path).expect("what the file system has")
    }

    /// Gives a node a name; a file that is opened to be written may have it already.
    fn enter(&self, path: &str, number: usize) {
        let (parent, name) = split(path);
        let parent = self.find(parent);
        let mut nodes = self.record.nodes.borrow_mut();
        let Node::Directory { is, .. } = &mut nodes[parent] else { panic!("{path}") };
        is.insert(name.to_owned(), number);
    }

    fn leave(&self, path: &str) {
        let (parent, name) = split(path);
        let parent = self.find(parent);
        let mut nodes = self.record.nodes.borrow_mut();
        let Node::Directory { is, .. } = &mut nodes[parent] else { panic!("{path}") };
        is.remove(name);
    }

    fn add(&self, path: &str, node: Node) -> usize {
        let number = self.record.nodes.borrow().len();
        self.record.nodes.borrow_mut().push(node);
        self.enter(path, number);
        number
    }

    fn add_file(&self, path: &str) -> usize {
        self.add(path, Node::File { is: Vec::new(), durable: Vec::new() })
    }

    fn file(&self, file: NativeFile, number: usize) -> VolatileFile {
        VolatileFile { file, number, storage: self.clone() }
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn find(nodes: &[Node], path: &str) -> Option<usize> {
    let mut number = 0;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let Node::Directory { is, .. } = &nodes[number] else { return None };
        number = *is.get(name)?;
    }
    Some(number)
}

impl Storage for Volatile {
    type File = NativeFile;

    async fn entries(&self, dir: &str, limit: usize) -> Result<Vec<DirEntry>, StorageError> {
        self.inner.entries(dir, limit).await
    }

    async fn open(&self, path: &str) -> Result<NativeFile, StorageError> {
        self.inner.open(path).await
    }

    async fn stat(&self, path: &str) -> Result<Stat, StorageError> {
        self.inner.stat(path).await
    }

    async fn look(&self, path: &str) -> Result<Stat, StorageError> {
        self.inner.look(path).await
    }

    fn wall_clock(&self) -> u64 {
        self.inner.wall_clock()
    }

    fn locate(&self, absolute: &str) -> Option<String> {
        self.inner.locate(absolute)
    }

    fn now(&self) -> std::time::Duration {
        self.inner.now()
    }

    async fn yield_now(&self) {}

    async fn pause(&self, _milliseconds: u64) {}
}

impl WriteStorage for Volatile {
    type Writer = VolatileFile;

    async fn create_new(&self, path: &str) -> Result<VolatileFile, StorageError> {
        self.check()?;
        let file = self.inner.create_new(path).await?;
        Ok(self.file(file, self.add_file(path)))
    }

    async fn open_or_create(&self, path: &str) -> Result<VolatileFile, StorageError> {
        self.check()?;
        let file = self.inner.open_or_create(path).await?;
        let known = find(&self.record.nodes.borrow(), path);
        Ok(self.file(file, known.unwrap_or_else(|| self.add_file(path))))
    }

    async fn create_directory(&self, path: &str) -> Result<(), StorageError> {
        self.check()?;
        self.inner.create_directory(path).await?;
        self.add(path, Node::directory());
        Ok(())
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.check()?;
        self.inner.rename(from, to).await?;
        let number = self.find(from);
        self.leave(from);
        self.enter(to, number);
        Ok(())
    }

    async fn link(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.check()?;
        self.inner.link(from, to).await?;
        self.enter(to, self.find(from));
        Ok(())
    }

    async fn remove_file(&self, path: &str) -> Result<(), StorageError> {
        self.check()?;
        self.inner.remove_file(path).await?;
        self.leave(path);
        Ok(())
    }

    async fn remove_directory(&self, path: &str) -> Result<(), StorageError> {
        self.check()?;
        self.inner.remove_directory(path).await?;
        self.leave(path);
        Ok(())
    }

    async fn sync_directory(&self, path: &str) -> Result<(), StorageError> {
        self.check()?;
        self.inner.stat(path).await?;
        let number = self.find(path);
        self.record.nodes.borrow_mut()[number].flush();
        Ok(())
    }

    fn random(&self) -> u64 {
        self.inner.random()
    }
}

/// A file of [`Volatile`].
#[derive(Debug)]
pub struct VolatileFile {
    file: NativeFile,
    number: usize,
    storage: Volatile,
}

impl StorageFile for VolatileFile {
    async fn stat(&self) -> Result<Stat, StorageError> {
        self.file.stat().await
    }

    async fn read_at(&self, offset: u64, length: usize) -> Result<Vec<u8>, StorageError> {
        self.file.read_at(offset, length).await
    }
}

impl StorageWriter for VolatileFile {
    async fn write_at(&self, offset: u64, bytes: Vec<u8>) -> Result<(), StorageError> {
        self.storage.check()?;
        self.edit(|content| {
            let range = offset as usize..offset as usize + bytes.len();
            content.resize(content.len().max(range.end), 0);
            content[range].copy_from_slice(&bytes);
        });
        self.file.write_at(offset, bytes).await
    }

    async fn set_size(&self, size: u64) -> Result<(), StorageError> {
        self.storage.check()?;
        self.edit(|content| content.resize(size as usize, 0));
        self.file.set_size(size).await
    }

    async fn sync(&self) -> Result<(), StorageError> {
        self.storage.check()?;
        self.storage.record.nodes.borrow_mut()[self.number].flush();
        Ok(())
    }
}

impl VolatileFile {
    fn edit(&self, change: impl FnOnce(&mut Vec<u8>)) {
        match &mut self.storage.record.nodes.borrow_mut()[self.number] {
            Node::File { is, .. } => change(is),
            Node::Directory { .. } => panic!("a directory that is written to"),
        }
    }
}
