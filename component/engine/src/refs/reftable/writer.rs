//! Tables under construction: blocks of refs, then of log entries, each with an index.
//!
//! Spec: reftable.txt of git's technical documentation

use flate2::{Compress, Compression, FlushCompress};
use gitwasi_wire::ObjectFormat;

use super::block::Value;
use super::block_writer::{BlockWriter, varint};
use super::table::Section;
use crate::storage::StorageWriter;
use crate::{Error, Result};

/// What is decided about a table before its first record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) format: ObjectFormat,
    /// Bytes of a block, at least [`BLOCK_SIZE`].
    pub(crate) block_size: u32,
    /// The first and the last change that it may hold.
    pub(crate) updates: (u64, u64),
}

/// Writes one table to a file, in order.
#[derive(Debug)]
pub(crate) struct TableWriter<'w, W: StorageWriter> {
    file: &'w W,
    shape: Shape,
    header: Vec<u8>,
    block: Option<BlockWriter>,
    /// What is to be written at `written`.
    pending: Vec<u8>,
    written: u64,
    /// Zeros that come before the next block, if there is one.
    padding: usize,
    /// The last name and the beginning of each block of the section or level.
    index: Vec<(Vec<u8>, u64)>,
    section: Option<Section>,
    ref_index: u64,
    logs: u64,
    log_index: u64,
    records: u64,
    value: Vec<u8>,
}

/// Bytes of a block. Git's default.
pub(crate) const BLOCK_SIZE: u32 = 4096;

/// Bytes of a block that takes any record of a table whose blocks have no size: names have at
/// most 4 KiB.
pub(crate) const LARGE_BLOCK_SIZE: u32 = 16 << 10;

/// Bytes that gather before they are written.
const WRITE_SIZE: usize = 64 << 10;

/// Bytes of a block that holds one record, besides its name and value: the block's header, lengths
/// of the name, one restart, and their count.
const RECORD_OVERHEAD: usize = 4 + 2 * 10 + 3 + 2;

/// Bytes of a block at most: its length has three bytes.
const MAX_BLOCK: usize = (1 << 24) - 1;

/// Blocks of a section that need no index. Git's number.
const WITHOUT_INDEX: usize = 3;

/// How log entries are deflated. Git's level.
const LEVEL: u32 = 9;

/// Whether a record with such a name and so many bytes besides fits into any block of a table.
pub(crate) fn has_room(name: &[u8], value: usize) -> bool {
    // The table's header may be before the block.
    28 + name.len() + value + RECORD_OVERHEAD <= BLOCK_SIZE as usize
}

impl<'w, W: StorageWriter> TableWriter<'w, W> {
    /// Begins a table in an empty file.
    pub(crate) fn new(file: &'w W, shape: Shape) -> Self {
        let mut header = b"REFT".to_vec();
        let version = if shape.format == ObjectFormat::Sha1 { 1 } else { 2 };
        header.push(version);
        header.extend_from_slice(&shape.block_size.to_be_bytes()[1..]);
        header.extend_from_slice(&shape.updates.0.to_be_bytes());
        header.extend_from_slice(&shape.updates.1.to_be_bytes());
        if version == 2 {
            header.extend_from_slice(b"s256");
        }
        Self {
            file,
            shape,
            header,
            block: None,
            pending: Vec::new(),
            written: 0,
            padding: 0,
            index: Vec::new(),
            section: None,
            ref_index: 0,
            logs: 0,
            log_index: 0,
            records: 0,
            value: Vec::new(),
        }
    }

    /// The first and the last change that it may hold.
    pub(crate) fn updates(&self) -> (u64, u64) {
        self.shape.updates
    }

    /// Adds a record: all refs, then all log entries, each in the order of their names. The change
    /// it came with counts for a ref.
    pub(crate) async fn add(
        &mut self,
        section: Section,
        name: &[u8],
        update_index: u64,
        value: &Value,
    ) -> Result<()> {
        let mut bytes = std::mem::take(&mut self.value);
        bytes.clear();
        if section == Section::Refs {
            let delta = update_index.checked_sub(self.shape.updates.0);
            varint(delta.ok_or_else(|| Error::corrupt("a reftable"))?, &mut bytes);
        }
        let kind = encode(value, &mut bytes);
        if self.section != Some(section) {
            self.end_section().await?;
            self.section = Some(section);
            if section == Section::Logs && self.records > 0 {
                self.logs = self.position();
            }
        }
        self.records += 1;
        let added = self.add_to_block(section.kind(), name, kind, &bytes).await;
        self.value = bytes;
        added
    }

