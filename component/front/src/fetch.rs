//! `POST git-upload-pack`: clones and fetches.
//!
//! The request is small and is looked at; the response is the service's stream, untouched.
//!
//! Spec: gitprotocol-http(5), "Smart Service git-upload-pack".

use gitwasi_wire::pkt_line::{self, Decoded};
use gitwasi_wire::upload_pack::{FirstLine, first_line};

use crate::authorize::{Read, authorize};
use crate::bindings::gitwasi::git::types::Service;
use crate::bindings::wasi::http::types::{Request, Response};
use crate::body::{BodyError, RequestBody};
use crate::info_refs::protocol_version;
use crate::name::RepositoryName;
use crate::refusal::Refusal;
use crate::respond::{self, NO_CACHE};

/// Answers with what `git-upload-pack` says to the request.
pub(crate) async fn answer(
    repository: RepositoryName,
    request: Request,
) -> Result<Response, Refusal> {
    let headers = request.get_headers();
    let authorized = authorize::<Read>(repository, Some(Service::UploadPack), &headers).await?;
    let version = protocol_version(&headers);
    let mut body = RequestBody::open(request, "application/x-git-upload-pack-request")?;
    let head = begin(&mut body).await?;
    let body = body.hand_on(head);
    let response = authorized
        .repository
        .upload_pack(version, body.stream, body.outcome)
        .await
        .map_err(|error| body.fault.refusal(error))?;
    let content_type = ("content-type", "application/x-git-upload-pack-result");
    let headers: Vec<_> = NO_CACHE.into_iter().chain([content_type]).collect();
    Ok(respond::stream(200, &headers, response))
}

/// Reads the first pkt-line: before a 200 has been promised.
async fn begin(body: &mut RequestBody) -> Result<Vec<u8>, Refusal> {
    let mut head = Vec::new();
    loop {
        match body.read().await? {
            // Nothing at all is what a client sends that only wants to be asked for credentials.
            more if more.is_empty() && head.is_empty() => return Ok(head),
            more if more.is_empty() => return Err(BodyError::Incomplete.into()),
            more => head.extend(more),
        }
        match first_line(&head) {
            FirstLine::WellFormed => {}
            FirstLine::Malformed => {
                return Err(Refusal::bad_request("the request does not begin with a pkt-line"));
            }
            FirstLine::Incomplete => continue,
        }
        if !matches!(pkt_line::decode(&head), Ok(Decoded::Incomplete { .. })) {
            return Ok(head);
        }
    }
}
