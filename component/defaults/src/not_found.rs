//! The fallback: 404.

use crate::Defaults;
use crate::bindings::exports::wasi::http::handler::Guest;
use crate::bindings::wasi::http::types::{ErrorCode, Fields, Request, Response};
use crate::bindings::{wit_future, wit_stream};
use wit_bindgen::spawn_local;

const TEXT: &[u8] = b"not found\n";

impl Guest for Defaults {
    async fn handle(_request: Request) -> Result<Response, ErrorCode> {
        let headers = Fields::new();
        for (name, value) in
            [("content-type", "text/plain; charset=utf-8"), ("content-length", "10")]
        {
            let _ = headers.append(name, value.as_bytes());
        }
        let (mut writer, contents) = wit_stream::new();
        let (trailers, trailers_reader) =
            wit_future::new(|| Err(ErrorCode::HttpResponseIncomplete));
        spawn_local(async move {
            let _ = writer.write_all(TEXT.to_vec()).await;
            drop(writer);
            let _ = trailers.write(Ok(None)).await;
        });
        let (response, _transmitted) = Response::new(headers, Some(contents), trailers_reader);
        let _ = response.set_status_code(404);
        Ok(response)
    }
}
