//! Request bodies: read as they arrive, and told apart from those that were cut.

use gitwasi_engine::Error;
use gitwasi_engine::receive_pack::PackSource;
use gitwasi_engine::upload_pack::Input;

use crate::bindings::gitwasi::git::types::ErrorCode;
use wit_bindgen::{FutureReader, StreamReader, StreamResult};

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// How a body ends.
pub(crate) type Outcome = FutureReader<Result<(), ErrorCode>>;

/// A request body on its way in.
pub(crate) struct RequestBody {
    stream: StreamReader<u8>,
    /// None once it has been told: a stream must not be read again after its end.
    outcome: Option<Outcome>,
}

impl RequestBody {
    pub(crate) fn new(stream: StreamReader<u8>, outcome: Outcome) -> Self {
        Self { stream, outcome: Some(outcome) }
    }
}

impl Input for RequestBody {
    async fn read(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.next().await
    }
}

impl PackSource for RequestBody {
    async fn read(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.next().await
    }
}

impl RequestBody {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        while self.outcome.is_some() {
            let (result, chunk) = self.stream.read(Vec::with_capacity(CHUNK_BYTES)).await;
            if matches!(result, StreamResult::Complete(_)) {
                if chunk.is_empty() {
                    continue;
                }
                return Ok(Some(chunk));
            }
            if let Some(outcome) = self.outcome.take() {
                outcome.await.map_err(|_| Error::Aborted)?;
            }
        }
        Ok(None)
    }
}
