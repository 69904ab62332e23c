//! `POST git-upload-archive`: archives made on the server.
//!
//! Source: the services table of git's `http-backend.c`.

use crate::authorize::{Read, authorize};
use crate::bindings::gitwasi::git::types::Service;
use crate::bindings::wasi::http::types::{Request, Response};
use crate::body::RequestBody;
use crate::name::RepositoryName;
use crate::refusal::Refusal;
use crate::respond::{self, NO_CACHE};

/// Answers with what `git-upload-archive` says to the request.
pub(crate) async fn answer(
    repository: RepositoryName,
    request: Request,
) -> Result<Response, Refusal> {
    let headers = request.get_headers();
    let authorized = authorize::<Read>(repository, Some(Service::UploadArchive), &headers).await?;
    let body = RequestBody::open(request, "application/x-git-upload-archive-request")?;
    let body = body.hand_on(Vec::new());
    let response = authorized
        .repository
        .upload_archive(body.stream, body.outcome)
        .await
        .map_err(|error| body.fault.refusal(error))?;
    let content_type = ("content-type", "application/x-git-upload-archive-result");
    let headers: Vec<_> = NO_CACHE.into_iter().chain([content_type]).collect();
    Ok(respond::stream(200, &headers, response))
}
