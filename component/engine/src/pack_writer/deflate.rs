//! zlib streams, made piece by piece.

use flate2::{Compress, Compression, FlushCompress, Status};

use crate::{Error, Result};

/// The level that git uses unless told otherwise.
const LEVEL: u32 = 6;

/// Deflates one stream after another.
#[derive(Debug)]
pub(crate) struct Deflater {
    level: u32,
    /// None until it is needed: it takes a quarter of a MiB, and many packs are only copied.
    compress: Option<Compress>,
    out: Vec<u8>,
}

impl Deflater {
    pub(crate) fn new() -> Self {
        Self::with_level(LEVEL)
    }

    pub(crate) fn with_level(level: u32) -> Self {
        Self { level, compress: None, out: Vec::new() }
    }

    /// Begins a new stream.
    pub(crate) fn reset(&mut self) {
        if let Some(compress) = &mut self.compress {
            compress.reset();
        }
    }

    /// Deflates a piece; what came of it, possibly nothing yet. The last piece ends the stream.
    pub(crate) fn deflate(&mut self, mut piece: &[u8], last: bool) -> Result<&[u8]> {
        let level = Compression::new(self.level);
        let compress = self.compress.get_or_insert_with(|| Compress::new(level, true));
        self.out.clear();
        let flush = if last { FlushCompress::Finish } else { FlushCompress::None };
        loop {
            self.out.reserve(4096);
            let before = compress.total_in();
            let status = compress
                .compress_vec(piece, &mut self.out, flush)
                .map_err(|error| Error::Unsupported(format!("deflate: {error}")))?;
            piece = &piece[(compress.total_in() - before) as usize..];
            let full = self.out.len() == self.out.capacity();
            if status == Status::StreamEnd || !last && piece.is_empty() && !full {
                return Ok(&self.out);
            }
        }
    }
}
