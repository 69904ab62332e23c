//! One table: a file of blocks, found by its footer.

use gitwasi_wire::ObjectFormat;

use super::block::{Block, Value};
use crate::storage::{CachedFile, Storage};
use crate::{Engine, Error, Result};

/// An open table.
#[derive(Debug)]
pub(super) struct Table<S: Storage> {
    file: CachedFile<S>,
    format: ObjectFormat,
    /// Bytes of the file's header, which is part of the first block.
    header: u64,
    /// Blocks begin at multiples of this, where it is not 0.
    alignment: u64,
    /// Where the blocks end.
    end: u64,
    /// Where the index of the ref blocks begins; 0 for none.
    index: u64,
}

/// Reads the refs of one table in order.
#[derive(Debug)]
pub(super) struct Cursor<S: Storage> {
    table: Table<S>,
    block: Option<Block>,
    next: u64,
    /// The name of the record that was read last.
    pub(super) name: Vec<u8>,
    /// What it says; `None` at the end.
    pub(super) value: Option<Value>,
}

/// Indexes of indexes at most.
const MAX_LEVELS: usize = 16;

impl<S: Storage> Table<S> {
    /// Opens a table; `None` if there is no such file.
    pub(super) async fn open(
        engine: &Engine<S>,
        path: &str,
        format: ObjectFormat,
    ) -> Result<Option<Self>> {
        let file = match engine.open_file(path).await {
            Ok(file) => file,
            Err(error) if error.is_absent() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut head = [0; 28];
        file.read_exact(0, &mut head[..24]).await?;
        let [b'R', b'E', b'F', b'T', version, size @ .., _, _, _, _] = head else {
            return Err(bad());
        };
        let (header, footer) = match version {
            1 if format == ObjectFormat::Sha1 => (24, 68),
            2 => {
                file.read_exact(0, &mut head).await?;
                let known = match format {
                    ObjectFormat::Sha1 => b"sha1",
                    ObjectFormat::Sha256 => b"s256",
                };
                if head.last_chunk() != Some(known) {
                    return Err(bad());
                }
                (28, 72)
            }
            _ => return Err(bad()),
        };
        let end = file.size().checked_sub(footer).filter(|end| *end >= header).ok_or_else(bad)?;
        let mut repeated = [0; 28];
        let length = header as usize;
        file.read_exact(end, &mut repeated[..length]).await?;
        if repeated[..length] != head[..length] {
            return Err(bad());
        }
        let index = file.u64_at(end + header).await?;
        let alignment = u64::from(u32::from_be_bytes([0, size[0], size[1], size[2]]));
        Ok(Some(Self { file, format, header, alignment, end, index }))
    }

    /// A cursor at the first ref that is not before `name`.
    pub(super) async fn seek(self, name: &[u8]) -> Result<Cursor<S>> {
        let mut next = 0;
        if self.index != 0 && !name.is_empty() {
            next = self.index;
            for level in 0.. {
                if level == MAX_LEVELS {
                    return Err(bad());
                }
                let Some((mut block, _)) = self.block(next).await? else { return Err(bad()) };
                if block.kind == b'r' {
                    break;
                }
                let (mut last, mut found) = (Vec::new(), None);
                while let Some(value) = block.next(&mut last, self.format).ok_or_else(bad)? {
                    if let Value::Block(position) = value
                        && last.as_slice() >= name
                    {
                        found = Some(position);
                        break;
                    }
                }
                // Behind the last name of all.
                let Some(position) = found else {
                    next = self.end;
                    break;
                };
                next = position;
            }
        }
        let mut cursor = Cursor { table: self, block: None, next, name: Vec::new(), value: None };
        cursor.advance().await?;
        while cursor.value.is_some() && cursor.name.as_slice() < name {
            cursor.advance().await?;
        }
        Ok(cursor)
    }

    /// The block at `offset` and where the next one begins; `None` if there is none.
    async fn block(&self, offset: u64) -> Result<Option<(Block, u64)>> {
        let start = if offset == 0 { self.header } else { 0 };
        if offset + start + 4 > self.end {
            return Ok(None);
        }
        let head = self.file.u32_at(offset + start).await?;
        let kind = (head >> 24) as u8;
        if kind != b'r' && kind != b'i' {
            return Ok(None);
        }
        let length = u64::from(head & 0x00ff_ffff);
        if length < start || offset + length > self.end {
            return Err(bad());
        }
        let mut bytes = vec![0; length as usize];
        self.file.read_exact(offset, &mut bytes).await?;
        let block = Block::new(bytes, start as usize).ok_or_else(bad)?;
        // Padded to the alignment, unless the next block follows at once.
        let mut next = offset + length;
        if length < self.alignment && next < self.end {
            let mut byte = [0];
            self.file.read_exact(next, &mut byte).await?;
            if byte == [0] {
                next = offset + self.alignment;
            }
        }
        Ok(Some((block, next)))
    }
}

impl<S: Storage> Cursor<S> {
    /// Reads the next record.
    pub(super) async fn advance(&mut self) -> Result<()> {
        let format = self.table.format;
        loop {
            if let Some(block) = &mut self.block {
                self.value = block.next(&mut self.name, format).ok_or_else(bad)?;
                if self.value.is_some() {
                    return Ok(());
                }
            }
            self.block = match self.table.block(self.next).await? {
                Some((block, next)) if block.kind == b'r' => {
                    self.next = next;
                    self.name.clear();
                    Some(block)
                }
                _ => {
                    self.value = None;
                    return Ok(());
                }
            };
        }
    }
}

fn bad() -> Error {
    Error::corrupt("a reftable")
}
