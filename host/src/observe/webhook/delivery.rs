//! One event on its way to the receiver.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body::{Body, Frame, SizeHint};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sha2::Sha256;
use tokio_util::io::poll_read_buf;

use super::limits::RESPONSE_DEADLINE;

/// How many bytes of an event are read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// What the signature's header is called.
const SIGNATURE: &str = "x-gitwasi-signature-256";

/// Who gets events.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) uri: Uri,
    pub(super) secret: Option<Vec<u8>>,
    client: Client<HttpConnector, EventBody>,
}

/// What became of one attempt.
#[derive(Debug)]
pub(super) enum Attempt {
    /// It was delivered.
    Delivered,
    /// The receiver does not want it, and will not.
    Refused(StatusCode),
    /// It may work later.
    Failed(String),
    /// Somebody has removed it.
    Gone,
}

impl Receiver {
    pub(super) fn new(uri: Uri, secret: Option<Vec<u8>>) -> Self {
        Self { uri, secret, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Sends the event that is in a file.
    pub(super) async fn deliver(&self, path: PathBuf) -> Attempt {
        let sent = tokio::time::timeout(RESPONSE_DEADLINE, self.post(path)).await;
        match sent.unwrap_or_else(|_| Err("no answer in time".into())) {
            Ok(status) if status.is_success() => Attempt::Delivered,
            Ok(status @ (StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)) => {
                Attempt::Failed(status.to_string())
            }
            Ok(status) if status.is_client_error() => Attempt::Refused(status),
            Ok(status) => Attempt::Failed(status.to_string()),
            Err(error) => match error.downcast_ref::<io::Error>() {
                Some(error) if error.kind() == io::ErrorKind::NotFound => Attempt::Gone,
                _ => Attempt::Failed(chain(&*error)),
            },
        }
    }

    async fn post(
        &self,
        path: PathBuf,
    ) -> Result<StatusCode, Box<dyn std::error::Error + Send + Sync>> {
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let agent = concat!("gitwasi/", env!("CARGO_PKG_VERSION"));
        request.headers_mut().extend([
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (header::USER_AGENT, HeaderValue::from_static(agent)),
        ]);
        request.headers_mut().insert("x-gitwasi-event", HeaderValue::from_static("push"));
        if let Some(secret) = self.secret.clone() {
            let path = path.clone();
            let signed = tokio::task::spawn_blocking(move || sign(&path, &secret)).await??;
            request.headers_mut().insert(SIGNATURE, signed.parse()?);
        }
        let file = tokio::fs::File::open(path).await?;
        let left = file.metadata().await?.len();
        let body = EventBody { file, left, buffer: BytesMut::new() };
        Ok(self.client.request(request.map(|()| body)).await?.status())
    }
}

/// The value of the signature's header: HMAC-SHA256 over the whole body.
fn sign(path: &Path, secret: &[u8]) -> io::Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(io::Error::other)?;
    let mut file = File::open(path)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut chunk)? {
            0 => break,
            read => mac.update(&chunk[..read]),
        }
    }
    Ok(format!("sha256={}", super::hex(&mac.finalize().into_bytes())))
}

/// An error and what it comes from: hyper's own says little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// A file as a request's body.
struct EventBody {
    file: tokio::fs::File,
    left: u64,
    buffer: BytesMut,
}

impl Body for EventBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        this.buffer.reserve(CHUNK_BYTES);
        let read = ready!(poll_read_buf(Pin::new(&mut this.file), cx, &mut this.buffer));
        Poll::Ready(match read {
            Ok(0) => None,
            Ok(read) => {
                this.left = this.left.saturating_sub(read as u64);
                Some(Ok(Frame::data(this.buffer.split().freeze())))
            }
            Err(error) => Some(Err(error)),
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
