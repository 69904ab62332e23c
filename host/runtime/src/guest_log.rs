//! What guests write to standard error, as lines of the log.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

/// The longest line that is kept, in bytes; what follows begins another.
const MAX_LINE_BYTES: usize = 1024;

/// Standard error of one instance.
#[derive(Debug, Default)]
pub(crate) struct GuestLog;

/// A stream into it.
#[derive(Debug, Default)]
struct Lines {
    line: Vec<u8>,
}

impl IsTerminal for GuestLog {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestLog {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(Lines::default())
    }
}

impl Lines {
    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.line);
        // A guest must not be able to forge lines, nor to talk to a terminal.
        let line = line.replace(char::is_control, " ");
        if !line.trim().is_empty() {
            tracing::warn!(line, "a guest says");
        }
        self.line.clear();
    }
}

impl AsyncWrite for Lines {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        for byte in bytes {
            if *byte == b'\n' || self.line.len() == MAX_LINE_BYTES {
                self.end_line();
            }
            if *byte != b'\n' {
                self.line.push(*byte);
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end_line();
        Poll::Ready(Ok(()))
    }
}
