//! Writes `packed-refs` anew, with some refs set and some left out.
//!
//! The caller holds `packed-refs.lock`, so nobody else replaces the file meanwhile. It is read and
//! written in pieces; a file that is not sorted, which git has not written since 2018, is sorted
//! in memory.
//!
//! Spec: git-pack-refs(1); gitrepository-layout(5), "packed-refs"

use std::collections::BTreeMap;

use bstr::{BString, ByteSlice};
use gitwasi_wire::Oid;

use crate::storage::{BLOCK_SIZE, StorageError, StorageFile, StorageWriter, WriteStorage};
use crate::{Error, Repository, Result, hex};

/// Refs and what they and the tags they are shall be at; `None` leaves the ref out.
pub(super) type Rewrite = BTreeMap<BString, Option<(Oid, Option<Oid>)>>;

/// What git writes, the space at the end included.
const HEADER: &[u8] = b"# pack-refs with: peeled fully-peeled sorted \n";

/// Bytes of a line at most: an oid and the longest name a file system would take, and more.
const MAX_LINE: usize = 8 << 10;

/// Writes the file anew, unless that would change nothing.
pub(super) async fn rewrite<S: WriteStorage>(
    repository: &Repository<S>,
    scratch: &str,
    rewrite: &Rewrite,
) -> Result<()> {
    let storage = &repository.engine.storage;
    let path = repository.file("packed-refs");
    let new = format!("{scratch}.packed-refs");
    let mut reader = match storage.open(&path).await {
        Ok(file) => Some(Reader::new(file)),
        Err(error) if error.is_absent() => None,
        Err(error) => return Err(error.into()),
    };
    let mut writer = Writer { storage, path: &new, file: None, buffer: HEADER.to_vec(), at: 0 };
    let changed = merge(repository, &mut reader, rewrite, &mut writer).await;
    let written = match changed {
        Ok(true) => writer.finish().await.map_err(Error::from),
        Ok(false) => {
            if writer.file.take().is_some() {
                storage.remove_file(&new).await?;
            }
            return Ok(());
        }
        Err(error) => Err(error),
    };
    let moved = match written {
        Ok(()) => storage.rename(&new, &path).await.map_err(Error::from),
        Err(error) => Err(error),
    };
    if moved.is_err() {
        _ = storage.remove_file(&new).await;
        return moved;
    }
    Ok(storage.sync_directory(&repository.path).await?)
}

/// A line of the file, and the tag line behind it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    name: BString,
    oid: Oid,
    peeled: Option<Oid>,
}

async fn merge<S: WriteStorage>(
    repository: &Repository<S>,
    reader: &mut Option<Reader<S::File>>,
    rewrite: &Rewrite,
    writer: &mut Writer<'_, S>,
) -> Result<bool> {
    let mut changed = false;
    let mut wanted = rewrite.iter().peekable();
    let mut unsorted = None;
    if let Some(reader) = reader {
        reader.read_header(repository.object_format().hex_len()).await?;
        if !reader.sorted {
            let mut lines = Vec::new();
            while let Some(line) = reader.next().await? {
                if lines.len() == repository.engine.limits.refs {
                    return Err(Error::LimitExceeded("refs"));
                }
                lines.push(line);
            }
            lines.sort();
            unsorted = Some(lines.into_iter());
        }
    }
    loop {
        let line = match (&mut unsorted, &mut *reader) {
            (Some(lines), _) => lines.next(),
            (None, Some(reader)) => reader.next().await?,
            (None, None) => None,
        };
        while let Some((name, value)) =
            wanted.next_if(|(name, _)| line.as_ref().is_none_or(|line| name.as_bstr() < line.name))
        {
            changed |= value.is_some();
            writer.entry(name, *value).await?;
        }
        let Some(mut line) = line else { return Ok(changed) };
        if let Some((_, value)) = wanted.next_if(|(name, _)| **name == line.name) {
            changed |= value.is_none_or(|(oid, _)| oid != line.oid);
            writer.entry(&line.name, *value).await?;
            continue;
        }
        if line.peeled.is_none() && !reader.as_ref().is_some_and(|reader| reader.fully_peeled) {
            line.peeled = repository.odb().peel(&line.oid).await.unwrap_or_default();
        }
        writer.entry(&line.name, Some((line.oid, line.peeled))).await?;
        repository.engine.worked(1).await;
    }
}

