//! HTTP/1.1 with nothing in between: arbitrary bytes out, every byte of the answer in.

mod message;
mod read;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

pub use message::{Ending, Request, Response, gzip, pkt_line};

/// How long a silent peer is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection on which anything can be sent.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    /// Connects to a server.
    #[must_use]
    pub fn open(address: SocketAddr) -> Self {
        TcpStream::connect(address).expect("a connection to the server").into()
    }

    /// Sends bytes; an error is the server's right, which may have answered and closed already.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Closes the sending half.
    pub fn finish_sending(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Reads at most `length` bytes of whatever comes next; 0 bytes are the end.
    pub fn read_some(&mut self, length: usize) -> io::Result<Vec<u8>> {
        if self.received.is_empty() {
            self.fill()?;
        }
        let length = length.min(self.received.len());
        Ok(self.received.drain(..length).collect())
    }

    /// Sends a request and reads its response.
    pub fn ask(&mut self, request: &Request) -> Response {
        // When the server refuses before the end of the body, sending fails; the response counts.
        let _ = self.send(&request.bytes());
        self.response(request.method())
    }

    /// Reads a response to a request with `method`, its body included.
    pub fn response(&mut self, method: &str) -> Response {
        read::response(self, method)
    }

    /// Sends a request and reads the head of its response; the rest can be read bit by bit.
    #[must_use]
    pub fn transfer(mut self, request: &Request) -> Transfer {
        let _ = self.send(&request.bytes());
        let mut response = read::final_head(&mut self);
        let framing = read::framing(&mut response, request.method());
        Transfer { connection: self, response, framing }
    }

    /// Reads the head of a response and leaves its body on the wire.
    pub fn head(&mut self) -> Response {
        read::head(self)
    }

    /// Reads a request up to its empty line; for a server inside a test.
    pub fn request_head(&mut self) -> String {
        read::request_head(self)
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 64 * 1024];
        let length = self.stream.read(&mut buffer)?;
        self.received.extend_from_slice(&buffer[..length]);
        Ok(length)
    }
}

/// A response of which not everything was read yet; dropping it closes the connection.
#[derive(Debug)]
pub struct Transfer {
    connection: Connection,
    response: Response,
    framing: read::Framing,
}

impl Transfer {
    /// Returns what was read so far.
    #[must_use]
    pub fn so_far(&self) -> &Response {
        &self.response
    }

    /// Reads some more, as much as one read brings; tells whether there may be more.
    pub fn step(&mut self) -> bool {
        read::step(&mut self.connection, &mut self.framing, &mut self.response)
    }

    /// Reads until the body has at least `length` bytes or has ended.
    #[must_use]
    pub fn until(mut self, length: usize) -> Self {
        while self.response.body.len() < length && self.step() {}
        self
    }

    /// Reads everything else.
    #[must_use]
    pub fn finish(mut self) -> Response {
        while self.step() {}
        self.response
    }
}

impl From<TcpStream> for Connection {
    fn from(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a write timeout");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        Self { stream, received: Vec::new() }
    }
}
