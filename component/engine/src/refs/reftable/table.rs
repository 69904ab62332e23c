//! One table: a file of blocks, found by its footer.

use std::rc::Rc;

use gitwasi_wire::ObjectFormat;

use super::block::Block;
use super::cursor::Cursor;
use crate::odb::InflatePool;
use crate::storage::{CachedFile, Storage};
use crate::{Engine, Error, Result};

/// An open table.
#[derive(Debug)]
pub(crate) struct Table<S: Storage> {
    file: CachedFile<S>,
    inflaters: Rc<InflatePool>,
    pub(super) format: ObjectFormat,
    /// Bytes of the file's header, which is part of the first block.
    header: u64,
    /// Blocks begin at multiples of this, where it is not 0.
    alignment: u64,
    /// The first and the last change that are in here.
    pub(crate) updates: (u64, u64),
    /// Where the blocks end.
    pub(super) end: u64,
    refs: Place,
    logs: Place,
}

/// Where blocks of one kind are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Where the first one begins; `None` if there are none.
    pub(super) first: Option<u64>,
    /// Where their index begins; 0 for none.
    pub(super) index: u64,
}

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// Refs, by their names.
    Refs,
    /// Entries of reflogs, by names of refs and then the newest first.
    Logs,
}

impl Section {
    pub(super) fn kind(self) -> u8 {
        match self {
            Self::Refs => b'r',
            Self::Logs => b'g',
        }
    }
}

/// Bytes by which the content of a block of log entries grows while it is inflated.
const INFLATE_STEP: usize = 64 << 10;

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
        let mut first = [0];
        file.read_exact(header, &mut first).await?;
        let begins = |section: Section| (header < end && first == [section.kind()]).then_some(0);
        let refs = Place { first: begins(Section::Refs), index: file.u64_at(end + header).await? };
        let logs = Some(file.u64_at(end + header + 24).await?).filter(|offset| *offset > 0);
        let logs = Place {
            first: begins(Section::Logs).or(logs),
            index: file.u64_at(end + header + 32).await?,
        };
        let updates = (file.u64_at(8).await?, file.u64_at(16).await?);
        let alignment = u64::from(u32::from_be_bytes([0, size[0], size[1], size[2]]));
        let inflaters = Rc::clone(&engine.inflaters);
        Ok(Some(Self { file, inflaters, format, header, alignment, updates, end, refs, logs }))
    }

    /// A cursor at the first record that is not before `name`.
    pub(super) async fn seek(self: Rc<Self>, section: Section, name: &[u8]) -> Result<Cursor<S>> {
        let mut cursor = Cursor::new(self, section);
        cursor.seek(name).await?;
        Ok(cursor)
    }

    /// Bytes of the file.
    pub(crate) fn size(&self) -> u64 {
        self.file.size()
    }

    /// Bytes of its blocks; `None` if they differ.
    pub(crate) fn block_size(&self) -> Option<u32> {
        u32::try_from(self.alignment).ok().filter(|size| *size > 0)
    }

    pub(super) fn place(&self, section: Section) -> Place {
        match section {
            Section::Refs => self.refs,
            Section::Logs => self.logs,
        }
    }

    /// The block at `offset` and where the next one begins; `None` if there is none.
    pub(super) async fn block(&self, offset: u64) -> Result<Option<(Block, u64)>> {
        let start = if offset == 0 { self.header } else { 0 };
        if offset.checked_add(start + 4).is_none_or(|end| end > self.end) {
            return Ok(None);
        }
        let head = self.file.u32_at(offset + start).await?;
        let kind = (head >> 24) as u8;
        let length = u64::from(head & 0x00ff_ffff);
        match kind {
            b'g' => return Ok(Some(self.log_block(offset, start, length).await?)),
            b'r' | b'i' => {}
            _ => return Ok(None),
        }
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

    /// A block whose content is deflated: its length is what it has when it is not.
    async fn log_block(&self, offset: u64, start: u64, length: u64) -> Result<(Block, u64)> {
        let begin = start as usize + 4;
        let length = Some(length as usize).filter(|length| *length >= begin).ok_or_else(bad)?;
        let mut bytes = vec![0; begin];
        self.file.read_exact(offset, &mut bytes).await?;
        let mut next = offset + begin as u64;
        let mut inflater = self.inflaters.take();
        loop {
            let (input, within) = self.file.block_at(next).await?;
            if bytes.len() == bytes.capacity() {
                // One byte more than it should have, to notice that it has.
                bytes.reserve_exact((length + 1 - bytes.len()).min(INFLATE_STEP));
            }
            let progress = InflatePool::step(&mut inflater, &input[within..], &mut bytes)?;
            next += progress.consumed as u64;
            if bytes.len() > length || next > self.end {
                return Err(bad());
            }
            if progress.ended {
                break;
            }
        }
        self.inflaters.put_back(inflater);
        let block = Some(bytes).filter(|bytes| bytes.len() == length);
        let block = block.and_then(|bytes| Block::new(bytes, start as usize));
        Ok((block.ok_or_else(bad)?, next))
    }
}

pub(super) fn bad() -> Error {
    Error::corrupt("a reftable")
}