#[derive(Debug)]
struct Writer<'a, S: WriteStorage> {
    storage: &'a S,
    path: &'a str,
    file: Option<S::Writer>,
    buffer: Vec<u8>,
    at: u64,
}

impl<S: WriteStorage> Writer<'_, S> {
    async fn entry(
        &mut self,
        name: &BString,
        value: Option<(Oid, Option<Oid>)>,
    ) -> Result<(), StorageError> {
        let Some((oid, peeled)) = value else { return Ok(()) };
        hex::append(&oid, &mut self.buffer);
        self.buffer.push(b' ');
        self.buffer.extend_from_slice(name);
        self.buffer.push(b'\n');
        if let Some(peeled) = peeled {
            self.buffer.push(b'^');
            hex::append(&peeled, &mut self.buffer);
            self.buffer.push(b'\n');
        }
        if self.buffer.len() >= BLOCK_SIZE { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), StorageError> {
        let file = match self.file.take() {
            Some(file) => file,
            None => self.storage.create_new(self.path).await?,
        };
        let file = self.file.insert(file);
        let piece = std::mem::take(&mut self.buffer);
        let length = piece.len() as u64;
        file.write_at(self.at, piece).await?;
        self.at += length;
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), StorageError> {
        self.flush().await?;
        match &self.file {
            Some(file) => file.sync().await,
            None => Ok(()),
        }
    }
}

#[derive(Debug)]
struct Reader<F> {
    file: F,
    offset: u64,
    block: Vec<u8>,
    used: usize,
    hex_len: usize,
    sorted: bool,
    fully_peeled: bool,
    /// A line that was read to see whether it is a tag line.
    held: Option<Vec<u8>>,
}

impl<F: StorageFile> Reader<F> {
    fn new(file: F) -> Self {
        let (block, held) = (Vec::new(), None);
        Self {
            file,
            offset: 0,
            block,
            used: 0,
            hex_len: 0,
            sorted: false,
            fully_peeled: false,
            held,
        }
    }

    async fn read_header(&mut self, hex_len: usize) -> Result<()> {
        self.hex_len = hex_len;
        self.held = self.line().await?;
        if let Some(traits) =
            self.held.as_deref().and_then(|line| line.strip_prefix(b"# pack-refs with:"))
        {
            let has = |name: &[u8]| traits.split(|byte| *byte == b' ').any(|word| word == name);
            (self.sorted, self.fully_peeled) = (has(b"sorted"), has(b"fully-peeled"));
            self.held = self.line().await?;
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Line>> {
        let bad = || Error::corrupt("packed-refs");
        loop {
            let Some(line) = self.held.take() else { return Ok(None) };
            self.held = self.line().await?;
            if line.starts_with(b"#") {
                continue;
            }
            let (digits, name) = line.split_at_checked(self.hex_len).ok_or_else(bad)?;
            let name = name.strip_prefix(b" ").ok_or_else(bad)?;
            let oid = hex::decode(digits).ok_or_else(bad)?;
            let peeled = match self.held.as_deref() {
                Some([b'^', digits @ ..]) => {
                    let peeled = Some(hex::decode(digits).ok_or_else(bad)?);
                    self.held = self.line().await?;
                    peeled
                }
                _ => None,
            };
            return Ok(Some(Line { name: name.into(), oid, peeled }));
        }
    }

    /// The next line without its line feed.
    async fn line(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        loop {
            if self.used == self.block.len() {
                self.block = self.file.read_at(self.offset, BLOCK_SIZE).await?;
                self.offset += self.block.len() as u64;
                self.used = 0;
                if self.block.is_empty() {
                    return Ok((!line.is_empty()).then_some(line));
                }
            }
            let rest = &self.block[self.used..];
            let end = rest.find_byte(b'\n');
            let piece = &rest[..end.unwrap_or(rest.len())];
            if line.len() + piece.len() > MAX_LINE {
                return Err(Error::corrupt("packed-refs: a line without end"));
            }
            line.extend_from_slice(piece);
            self.used += piece.len() + usize::from(end.is_some());
            if end.is_some() {
                return Ok(Some(line));
            }
        }
    }
}
