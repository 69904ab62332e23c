//! The request: its head, and then the pack.

use gitwasi_wire::receive_pack::{Head, HeadLimits, HeadParser, Progress};

use super::PackSource;
use crate::working_memory::Lease;
use crate::{Error, Result};

/// Bytes of a pack's header: the signature, the version and the number of objects.
const PACK_HEADER: usize = 12;

/// Bytes that are kept of a head, at most, for each that arrives.
const KEPT: usize = 2;
/// Bytes besides for a ref update, until it is made and reported.
const EACH: usize = 1400;

/// A request that is being read.
#[derive(Debug)]
pub(super) struct Input<'a, P: PackSource> {
    source: &'a mut P,
    /// What was read behind the head.
    rest: Option<Vec<u8>>,
    /// The first bytes of the pack, as far as they have been handed on.
    header: Vec<u8>,
}

impl<'a, P: PackSource> Input<'a, P> {
    pub(super) fn new(source: &'a mut P) -> Self {
        Self { source, rest: None, header: Vec::new() }
    }

    /// Reads the head; `None` if the request is empty.
    ///
    /// `lease` covers it, and what is made of its ref updates.
    pub(super) async fn head(
        &mut self,
        limits: HeadLimits,
        lease: &mut Lease,
    ) -> Result<Option<Head>> {
        let mut parser = HeadParser::new(limits);
        while let Some(mut chunk) = self.source.read().await? {
            lease.cover(KEPT * (parser.consumed() + chunk.len()))?;
            match parser.push(&chunk) {
                Ok(Progress::Incomplete) => {}
                Ok(Progress::Complete { head, consumed }) => {
                    chunk.drain(..consumed);
                    self.rest = Some(chunk).filter(|rest| !rest.is_empty());
                    lease.cover(KEPT * parser.consumed() + EACH * head.ref_updates.len())?;
                    return Ok(Some(*head));
                }
                Err(error) => return Err(Error::Malformed(error.to_string())),
            }
        }
        if parser.consumed() == 0 {
            return Ok(None);
        }
        Err(Error::Malformed("the request ends within its head".into()))
    }

    /// Reads what is left, for a client that is not listening before it has sent everything.
    pub(super) async fn drain(&mut self) -> Result<()> {
        while self.read().await?.is_some() {}
        Ok(())
    }

    /// What git says of a pack with this header, if it is none that it takes.
    pub(super) fn header_error(&self) -> Option<&'static str> {
        let header = &self.header;
        if header.len() < PACK_HEADER {
            return Some("eof before pack header was fully read");
        }
        if !header.starts_with(b"PACK") {
            return Some("protocol error (pack signature mismatch detected)");
        }
        let version = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        (!matches!(version, 2 | 3)).then_some("protocol error (pack version unsupported)")
    }

    /// The number of objects that the header says.
    pub(super) fn object_count(&self) -> u32 {
        match self.header.get(8..PACK_HEADER) {
            Some(&[a, b, c, d]) => u32::from_be_bytes([a, b, c, d]),
            _ => 0,
        }
    }
}

impl<P: PackSource> PackSource for Input<'_, P> {
    async fn read(&mut self) -> Result<Option<Vec<u8>>> {
        let chunk = match self.rest.take() {
            Some(rest) => Some(rest),
            None => self.source.read().await?,
        };
        if let Some(chunk) = &chunk {
            let missing = PACK_HEADER - self.header.len();
            self.header.extend_from_slice(&chunk[..chunk.len().min(missing)]);
        }
        Ok(chunk)
    }
}
