//! Responses: heads with git's cache headers, and bodies that never end short and look whole.

use crate::bindings::gitwasi::git::types::ErrorCode as GitError;
use crate::bindings::wasi::http::types::{ErrorCode, Fields, Response, Trailers};
use crate::bindings::{wit_future, wit_stream};
use crate::body::CHUNK_BYTES;
use wit_bindgen::{FutureReader, StreamReader, StreamResult, spawn_local};

/// A body as the contract hands it over: its bytes, and how they ended.
pub(crate) type Body = (StreamReader<u8>, FutureReader<Result<(), GitError>>);

/// What git sends with everything that may change.
///
/// Source: `hdr_nocache` in git's `http-backend.c`.
pub(crate) const NO_CACHE: [(&str, &str); 3] = [
    ("expires", "Fri, 01 Jan 1980 00:00:00 GMT"),
    ("pragma", "no-cache"),
    ("cache-control", "no-cache, max-age=0, must-revalidate"),
];

/// A response that streams `contents`, whose end is `outcome`'s.
///
/// The transfer ends well only if the outcome is a success; this instance keeps a task
/// until then, so that it cannot be disposed of in the middle of the body.
pub(crate) fn stream<O>(
    status: u16,
    headers: &[(&str, &str)],
    (contents, outcome): (StreamReader<u8>, O),
) -> Response
where
    O: IntoFuture<Output = Result<(), GitError>> + 'static,
{
    let (trailers, trailers_reader) = wit_future::new(incomplete);
    spawn_local(async move {
        let ended = outcome.await.map(|()| None).map_err(|_| ErrorCode::HttpResponseIncomplete);
        let _ = trailers.write(ended).await;
    });
    head(status, headers, Some(contents), trailers_reader)
}

/// The body with some bytes before it. Without any it is handed on as it is, unread.
pub(crate) fn prefix(head: Vec<u8>, body: Body) -> Body {
    if head.is_empty() {
        return body;
    }
    let (mut contents, outcome) = body;
    let (mut writer, prefixed) = wit_stream::new();
    spawn_local(async move {
        let mut chunk = head;
        while writer.write_all(chunk).await.is_empty() {
            let (result, read) = contents.read(Vec::with_capacity(CHUNK_BYTES)).await;
            match result {
                StreamResult::Complete(_) => chunk = read,
                StreamResult::Dropped | StreamResult::Cancelled => break,
            }
        }
    });
    (prefixed, outcome)
}

/// A response with a body that is already there.
pub(crate) fn bytes(status: u16, headers: &[(&str, &str)], body: Vec<u8>) -> Response {
    let (trailers, trailers_reader) = wit_future::new(incomplete);
    let (mut writer, contents) = wit_stream::new();
    let length = body.len().to_string();
    spawn_local(async move {
        let ended = match writer.write_all(body).await.is_empty() {
            true => Ok(None),
            false => Err(ErrorCode::HttpResponseIncomplete),
        };
        drop(writer);
        let _ = trailers.write(ended).await;
    });
    let headers: Vec<_> = headers.iter().copied().chain([("content-length", &*length)]).collect();
    head(status, &headers, Some(contents), trailers_reader)
}

/// A short text for a person, without caching.
pub(crate) fn text(status: u16, headers: &[(&str, &str)], text: &str) -> Response {
    let headers: Vec<_> = headers
        .iter()
        .chain(&NO_CACHE)
        .copied()
        .chain([("content-type", "text/plain; charset=utf-8")])
        .collect();
    bytes(status, &headers, format!("{text}\n").into_bytes())
}

/// A response that is only a head.
pub(crate) fn empty(status: u16, headers: &[(&str, &str)]) -> Response {
    let (trailers, trailers_reader) = wit_future::new(incomplete);
    spawn_local(async move {
        let _ = trailers.write(Ok(None)).await;
    });
    head(status, headers, None, trailers_reader)
}

/// The same head without its body: what `HEAD` is answered with.
pub(crate) fn without_body(response: Response) -> Response {
    let fields = response.get_headers().copy_all();
    let headers: Vec<_> = fields
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), std::str::from_utf8(value).ok()?)))
        .collect();
    empty(response.get_status_code(), &headers)
}

fn head(
    status: u16,
    headers: &[(&str, &str)],
    contents: Option<StreamReader<u8>>,
    trailers: FutureReader<Result<Option<Trailers>, ErrorCode>>,
) -> Response {
    let fields = Fields::new();
    for (name, value) in headers {
        // Names are ours; a value that HTTP does not allow could only come from an authorizer.
        let _ = fields.append(name, value.as_bytes());
    }
    let (response, _transmitted) = Response::new(fields, contents, trailers);
    let _ = response.set_status_code(status);
    response
}

/// What the other side sees if this instance gives up before it could tell.
fn incomplete() -> Result<Option<Trailers>, ErrorCode> {
    Err(ErrorCode::HttpResponseIncomplete)
}
