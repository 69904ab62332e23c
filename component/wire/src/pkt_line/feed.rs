//! A request, pkt-line by pkt-line, as its bytes arrive.

use std::ops::ControlFlow;

use super::{Assembler, Error, PktLine};

/// Hands the pkt-lines of a stream to a reader, up to the reader's end or a limit on bytes.
#[derive(Debug)]
pub(crate) struct Feed {
    assembler: Assembler,
    consumed: usize,
    limit: usize,
    finished: bool,
}

/// Why a [`Feed`] stopped, apart from the reader's own reasons.
pub(crate) enum Stop {
    /// Bytes that are no pkt-line.
    PktLine(Error),
    /// More bytes than the limit, which is this.
    TooLong(usize),
    /// It had stopped before.
    Finished,
}

impl Feed {
    /// A feed that takes at most `limit` bytes, all pkt-line lengths counted.
    pub(crate) fn new(limit: usize) -> Self {
        Self { assembler: Assembler::default(), consumed: 0, limit, finished: false }
    }

    /// Takes `input`; answers with the bytes of it that were used once `read` breaks, and with
    /// `None` as long as it does not. Any error is the end of the feed, too.
    pub(crate) fn push<E: From<Stop>>(
        &mut self,
        input: &[u8],
        mut read: impl FnMut(PktLine<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<Option<usize>, E> {
        if self.finished {
            return Err(Stop::Finished.into());
        }
        // Until it turns out that more is wanted.
        self.finished = true;
        let mut rest = input;
        loop {
            let before = rest.len();
            let line = self.assembler.next_line(&mut rest).map_err(Stop::PktLine)?;
            self.consumed += before - rest.len();
            if self.consumed > self.limit {
                return Err(Stop::TooLong(self.limit).into());
            }
            let Some(line) = line else {
                self.finished = false;
                return Ok(None);
            };
            if read(line)?.is_break() {
                return Ok(Some(input.len() - rest.len()));
            }
        }
    }

    /// Whether the stream may end here, as far as pkt-lines are concerned.
    pub(crate) fn is_between_lines(&self) -> bool {
        !self.finished && self.assembler.is_between_lines()
    }

    /// Bytes taken so far.
    pub(crate) fn consumed(&self) -> usize {
        self.consumed
    }
}
