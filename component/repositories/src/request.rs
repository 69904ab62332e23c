//! Request bodies: read whole within the engine's bound, and told apart from those that were cut.

use crate::bindings::gitwasi::git::types::ErrorCode;
use wit_bindgen::{FutureReader, StreamReader, StreamResult};

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// Reads a request of at most `limit` bytes.
pub(crate) async fn read(
    mut stream: StreamReader<u8>,
    outcome: FutureReader<Result<(), ErrorCode>>,
    limit: usize,
) -> Result<Vec<u8>, ErrorCode> {
    let mut request = Vec::new();
    loop {
        let (result, chunk) = stream.read(Vec::with_capacity(CHUNK_BYTES)).await;
        if request.len() + chunk.len() > limit {
            return Err(ErrorCode::LimitExceeded("request".to_owned()));
        }
        request.extend_from_slice(&chunk);
        if !matches!(result, StreamResult::Complete(_)) {
            break;
        }
    }
    outcome.await?;
    Ok(request)
}
