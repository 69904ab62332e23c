//! Where a response goes.

use gitwasi_wire::pkt_line;
use gitwasi_wire::side_band::{Band, SideBand, encode};

use crate::error::{BUSY, exceeded};
use crate::{Error, Result};

/// Bytes gathered before they are handed on.
const CHUNK: usize = 64 << 10;

/// The same of a pack: two packets of the large side-band, what a stream carries cheaply at once.
pub(super) const PACK_CHUNK: usize = 2 * 65_520;

/// Takes the response as it is made.
pub trait Output {
    /// Takes the next bytes, in order, when the reader is ready for them.
    ///
    /// # Errors
    /// [`Error::Aborted`] when nobody reads any more.
    async fn write(&mut self, chunk: Vec<u8>) -> Result<()>;
}

impl Output for Vec<u8> {
    async fn write(&mut self, chunk: Vec<u8>) -> Result<()> {
        self.extend_from_slice(&chunk);
        Ok(())
    }
}

/// A response under way.
#[derive(Debug)]
pub(super) struct Response<'a, O: Output> {
    output: &'a mut O,
    buffer: Vec<u8>,
    /// Whether something was handed on.
    is_long: bool,
    /// Whether the packfile section has begun, and in which side-band.
    pub(super) in_pack: Option<SideBand>,
    /// Whether everything goes out in side-band, from the first line on.
    pub(super) sideband_all: bool,
    /// Whether bytes of a pack go out without side-band: then no error can be told.
    pub(super) raw: bool,
}

impl<'a, O: Output> Response<'a, O> {
    pub(super) fn new(output: &'a mut O) -> Self {
        Self {
            output,
            buffer: Vec::new(),
            is_long: false,
            in_pack: None,
            sideband_all: false,
            raw: false,
        }
    }

    /// What was not handed on yet; append to it.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        // Not right after a flush: a slow reader is waited for with one buffer, and there may be no more.
        if self.is_long && self.buffer.capacity() == 0 {
            self.buffer.reserve(self.chunk());
        }
        &mut self.buffer
    }

    /// Hands the bytes on if there are enough of them.
    pub(super) async fn flush_if_full(&mut self) -> Result<()> {
        if self.buffer.len() >= self.chunk() { self.flush().await } else { Ok(()) }
    }

    fn chunk(&self) -> usize {
        if self.in_pack.is_some() { PACK_CHUNK } else { CHUNK }
    }

    /// Hands the bytes on.
    pub(super) async fn flush(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.is_long = true;
        self.output.write(std::mem::take(&mut self.buffer)).await
    }

    pub(super) async fn finish(mut self) -> Result<()> {
        self.flush().await
    }

    /// Tells the client, in the one way that is left.
    pub(super) async fn fail(&mut self, error: &Error) -> Result<()> {
        let message = external(error);
        match self.in_pack {
            _ if self.raw || matches!(error, Error::Aborted | Error::NoRequest(_)) => {}
            Some(band) => encode(band, Band::Error, message.as_bytes(), &mut self.buffer),
            None if self.sideband_all => {
                encode(SideBand::Large, Band::Error, message.as_bytes(), &mut self.buffer);
            }
            None => pkt_line::err(&message, &mut self.buffer),
        }
        self.flush_if_full().await
    }
}

/// What the client is told.
fn external(error: &Error) -> String {
    match error {
        Error::Malformed(message) | Error::NoRequest(message) => message.clone(),
        Error::LimitExceeded(limit) => format!("upload-pack: {}", exceeded(limit)),
        Error::Busy => format!("upload-pack: {BUSY}"),
        Error::Unsupported(_) => "upload-pack: this is not supported here".into(),
        Error::Corrupt(_) => {
            "aborting due to possible repository corruption on the remote side.".into()
        }
        Error::NotARepository(_) | Error::Storage(_) | Error::Aborted => {
            "upload-pack: internal error".into()
        }
    }
}
