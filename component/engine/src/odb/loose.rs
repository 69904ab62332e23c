//! Loose objects: one zlib stream each, header included.
//!
//! Spec: gitformat-loose(5)

use std::rc::Rc;

use flate2::Decompress;
use gitwasi_wire::Oid;

use super::InflatePool;
use crate::object::Kind;
use crate::storage::{BLOCK_SIZE, Storage, StorageFile};
use crate::working_memory::{Leased, Share};
use crate::{Engine, Error, Result};

/// Bytes within which git too expects the header to end.
const MAX_HEADER: usize = 32;

/// Bytes of a file that is kept for the next who asks: most commits and trees.
const SMALL_FILE: u64 = 8 * 1024;

pub(super) fn path(directory: &str, oid: &Oid) -> String {
    let hex = oid.to_string();
    format!("{directory}/{}/{}", &hex[..2], &hex[2..])
}

pub(super) async fn exists<S: Storage>(
    engine: &Engine<S>,
    directory: &str,
    oid: &Oid,
) -> Result<bool> {
    Ok(engine.look(&path(directory, oid)).await?.is_some())
}

/// Where the deflated bytes come from.
#[derive(Debug)]
enum Source<S: Storage> {
    File(S::File),
    Memory(Rc<Vec<u8>>),
}

/// A loose object that is read piece by piece.
#[derive(Debug)]
pub(crate) struct LooseReader<S: Storage> {
    source: Source<S>,
    offset: u64,
    input: Vec<u8>,
    used: usize,
    inflater: Decompress,
    ended: bool,
    /// Content that came out with the header.
    head: Vec<u8>,
    kind: Kind,
    size: u64,
    left: u64,
}

impl<S: Storage> LooseReader<S> {
    pub(crate) async fn open(engine: &Engine<S>, path: &str) -> Result<Self> {
        Self::begin(Source::File(engine.storage.open(path).await?)).await
    }

    /// One whose file is in memory.
    pub(crate) async fn held(file: Rc<Vec<u8>>) -> Result<Self> {
        Self::begin(Source::Memory(file)).await
    }

    async fn begin(source: Source<S>) -> Result<Self> {
        let mut reader = Self {
            source,
            offset: 0,
            input: Vec::new(),
            used: 0,
            inflater: Decompress::new(true),
            ended: false,
            head: Vec::with_capacity(MAX_HEADER),
            kind: Kind::Blob,
            size: 0,
            left: 0,
        };
        let mut head = Vec::with_capacity(MAX_HEADER);
        while head.len() < MAX_HEADER && !reader.ended {
            reader.inflate(&mut head).await?;
        }
        let (kind, size, length) =
            header(&head).ok_or_else(|| Error::corrupt("a loose object's header"))?;
        head.drain(..length);
        (reader.kind, reader.size, reader.left, reader.head) = (kind, size, size, head);
        Ok(reader)
    }

    /// The whole file, if it is small and no more of it than the header was asked for.
    pub(super) fn small_file(&self) -> Option<&[u8]> {
        let is_whole = self.offset == self.input.len() as u64;
        (is_whole && self.offset <= SMALL_FILE).then_some(&*self.input)
    }

    /// What the object is.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Bytes of its content.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The next piece of the content, at most 64 KiB; empty at the end.
    ///
    /// # Errors
    /// [`Error::Corrupt`] unless the content has the size the header says.
    pub(crate) async fn next(&mut self) -> Result<Vec<u8>> {
        let mut out = std::mem::take(&mut self.head);
        while out.is_empty() && !self.ended {
            out.reserve_exact(BLOCK_SIZE);
            self.inflate(&mut out).await?;
        }
        match self.left.checked_sub(out.len() as u64) {
            Some(left) => self.left = left,
            None => return Err(Error::corrupt("a loose object larger than it says")),
        }
        if out.is_empty() && self.left > 0 {
            return Err(Error::corrupt("a loose object smaller than it says"));
        }
        Ok(out)
    }

    /// The whole content.
    pub(crate) async fn read_all(
        mut self,
        limit: u64,
        memory: &Rc<Share>,
    ) -> Result<Leased<Vec<u8>>> {
        if self.size > limit {
            return Err(Error::LimitExceeded("object_size"));
        }
        let mut content = Leased::<Vec<u8>>::new(memory);
        loop {
            let piece = self.next().await?;
            if piece.is_empty() {
                return Ok(content);
            }
            if content.is_empty() && self.left == 0 {
                return Leased::held(memory, piece);
            }
            content.extend_from_slice(&piece)?;
        }
    }

    async fn inflate(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if self.used == self.input.len() {
            self.input = match &self.source {
                Source::File(file) => file.read_at(self.offset, BLOCK_SIZE).await?,
                Source::Memory(file) if self.offset == 0 => file.to_vec(),
                Source::Memory(_) => Vec::new(),
            };
            self.offset += self.input.len() as u64;
            self.used = 0;
            if self.input.is_empty() {
                return Err(Error::corrupt("a loose object that ends early"));
            }
        }
        let progress = InflatePool::step(&mut self.inflater, &self.input[self.used..], out)?;
        self.used += progress.consumed;
        self.ended = progress.ended;
        Ok(())
    }
}

fn header(head: &[u8]) -> Option<(Kind, u64, usize)> {
    let end = head.iter().position(|byte| *byte == 0)?;
    let space = head[..end].iter().position(|byte| *byte == b' ')?;
    let digits = &head[space + 1..end];
    if digits.is_empty() || digits.len() > 1 && digits[0] == b'0' {
        return None;
    }
    let mut size = 0u64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        size = size.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
    }
    Some((Kind::from_name(&head[..space])?, size, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_git_s_headers_are_taken() {
        assert_eq!(header(b"blob 12\0hello"), Some((Kind::Blob, 12, 8)));
        assert_eq!(header(b"tree 0\0"), Some((Kind::Tree, 0, 7)));
        for bad in [&b"blob 012\0"[..], b"blob -1\0", b"blob \0", b"blobs 1\0", b"blob 1", b""] {
            assert_eq!(header(bad), None, "{bad:?}");
        }
        assert_eq!(header(b"blob 99999999999999999999\0"), None);
    }
}
