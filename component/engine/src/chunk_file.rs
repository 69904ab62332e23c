//! The table of contents that multi-pack-index and commit-graph share.
//!
//! Spec: gitformat-chunk(5)

use crate::storage::{CachedFile, Storage};
use crate::{Error, Result};

/// The chunks of a file.
#[derive(Debug)]
pub(crate) struct Chunks(Vec<Chunk>);

/// One chunk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chunk {
    name: [u8; 4],
    /// Where in the file it begins.
    pub(crate) offset: u64,
    /// Its bytes.
    pub(crate) length: u64,
}

impl Chunks {
    /// Reads the table of `count` chunks at `offset`.
    pub(crate) async fn read<S: Storage>(
        file: &CachedFile<S>,
        offset: u64,
        count: u8,
    ) -> Result<Self> {
        let mut table = vec![0; (usize::from(count) + 1) * 12];
        file.read_exact(offset, &mut table).await?;
        let rows = table.as_chunks::<12>().0.iter().map(|row| {
            let [a, b, c, d, offset @ ..] = *row;
            ([a, b, c, d], u64::from_be_bytes(offset))
        });
        let rows: Vec<_> = rows.collect();
        let mut chunks = Vec::with_capacity(rows.len());
        for pair in rows.windows(2) {
            let ((name, start), (_, end)) = (pair[0], pair[1]);
            let length = end.checked_sub(start).filter(|_| end <= file.size());
            let length = length.ok_or_else(|| Error::corrupt("a table of chunks"))?;
            chunks.push(Chunk { name, offset: start, length });
        }
        Ok(Self(chunks))
    }

    /// The chunk of that name.
    pub(crate) fn find(&self, name: [u8; 4]) -> Option<Chunk> {
        self.0.iter().find(|chunk| chunk.name == name).copied()
    }

    /// The offset of the chunk of that name, which shall have at least `length` bytes.
    pub(crate) fn require(&self, name: [u8; 4], length: u64) -> Result<u64> {
        self.find(name)
            .filter(|chunk| chunk.length >= length)
            .map(|chunk| chunk.offset)
            .ok_or_else(|| Error::corrupt("a chunk that is missing or short"))
    }
}