    /// Ends the table; how many records it holds.
    pub(crate) async fn finish(mut self) -> Result<u64> {
        self.end_section().await?;
        if self.records == 0 {
            self.pending.extend_from_slice(&self.header);
        }
        let mut footer = self.header.clone();
        for number in [self.ref_index, 0, 0, self.logs, self.log_index] {
            footer.extend_from_slice(&number.to_be_bytes());
        }
        let mut crc = flate2::Crc::new();
        crc.update(&footer);
        footer.extend_from_slice(&crc.sum().to_be_bytes());
        self.pending.extend_from_slice(&footer);
        self.write().await?;
        self.file.sync().await?;
        Ok(self.records)
    }

    async fn add_to_block(&mut self, kind: u8, name: &[u8], extra: u8, value: &[u8]) -> Result<()> {
        if self.block.as_mut().is_some_and(|block| block.add(name, extra, value)) {
            return Ok(());
        }
        self.end_block().await?;
        let before = if self.position() == 0 { self.header.clone() } else { Vec::new() };
        let mut size = self.shape.block_size as usize;
        if kind == Section::Logs.kind() {
            // Such blocks begin anywhere, and others make larger ones.
            size = size.max(before.len() + name.len() + value.len() + RECORD_OVERHEAD);
        }
        let mut block = BlockWriter::new(kind, size.min(MAX_BLOCK), before);
        let fits = block.add(name, extra, value);
        self.block = Some(block);
        if fits { Ok(()) } else { Err(Error::corrupt("a record that fits no block of a reftable")) }
    }

    /// Where the next block begins.
    fn position(&self) -> u64 {
        self.written + (self.pending.len() + self.padding) as u64
    }

    async fn end_block(&mut self) -> Result<()> {
        let Some(block) = self.block.take() else { return Ok(()) };
        let position = self.position();
        self.index.push((block.last().to_vec(), position));
        self.pending.resize(self.pending.len() + self.padding, 0);
        let is_log = block.kind() == Section::Logs.kind();
        let mut bytes = block.finish();
        if is_log {
            let start = if position == 0 { self.header.len() + 4 } else { 4 };
            let content = bytes.split_off(start);
            self.pending.extend_from_slice(&bytes);
            deflate(&content, &mut self.pending)?;
            self.padding = 0;
        } else {
            self.pending.extend_from_slice(&bytes);
            self.padding = self.shape.block_size as usize - bytes.len();
        }
        if self.pending.len() >= WRITE_SIZE {
            self.write().await?;
        }
        Ok(())
    }

    /// Writes the index of a section, level by level up to one block.
    async fn end_section(&mut self) -> Result<()> {
        self.end_block().await?;
        let mut index = std::mem::take(&mut self.index);
        let mut top = 0;
        while index.len() > if top == 0 { WITHOUT_INDEX } else { 1 } {
            top = self.position();
            for (name, position) in std::mem::take(&mut index) {
                let mut value = Vec::new();
                varint(position, &mut value);
                self.add_to_block(b'i', &name, 0, &value).await?;
            }
            self.end_block().await?;
            index = std::mem::take(&mut self.index);
        }
        match self.section {
            Some(Section::Refs) => self.ref_index = top,
            Some(Section::Logs) => self.log_index = top,
            None => {}
        }
        Ok(())
    }

    async fn write(&mut self) -> Result<()> {
        let bytes = std::mem::take(&mut self.pending);
        let length = bytes.len() as u64;
        self.file.write_at(self.written, bytes).await?;
        self.written += length;
        Ok(())
    }
}

