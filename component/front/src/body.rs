//! Request bodies: content coding undone, read in chunks, handed on with their outcome.

use std::cell::Cell;
use std::rc::Rc;

use crate::bindings::gitwasi::git::types::ErrorCode as GitError;
use crate::bindings::wasi::http::types::{ErrorCode, Request, Trailers};
use crate::bindings::{wit_future, wit_stream};
use crate::config::Config;
use crate::inflate::Inflater;
use crate::refusal::Refusal;
use wit_bindgen::{FutureReader, StreamReader, StreamResult, StreamWriter, spawn_local};

/// How many bytes are read, inflated or handed on at a time.
///
/// Copies through a guest cost three times as much in chunks of 8 KiB as in chunks of 64 KiB, and
/// little less above that.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;

/// What can be wrong with a request body, whatever it holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BodyError {
    /// It ended before its end.
    Incomplete,
    /// It is not the gzip that its header promised.
    NotGzip,
    /// It is larger than `GITWASI_MAX_REQUEST_BYTES`.
    TooLarge,
}

/// A request body, without its content coding.
pub(crate) struct RequestBody {
    stream: StreamReader<u8>,
    trailers: Option<FutureReader<Result<Option<Trailers>, ErrorCode>>>,
    gzip: Option<Gzip>,
    read: u64,
}

struct Gzip {
    inflater: Inflater,
    input: Vec<u8>,
    taken: usize,
}

impl RequestBody {
    /// Takes the body of `request`, which must have `content_type`.
    pub(crate) fn open(request: Request, content_type: &str) -> Result<Self, Refusal> {
        let headers = request.get_headers();
        let value = |name: &str| headers.get(name).into_iter().next().unwrap_or_default();
        // Clients other than git add parameters (`; charset=…`).
        let media_type = value("content-type");
        let media_type = media_type.split(|byte| *byte == b';').next().unwrap_or_default();
        if !media_type.trim_ascii().eq_ignore_ascii_case(content_type.as_bytes()) {
            return Err(Refusal::wrong_content_type(content_type));
        }
        let gzip = match value("content-encoding").to_ascii_lowercase().as_slice() {
            b"" | b"identity" => None,
            b"gzip" | b"x-gzip" => {
                Some(Gzip { inflater: Inflater::new(), input: Vec::new(), taken: 0 })
            }
            _ => return Err(Refusal::wrong_content_coding()),
        };
        drop(headers);
        let (_, processed) = wit_future::new(|| Ok(()));
        let (stream, trailers) = Request::consume_body(request, processed);
        Ok(Self { stream, trailers: Some(trailers), gzip, read: 0 })
    }

    /// Reads the next chunk; an empty one is the end of a body that arrived whole.
    pub(crate) async fn read(&mut self) -> Result<Vec<u8>, BodyError> {
        let chunk = match self.gzip {
            Some(_) => self.read_inflated().await?,
            None => self.read_raw().await?,
        };
        self.read += chunk.len() as u64;
        match Config::current().max_request_bytes {
            Some(limit) if self.read > limit => Err(BodyError::TooLarge),
            _ => Ok(chunk),
        }
    }

    /// Reads and drops what is left, for a client that reads no response before it has sent all.
    pub(crate) async fn drain(&mut self) -> Result<(), BodyError> {
        while !self.read().await?.is_empty() {}
        Ok(())
    }

    /// Hands the body on: first `head`, what was already read of it, then the rest, unread.
    pub(crate) fn hand_on(self, head: Vec<u8>) -> HandedOn {
        let (writer, stream) = wit_stream::new();
        let (outcome_writer, outcome) = wit_future::new(|| Err(GitError::Aborted));
        let copied = Rc::new(Cell::new(None));
        let noticed = Rc::clone(&copied);
        spawn_local(async move {
            let copied = copy(head, self, writer).await;
            noticed.set(Some(copied));
            let _ = outcome_writer.write(copied.map(drop).map_err(|_| GitError::Aborted)).await;
        });
        HandedOn { stream, outcome, fault: Fault(copied) }
    }

    async fn read_raw(&mut self) -> Result<Vec<u8>, BodyError> {
        // A stream must not be read again after its end.
        while self.trailers.is_some() {
            let (result, chunk) = self.stream.read(Vec::with_capacity(CHUNK_BYTES)).await;
            match result {
                StreamResult::Complete(_) if chunk.is_empty() => {}
                StreamResult::Complete(_) => return Ok(chunk),
                StreamResult::Dropped | StreamResult::Cancelled => break,
            }
        }
        match self.trailers.take() {
            Some(trailers) => match trailers.await {
                Ok(_) => Ok(Vec::new()),
                Err(_) => Err(BodyError::Incomplete),
            },
            None => Ok(Vec::new()),
        }
    }

    async fn read_inflated(&mut self) -> Result<Vec<u8>, BodyError> {
        let mut output = Vec::with_capacity(CHUNK_BYTES);
        loop {
            if let Some(gzip) = &mut self.gzip {
                let input = gzip.input.get(gzip.taken..).unwrap_or_default();
                gzip.taken +=
                    gzip.inflater.inflate(input, &mut output).map_err(|_| BodyError::NotGzip)?;
                if output.len() == output.capacity() {
                    break;
                }
            }
            // Everything that the input held is out: more input, or the end.
            let input = self.read_raw().await?;
            let Some(gzip) = &mut self.gzip else { break };
            if input.is_empty() {
                match gzip.inflater.ended() {
                    true => break,
                    false => return Err(BodyError::NotGzip),
                }
            }
            (gzip.input, gzip.taken) = (input, 0);
        }
        // A bomb's inflation is CPU-bound: other requests of this instance get their turn.
        wit_bindgen::yield_async().await;
        Ok(output)
    }
}

/// A body on its way to a service.
pub(crate) struct HandedOn {
    pub(crate) stream: StreamReader<u8>,
    pub(crate) outcome: FutureReader<Result<(), GitError>>,
    pub(crate) fault: Fault,
}

/// How much of a body a service has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copied {
    /// All of it.
    Whole,
    /// As much as it wanted.
    Enough,
}

/// Tells afterwards whether it was the body that made a service fail.
pub(crate) struct Fault(Rc<Cell<Option<Result<Copied, BodyError>>>>);

impl Fault {
    /// The refusal for a service that failed with `error`: the body's fault comes first.
    pub(crate) fn refusal(&self, error: GitError) -> Refusal {
        match self.0.get() {
            Some(Err(fault)) => fault.into(),
            Some(Ok(_)) | None => error.into(),
        }
    }

    /// Whether the service has got all of the body.
    pub(crate) fn arrived_whole(&self) -> bool {
        matches!(self.0.get(), Some(Ok(Copied::Whole)))
    }
}

async fn copy(
    head: Vec<u8>,
    mut body: RequestBody,
    mut writer: StreamWriter<u8>,
) -> Result<Copied, BodyError> {
    let mut chunk = head;
    loop {
        if !chunk.is_empty() && !writer.write_all(chunk).await.is_empty() {
            return Ok(Copied::Enough);
        }
        chunk = body.read().await?;
        if chunk.is_empty() {
            return Ok(Copied::Whole);
        }
    }
}
