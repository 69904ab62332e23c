//! The bytes of a pack as they arrive: counted, hashed and spooled on their way.

use gitwasi_wire::ObjectFormat;

use super::PackSource;
use super::spool::Spool;
use crate::pack_writer::Hasher;
use crate::storage::WriteStorage;
use crate::{Error, Result};

/// What has arrived and was not used yet.
pub(super) struct Input<'a, P> {
    source: &'a mut P,
    chunk: Vec<u8>,
    /// Where in `chunk` the bytes begin that were not used.
    at: usize,
    used: u64,
    limit: Option<SizeLimit>,
    hasher: Hasher,
}

/// How many bytes a pack may have, from its header to its trailer.
#[derive(Debug, Clone, Copy)]
pub(super) struct SizeLimit {
    pub(super) bytes: u64,
    /// Whether the limit is told with the refusal: `git unpack-objects` does not.
    pub(super) is_told: bool,
}

impl<'a, P: PackSource> Input<'a, P> {
    pub(super) fn new(source: &'a mut P, format: ObjectFormat) -> Self {
        Self { source, chunk: Vec::new(), at: 0, used: 0, limit: None, hasher: Hasher::new(format) }
    }

    /// Sets how large the pack may be, what was used of it included.
    pub(super) fn set_limit(&mut self, limit: Option<SizeLimit>) -> Result<()> {
        self.limit = limit;
        self.check_size(self.used)
    }

    fn check_size(&self, bytes: u64) -> Result<()> {
        let Some(limit) = self.limit.filter(|limit| bytes > limit.bytes) else { return Ok(()) };
        let mut message = "pack exceeds maximum allowed size".to_owned();
        if limit.is_told {
            message += &format!(" ({})", humanise(limit.bytes));
        }
        Err(Error::Malformed(message))
    }

    /// Bytes that are here.
    pub(super) fn available(&self) -> &[u8] {
        &self.chunk[self.at..]
    }

    /// Bytes that were used since the pack began.
    pub(super) fn used(&self) -> u64 {
        self.used
    }

    /// Marks bytes as used; they are part of the pack, but not of its trailer.
    pub(super) fn use_up(&mut self, length: usize) -> Result<()> {
        self.at += length;
        self.used += length as u64;
        self.check_size(self.used)
    }

    /// Waits for more bytes than there are.
    pub(super) async fn more<S: WriteStorage>(&mut self, spool: &mut Spool<'_, S>) -> Result<()> {
        self.hand_on(spool).await?;
        let next = loop {
            match self.source.read().await? {
                Some(next) if next.is_empty() => {}
                Some(next) => break next,
                None => return Err(Error::Malformed("early EOF".into())),
            }
        };
        if self.at == self.chunk.len() {
            self.chunk = next;
        } else {
            self.chunk.drain(..self.at);
            self.chunk.extend_from_slice(&next);
        }
        self.at = 0;
        Ok(())
    }

    async fn hand_on<S: WriteStorage>(&mut self, spool: &mut Spool<'_, S>) -> Result<()> {
        self.hasher.update(&self.chunk[..self.at]);
        spool.append(&self.chunk[..self.at]).await
    }

    /// Reads the trailer, after which nothing may come; the checksum.
    pub(super) async fn finish<S: WriteStorage>(
        mut self,
        format: ObjectFormat,
        spool: &mut Spool<'_, S>,
    ) -> Result<Vec<u8>> {
        while self.available().len() < format.oid_len() {
            self.more(spool).await?;
        }
        self.hand_on(spool).await?;
        let checksum = std::mem::replace(&mut self.hasher, Hasher::new(format)).finish();
        let (trailer, rest) = self.available().split_at(format.oid_len());
        if trailer != checksum {
            return Err(Error::Malformed("pack is corrupted (SHA1 mismatch)".into()));
        }
        self.check_size(self.used + trailer.len() as u64)?;
        let mut junk = !rest.is_empty();
        while !junk && let Some(next) = self.source.read().await? {
            junk = !next.is_empty();
        }
        if junk { Err(Error::Malformed("pack has junk at the end".into())) } else { Ok(checksum) }
    }
}

/// A number of bytes as git words and rounds it.
fn humanise(bytes: u64) -> String {
    let (shift, unit, rounding) = match bytes {
        0x4000_0001.. => {
            let hundredths = (bytes & 0x3fff_ffff) / 10_737_419;
            return format!("{}.{hundredths:02} GiB", bytes >> 30);
        }
        0x10_0001.. => (20, "MiB", 5243),
        0x401.. => (10, "KiB", 5),
        1 => return "1 byte".into(),
        _ => return format!("{bytes} bytes"),
    };
    let bytes = bytes + rounding;
    let hundredths = ((bytes & ((1 << shift) - 1)) * 100) >> shift;
    format!("{}.{hundredths:02} {unit}", bytes >> shift)
}

#[cfg(test)]
mod tests {
    use super::humanise;

    #[test]
    fn sizes_are_worded_as_git_does() {
        for (bytes, text) in [
            (1, "1 byte"),
            (1024, "1024 bytes"),
            (1536, "1.50 KiB"),
            (5 << 20, "5.00 MiB"),
            (5 << 30, "5.00 GiB"),
        ] {
            assert_eq!(humanise(bytes), text);
        }
    }
}
