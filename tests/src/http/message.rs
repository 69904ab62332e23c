//! Requests as they are written and responses as they were read.

use std::fmt;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// A request; everything in it is sent as it stands.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: Vec<u8>,
    version: &'static str,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// Makes a request with only a `Host` header.
    #[must_use]
    pub fn new(method: &str, target: impl AsRef<[u8]>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.as_ref().to_vec(),
            version: "HTTP/1.1",
            headers: vec![("Host".into(), "localhost".into())],
            body: Vec::new(),
        }
    }

    /// Makes a GET request.
    #[must_use]
    pub fn get(target: impl AsRef<[u8]>) -> Self {
        Self::new("GET", target)
    }

    /// Makes the POST request of a service, with its content type and a body of known length.
    #[must_use]
    pub fn service(repository: &str, service: &str, body: &[u8]) -> Self {
        Self::new("POST", format!("{repository}/{service}"))
            .header("Content-Type", &format!("application/x-{service}-request"))
            .body(body)
    }

    /// Speaks HTTP/1.0, without `Host`.
    #[must_use]
    pub fn http10(mut self) -> Self {
        self.version = "HTTP/1.0";
        self.headers.retain(|(name, _)| name != "Host");
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets a header, replacing those of the same name.
    #[must_use]
    pub fn replace(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.header(name, value)
    }

    /// Adds a body with `Content-Length`.
    #[must_use]
    pub fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self.replace("Content-Length", &body.len().to_string())
    }

    /// Adds a chunked body, cut into pieces of `size` bytes.
    #[must_use]
    pub fn chunked(mut self, body: &[u8], size: usize) -> Self {
        self.headers.retain(|(name, _)| name != "Content-Length");
        self.body.clear();
        for piece in body.chunks(size) {
            self.body.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            self.body.extend_from_slice(piece);
            self.body.extend_from_slice(b"\r\n");
        }
        self.body.extend_from_slice(b"0\r\n\r\n");
        self.header("Transfer-Encoding", "chunked")
    }

    /// Returns the method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the request line and the headers.
    #[must_use]
    pub fn head(&self) -> Vec<u8> {
        let mut bytes = self.method.clone().into_bytes();
        bytes.push(b' ');
        bytes.extend_from_slice(&self.target);
        bytes.extend_from_slice(format!(" {}\r\n", self.version).as_bytes());
        for (name, value) in &self.headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }

    /// Returns the whole request.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        [self.head(), self.body.clone()].concat()
    }
}

/// How the body of a response ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As HTTP says it ends: a client believes that it has everything.
    Complete,
    /// In the middle: a client knows that something is missing, and this is why.
    Broken(String),
}

/// A response as it came.
#[derive(Clone)]
pub struct Response {
    /// `HTTP/1.1` or `HTTP/1.0`.
    pub version: String,
    /// The status code; 0 when the server closed the connection without an answer.
    pub status: u16,
    /// The headers, in their order.
    pub headers: Vec<(String, String)>,
    /// The body, without chunk sizes.
    pub body: Vec<u8>,
    /// How the body ended.
    pub ending: Ending,
}

impl Response {
    /// Returns a header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Panics unless the response is complete and has this status.
    #[track_caller]
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "status of {self:?}");
        assert_eq!(self.ending, Ending::Complete, "ending of {self:?}");
        self
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.version, self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        let shown = &self.body[..self.body.len().min(600)];
        write!(f, "\n{}\n({} bytes, {:?})", shown.escape_ascii(), self.body.len(), self.ending)
    }
}

/// Compresses as git's client does.
#[must_use]
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("gzip in memory");
    encoder.finish().expect("gzip in memory")
}

/// Returns a pkt-line of data.
#[must_use]
pub fn pkt_line(data: &str) -> String {
    format!("{:04x}{data}", data.len() + 4)
}
