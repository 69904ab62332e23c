//! Where the answer to a push goes: messages on band 2, then the report.

use std::fmt::Display;
use std::time::Duration;

use gitwasi_wire::pkt_line;
use gitwasi_wire::receive_pack::{Capabilities, Report, message};
use gitwasi_wire::side_band::KEEP_ALIVE;

use crate::error::{BUSY, exceeded};
use crate::index_pack::{Observer, Progress, Stage};
use crate::storage::WriteStorage;
use crate::upload_pack::Output;
use crate::{Error, Result};

/// Bytes gathered before they are handed on.
const CHUNK: usize = 64 << 10;

/// Faults that are kept for the log.
const MAX_FAULTS: usize = 8;

/// A response under way.
#[derive(Debug)]
pub(super) struct Response<'a, S: WriteStorage, O: Output> {
    storage: &'a S,
    output: &'a mut O,
    buffer: Vec<u8>,
    capabilities: Capabilities,
    /// Nanoseconds of silence after which a keep-alive is sent; 0 for never.
    keep_alive: u64,
    /// When bytes were handed on last.
    last: Duration,
    /// Whether the end of resolving deltas has been told, or is not to be.
    resolved: bool,
    faults: Vec<String>,
}

impl<'a, S: WriteStorage, O: Output> Response<'a, S, O> {
    pub(super) fn new(storage: &'a S, output: &'a mut O) -> Self {
        let capabilities = Capabilities::default();
        let last = storage.now();
        Self {
            storage,
            output,
            buffer: Vec::new(),
            capabilities,
            keep_alive: 0,
            last,
            resolved: false,
            faults: Vec::new(),
        }
    }

    /// Takes note of what the client asked for.
    pub(super) fn agree(&mut self, capabilities: &Capabilities, keep_alive: u64) {
        self.capabilities = capabilities.clone();
        self.keep_alive = keep_alive.saturating_mul(1_000_000_000);
    }

    /// A message for the person who pushes; handed on with what comes next.
    pub(super) fn tell(&mut self, text: &str) {
        message(&self.capabilities, &format!("{text}\n"), &mut self.buffer);
    }

    pub(super) fn error(&mut self, text: &str) {
        self.tell(&format!("error: {text}"));
    }

    pub(super) fn warning(&mut self, text: &str) {
        self.tell(&format!("warning: {text}"));
    }

    /// Keeps for the log why something could not be done.
    pub(super) fn fault(&mut self, what: impl Display, error: &Error) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(format!("{what}: {error}"));
        }
    }

    pub(super) fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    pub(super) fn take_faults(&mut self) -> Vec<String> {
        std::mem::take(&mut self.faults)
    }

    /// Ends the response with a report.
    pub(super) async fn report(&mut self, report: &Report<'_>) -> Result<()> {
        report
            .encode(&self.capabilities, &mut self.buffer)
            .map_err(|_| Error::Malformed("a ref name that fits no pkt-line".into()))?;
        self.flush().await
    }

    /// Ends the response with an error that is the client's, or ours, in the one way there is.
    pub(super) async fn fail(&mut self, error: &Error) -> Result<()> {
        let message = match error {
            Error::Malformed(message) | Error::NoRequest(message) => message.clone(),
            Error::LimitExceeded(limit) => format!("receive-pack: {}", exceeded(limit)),
            Error::Busy => format!("receive-pack: {BUSY}"),
            Error::Unsupported(_) => "receive-pack: this is not supported here".into(),
            Error::Aborted => return Ok(()),
            Error::NotARepository(_) | Error::Storage(_) | Error::Corrupt(_) => {
                "receive-pack: internal error".into()
            }
        };
        pkt_line::err(&message, &mut self.buffer);
        self.flush().await
    }

    async fn flush(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.last = self.storage.now();
        self.output.write(std::mem::take(&mut self.buffer)).await
    }
}

impl<S: WriteStorage, O: Output> Observer for Response<'_, S, O> {
    async fn message(&mut self, line: String) -> Result<()> {
        self.tell(&line);
        if self.buffer.len() >= CHUNK { self.flush().await } else { Ok(()) }
    }

    async fn progress(&mut self, progress: Progress) -> Result<()> {
        // Git is silent about few objects, which become loose ones.
        self.resolved |= progress.stage == Stage::Unpacking;
        // Before that the client is still sending, and is not kept waiting by us.
        if matches!(progress.stage, Stage::Receiving | Stage::Unpacking)
            || !self.capabilities.side_band_64k
        {
            return Ok(());
        }
        let Progress { stage, done, total, added, .. } = progress;
        let ended = match stage {
            Stage::Completed if added == 1 => Some("completed with 1 local object".to_owned()),
            Stage::Completed => Some(format!("completed with {added} local objects")),
            Stage::Resolving if done == total => Some("done".to_owned()),
            _ => None,
        };
        if let Some(ended) = ended.filter(|_| total > 0 && !self.resolved) {
            self.resolved = true;
            if !self.capabilities.quiet {
                let percent = u64::from(done) * 100 / u64::from(total);
                self.tell(&format!("Resolving deltas: {percent:>3}% ({done}/{total}), {ended}."));
            }
        }
        let now = self.storage.now();
        if self.keep_alive > 0
            && now.saturating_sub(self.last) >= Duration::from_nanos(self.keep_alive)
        {
            self.buffer.extend_from_slice(KEEP_ALIVE);
            self.flush().await?;
        }
        Ok(())
    }
}
