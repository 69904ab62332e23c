//! A socket with three habits that a git server needs: it gives up on a client that reads
//! nothing, it lets a client that is still sending read the answer before it closes, and it ends
//! with a reset when only the end of the connection could tell how a response ended.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Sleep;

/// How long, and how much, is still read from a client after the last answer. Without it the
/// system resets the connection under an answer that the client has not read yet.
const LINGER: Duration = Duration::from_secs(5);
const LINGER_BYTES: u64 = 256 << 20;

/// A client's socket.
pub(super) struct Transport {
    socket: Option<Socket>,
    fate: Arc<Fate>,
    /// The client has closed its side.
    finished: bool,
    /// All that was to be sent is sent.
    shut: bool,
    stall: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

enum Socket {
    Inet(TcpStream),
    Unix(UnixStream),
}

/// What is known of the response on a connection.
#[derive(Debug, Default)]
pub(super) struct Fate {
    /// It has neither length nor chunks: its end is the end of the connection.
    undelimited: AtomicBool,
    /// It ended before its end.
    broken: AtomicBool,
}

impl Fate {
    /// The response that begins ends with the connection.
    pub(super) fn begin_undelimited(&self) {
        self.undelimited.store(true, Ordering::Relaxed);
    }

    /// The response is short, and the client has to see an error.
    pub(super) fn break_off(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }
}

impl Transport {
    pub(super) fn inet(stream: TcpStream) -> Self {
        // Side-band packets and short answers must not wait for an acknowledgment.
        let _ = stream.set_nodelay(true);
        Self::new(Socket::Inet(stream))
    }

    pub(super) fn unix(stream: UnixStream) -> Self {
        Self::new(Socket::Unix(stream))
    }

    fn new(socket: Socket) -> Self {
        Self {
            socket: Some(socket),
            fate: Arc::default(),
            finished: false,
            shut: false,
            stall: Duration::MAX,
            stalled: None,
        }
    }

    /// Breaks the connection when a write makes no progress for this long.
    pub(super) fn limit_stall(&mut self, stall: Duration) {
        self.stall = stall;
    }

    pub(super) fn fate(&self) -> Arc<Fate> {
        Arc::clone(&self.fate)
    }

    fn socket(&mut self) -> io::Result<Pin<&mut (dyn Stream + Send + Unpin)>> {
        match &mut self.socket {
            Some(Socket::Inet(stream)) => Ok(Pin::new(stream)),
            Some(Socket::Unix(stream)) => Ok(Pin::new(stream)),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn write(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(
            Pin<&mut (dyn Stream + Send + Unpin)>,
            &mut Context<'_>,
        ) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let written = write(self.socket()?, cx);
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stall = self.stall;
        let timer = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(stall)));
        timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

trait Stream: AsyncRead + AsyncWrite {}

impl<T: AsyncRead + AsyncWrite> Stream for T {}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = self.socket()?.poll_read(cx, buffer);
        if let Poll::Ready(read) = &read {
            self.finished = read.is_err() || buffer.filled().len() == before;
        }
        read
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, |socket, cx| socket.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, |socket, cx| socket.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = self.socket()?.poll_shutdown(cx);
        self.shut |= matches!(shut, Poll::Ready(Ok(())));
        shut
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        let Some(socket) = self.socket.take() else { return };
        let is_cut = self.fate.undelimited.load(Ordering::Relaxed) && !self.shut;
        if is_cut || self.fate.broken.load(Ordering::Relaxed) {
            if let Socket::Inet(stream) = &socket {
                let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            }
        } else if !self.finished
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(linger(socket));
        }
    }
}

/// Reads on, for a while, what the client is still sending.
async fn linger(socket: Socket) {
    let drain = async {
        let mut sink = tokio::io::sink();
        match socket {
            Socket::Inet(mut stream) => {
                let _ = tokio::io::AsyncWriteExt::shutdown(&mut stream).await;
                let _ = tokio::io::copy(&mut stream.take(LINGER_BYTES), &mut sink).await;
            }
            Socket::Unix(mut stream) => {
                let _ = tokio::io::AsyncWriteExt::shutdown(&mut stream).await;
                let _ = tokio::io::copy(&mut stream.take(LINGER_BYTES), &mut sink).await;
            }
        }
    };
    let _ = tokio::time::timeout(LINGER, drain).await;
}
