//! `GET` of the files that a dumb client reads.
//!
//! Spec: gitprotocol-http(5), "Dumb Clients"; content types and cache headers as git's
//! `http-backend.c` sends them.
//!
//! # Deviation
//!
//! `HEAD` has the cache headers of everything else that may change; git-http-backend sends none.
//! Files that never change have an `ETag` and are served in ranges and on condition.

use std::time::{Duration, SystemTime};

use crate::authorize::{Read, authorize};
use crate::bindings::gitwasi::git::repositories::DumbFile;
use crate::bindings::gitwasi::git::types::ErrorCode;
use crate::bindings::wasi::http::types::{Headers, Method, Request, Response};
use crate::name::RepositoryName;
use crate::range::{Selection, Validators, select};
use crate::refusal::Refusal;
use crate::respond::{self, NO_CACHE};

/// How long a file may be cached whose content its name determines.
const IMMUTABLE_SECONDS: u64 = 31_536_000;

/// Answers with a file, or a part of it.
pub(crate) async fn answer(
    repository: RepositoryName,
    file: DumbFile,
    request: Request,
) -> Result<Response, Refusal> {
    let method = request.get_method();
    let request = request.get_headers();
    let authorized = authorize::<Read>(repository, None, &request).await?;
    let (content_type, immutable) = kind(&file);
    let file = authorized.repository.open_file(file).await.map_err(|error| match error {
        ErrorCode::NotFound => Refusal::no_such_file(),
        other => other.into(),
    })?;
    let attributes = file.attributes();
    let mut headers = FileHeaders::new(content_type);
    let (Some(size), Some(modified)) = (attributes.size, attributes.modified) else {
        headers.no_cache();
        return Ok(respond::stream(200, &headers.list(), file.read(0, None).await?));
    };
    let validators = Validators::new(size, modified);
    headers.set("last-modified", validators.last_modified());
    if !immutable {
        headers.no_cache();
        headers.set("content-length", size.to_string());
        return Ok(respond::stream(200, &headers.list(), file.read(0, Some(size)).await?));
    }
    headers.cache_forever(authorized.requester.principal.is_some());
    headers.set("etag", validators.etag.clone());
    headers.set("accept-ranges", "bytes".to_owned());
    let asked = |name| header(&request, name);
    if validators.changed(asked("if-match").as_deref(), asked("if-unmodified-since").as_deref()) {
        return Err(Refusal::precondition_failed());
    }
    if validators
        .not_modified(asked("if-none-match").as_deref(), asked("if-modified-since").as_deref())
    {
        return Ok(respond::empty(304, &headers.list()));
    }
    // RFC 9110, 14.2: of all methods only GET has ranges.
    let range = asked("range").filter(|_| matches!(method, Method::Get));
    let if_range = asked("if-range");
    match select(range.as_deref(), if_range.as_deref(), &validators, size) {
        Selection::NotSatisfiable => Err(Refusal::range_not_satisfiable(size)),
        Selection::Whole => {
            headers.set("content-length", size.to_string());
            Ok(respond::stream(200, &headers.list(), file.read(0, Some(size)).await?))
        }
        Selection::Part { first, last } => {
            let length = last - first + 1;
            headers.set("content-length", length.to_string());
            headers.set("content-range", format!("bytes {first}-{last}/{size}"));
            Ok(respond::stream(206, &headers.list(), file.read(first, Some(length)).await?))
        }
    }
}

/// The content type, and whether the content is determined by the name.
fn kind(file: &DumbFile) -> (&'static str, bool) {
    match file {
        DumbFile::Head | DumbFile::Info(_) | DumbFile::InfoRefs => ("text/plain", false),
        DumbFile::Packs => ("text/plain; charset=utf-8", false),
        DumbFile::LooseObject(_) => ("application/x-git-loose-object", true),
        DumbFile::Pack(_) => ("application/x-git-packed-objects", true),
        DumbFile::PackIndex(_) => ("application/x-git-packed-objects-toc", true),
    }
}

/// A header's value, or several as the list that they are.
fn header(request: &Headers, name: &str) -> Option<String> {
    let values = request.get(name);
    (!values.is_empty()).then(|| String::from_utf8(values.join(&b", "[..])).ok()).flatten()
}

/// The response headers while they are collected.
struct FileHeaders {
    list: Vec<(&'static str, String)>,
}

impl FileHeaders {
    fn new(content_type: &str) -> Self {
        Self { list: vec![("content-type", content_type.to_owned())] }
    }

    fn set(&mut self, name: &'static str, value: String) {
        self.list.push((name, value));
    }

    fn no_cache(&mut self) {
        self.list.extend(NO_CACHE.map(|(name, value)| (name, value.to_owned())));
    }

    /// What a principal may read a shared cache may not keep.
    fn cache_forever(&mut self, private: bool) {
        let expires = SystemTime::now() + Duration::from_secs(IMMUTABLE_SECONDS);
        self.set("expires", httpdate::fmt_http_date(expires));
        let scope = if private { "private" } else { "public" };
        self.set("cache-control", format!("{scope}, max-age={IMMUTABLE_SECONDS}"));
    }

    fn list(&self) -> Vec<(&str, &str)> {
        self.list.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}