/// Appends a value; which kind it is of.
fn encode(value: &Value, out: &mut Vec<u8>) -> u8 {
    match value {
        Value::Direct(oid) => {
            out.extend_from_slice(oid.as_bytes());
            1
        }
        Value::Tag(oid, peeled) => {
            out.extend_from_slice(oid.as_bytes());
            out.extend_from_slice(peeled.as_bytes());
            2
        }
        Value::Symbolic(target) => {
            varint(target.len() as u64, out);
            out.extend_from_slice(target);
            3
        }
        Value::Log(entry) => {
            out.extend_from_slice(entry);
            1
        }
        Value::Deleted | Value::Block(_) => 0,
    }
}

fn deflate(content: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let mut compress = Compress::new(Compression::new(LEVEL), true);
    // More than deflate ever adds.
    out.reserve(content.len() + content.len() / 8 + 64);
    let status = compress
        .compress_vec(content, out, FlushCompress::Finish)
        .map_err(|error| Error::Unsupported(format!("deflate: {error}")))?;
    match status {
        flate2::Status::StreamEnd => Ok(()),
        _ => Err(Error::corrupt("a reftable")),
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::refs::reftable::Stack;
    use crate::storage::WriteStorage;
    use crate::storage::native::{NativeStorage, block_on};
    use crate::{Engine, Limits};

    /// Writes a table and reads it.
    fn written_and_read(section: Section, records: &[(Vec<u8>, Value)]) {
        let dir = tempfile::tempdir().expect("a directory");
        let storage = NativeStorage::new(dir.path());
        let engine: Rc<Engine<NativeStorage>> = Engine::new(storage.clone(), Limits::default());
        let format = ObjectFormat::Sha1;
        let shape = Shape { format, block_size: BLOCK_SIZE, updates: (7, 9) };
        block_on(async {
            let list = storage.create_new("tables.list").await.expect("made");
            list.write_at(0, b"a\n".to_vec()).await.expect("written");
            let file = storage.create_new("a").await.expect("made");
            let mut table = TableWriter::new(&file, shape);
            for (name, value) in records {
                table.add(section, name, 8, value).await.expect("added");
            }
            let count = table.finish().await.expect("written");
            assert_eq!(count, records.len() as u64);
            let stack = Stack::open_at(&engine, ".", format).await.expect("a stack");
            let mut found = stack.seek(section, b"").await.expect("a cursor");
            for (name, value) in records {
                assert_eq!(found.next().await.expect("a record").as_ref(), Some(value));
                assert_eq!(found.last, *name);
            }
            assert_eq!(found.next().await.expect("the end"), None);
            for (name, value) in records.iter().rev() {
                found.seek(name).await.expect("a record");
                assert_eq!(found.at(name), Some(value));
            }
        });
    }

    fn log(message: &[u8]) -> Value {
        let mut entry = vec![1; 40];
        entry.extend([1, b'A', 1, b'@', 9, 0, 0]);
        varint(message.len() as u64, &mut entry);
        entry.extend_from_slice(message);
        Value::Log(entry)
    }

    #[test]
    fn log_entries_of_any_length_are_kept() {
        let key = |name: &str| [name.as_bytes(), b"\0\xff\xff\xff\xff\xff\xff\xff\xf0"].concat();
        let mut records = vec![(key("a"), log(&[b'x'; 9000])), (key("b"), Value::Deleted)];
        records.extend((0..500).map(|number| (key(&format!("c{number:04}")), log(&[b'y'; 700]))));
        written_and_read(Section::Logs, &records);
    }

    #[test]
    fn refs_are_found_through_an_index_of_two_levels() {
        let oid = gitwasi_wire::Oid::Sha1([3; 20]);
        let name = |number: u32| format!("{:08x}", number * 7919).repeat(20).into_bytes();
        let mut records: Vec<_> = (0..3000).map(|n| (name(n), Value::Direct(oid))).collect();
        records[2].1 = Value::Symbolic(b"refs/x".to_vec());
        records[3].1 = Value::Tag(oid, oid);
        records[4].1 = Value::Deleted;
        written_and_read(Section::Refs, &records);
        written_and_read(Section::Refs, &records[..1]);
        written_and_read(Section::Refs, &[]);
    }
}
