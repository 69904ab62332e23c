//! Response bodies: a service of the engine as a stream with its outcome.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use gitwasi_engine::Error;
use gitwasi_engine::upload_pack::Output;

use crate::bindings::gitwasi::git::types::ErrorCode;
use crate::bindings::{wit_future, wit_stream};
use crate::convert::error_code;
use wit_bindgen::{FutureReader, StreamReader, StreamWriter, spawn_local};

/// A body as the contract hands it over: its bytes, and how they ended.
pub(crate) type Body = (StreamReader<u8>, FutureReader<Result<(), ErrorCode>>);

/// Where a service writes.
pub(crate) struct StreamOutput {
    writer: StreamWriter<u8>,
    begun: Rc<Cell<bool>>,
}

impl Output for StreamOutput {
    async fn write(&mut self, chunk: Vec<u8>) -> Result<(), Error> {
        self.begun.set(true);
        match self.writer.write_all(chunk).await.is_empty() {
            true => Ok(()),
            false => Err(Error::Aborted),
        }
    }
}

/// Runs `service` until its first bytes are there, and lets it go on as the returned body.
///
/// A service that fails before it wrote anything is an error here, which can still become a
/// status. The service ends when nobody reads its body any more.
pub(crate) async fn start<F>(service: impl FnOnce(StreamOutput) -> F) -> Result<Body, ErrorCode>
where
    F: Future<Output = Result<(), Error>> + 'static,
{
    let (writer, stream) = wit_stream::new();
    let begun = Rc::new(Cell::new(false));
    let output = StreamOutput { writer, begun: Rc::clone(&begun) };
    let mut running = Box::pin(service(output));
    let ended = match until_begun(running.as_mut(), &begun).await {
        Some(Err(error)) if !begun.get() => return Err(error_code(error)),
        ended => ended,
    };
    let (told, outcome) = wit_future::new(|| Err(ErrorCode::Aborted));
    spawn_local(async move {
        let ended = match ended {
            Some(ended) => ended,
            None => running.await,
        };
        let _ = told.write(outcome_of(ended)).await;
    });
    Ok((stream, outcome))
}

/// Polls `running` until it has ended, or waits with its first bytes.
async fn until_begun<F>(mut running: Pin<&mut F>, begun: &Cell<bool>) -> Option<F::Output>
where
    F: Future,
{
    poll_fn(|context| match running.as_mut().poll(context) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending if begun.get() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// How a body ends whose service has ended.
fn outcome_of(ended: Result<(), Error>) -> Result<(), ErrorCode> {
    match ended {
        // The client has been told in an `ERR` pkt-line, and the response is whole.
        Ok(()) | Err(Error::Malformed(_)) => Ok(()),
        Err(error) => {
            // The response has begun: nobody else will tell the operator.
            if !matches!(error, Error::Aborted) {
                eprintln!("a service broke off: {error}");
            }
            Err(error_code(error))
        }
    }
}
