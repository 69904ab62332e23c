//! The error table: the one place where a failure becomes an HTTP status and a text.
//!
//! | who is at fault | status |
//! |---|---|
//! | broken protocol, truncated or corrupt body | 400 |
//! | credentials could help | 401 with `WWW-Authenticate` |
//! | not permitted; unknown or disabled service | 403 |
//! | no such repository or file, or it is concealed | 404 |
//! | wrong method | 405 with `Allow` |
//! | over a limit on the body | 413 |
//! | wrong content type or content coding | 415 |
//! | range past the end | 416 |
//! | the repository is corrupt, or we are broken | 500 |
//! | not implemented by this server | 501 |
//! | every slot is taken | 503 with `Retry-After` |
//!
//! The text is fixed, or comes from the authorizer; nothing of the host's internals is in it. Git
//! shows a `text/plain` body to its user line by line after `remote: `.

use crate::authorize::AuthorizerRefusal;
use crate::bindings::gitwasi::git::types::ErrorCode;
use crate::bindings::wasi::http::types::Response;
use crate::body::BodyError;
use crate::respond;

/// Why a request is not served, as the client learns it.
pub(crate) struct Refusal {
    status: u16,
    text: String,
    header: Option<(&'static str, String)>,
}

impl Refusal {
    pub(crate) fn bad_request(text: &str) -> Self {
        Self::new(400, text)
    }

    pub(crate) fn unknown_service() -> Self {
        Self::new(403, "unsupported service")
    }

    pub(crate) fn disabled() -> Self {
        Self::new(403, "this repository does not offer the service")
    }

    pub(crate) fn too_large(text: &str) -> Self {
        Self::new(413, text)
    }

    pub(crate) fn internal() -> Self {
        Self::new(500, "internal server error")
    }

    pub(crate) fn forbidden(text: &str) -> Self {
        Self::new(403, text)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "repository not found")
    }

    pub(crate) fn no_such_file() -> Self {
        Self::new(404, "not found")
    }

    pub(crate) fn method_not_allowed(allow: &str) -> Self {
        Self { header: Some(("allow", allow.to_owned())), ..Self::new(405, "method not allowed") }
    }

    pub(crate) fn wrong_content_type(expected: &str) -> Self {
        Self::new(415, &format!("expected Content-Type: {expected}"))
    }

    pub(crate) fn wrong_content_coding() -> Self {
        Self {
            header: Some(("accept-encoding", "gzip".to_owned())),
            ..Self::new(415, "expected no Content-Encoding, or gzip")
        }
    }

    pub(crate) fn precondition_failed() -> Self {
        Self::new(412, "this is another version")
    }

    pub(crate) fn range_not_satisfiable(size: u64) -> Self {
        Self {
            header: Some(("content-range", format!("bytes */{size}"))),
            ..Self::new(416, "range not satisfiable")
        }
    }

    /// The response that says it.
    pub(crate) fn into_response(self) -> Response {
        let headers: Vec<_> =
            self.header.iter().map(|(name, value)| (*name, value.as_str())).collect();
        respond::text(self.status, &headers, &self.text)
    }

    fn new(status: u16, text: &str) -> Self {
        Self { status, text: text.to_owned(), header: None }
    }
}

impl From<ErrorCode> for Refusal {
    fn from(error: ErrorCode) -> Self {
        match error {
            ErrorCode::NotFound => Self::not_found(),
            ErrorCode::Disabled => Self::disabled(),
            ErrorCode::Aborted => Self::bad_request("the request body ended early"),
            ErrorCode::Malformed(_) => Self::bad_request("the request breaks git's protocol"),
            ErrorCode::Busy => Self {
                header: Some(("retry-after", "5".to_owned())),
                ..Self::new(503, "the server is busy, try again later")
            },
            ErrorCode::LimitExceeded(_) => Self::too_large("the request is over a limit"),
            ErrorCode::Unsupported(_) => Self::new(501, "not implemented by this server"),
            ErrorCode::Corrupt(_) => Self::new(500, "the repository cannot be read"),
            ErrorCode::Internal(_) => Self::internal(),
        }
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Incomplete => Self::bad_request("the request body ended early"),
            BodyError::NotGzip => {
                Self::bad_request("the request body is not the gzip that its header promises")
            }
            BodyError::TooLarge => Self::too_large("the request body is too large"),
        }
    }
}

impl From<AuthorizerRefusal> for Refusal {
    fn from(refusal: AuthorizerRefusal) -> Self {
        match refusal {
            AuthorizerRefusal::Challenge(challenge) => Self {
                header: Some(("www-authenticate", challenge)),
                ..Self::new(401, "authentication required")
            },
            AuthorizerRefusal::Deny(text) => Self::forbidden(&text),
            AuthorizerRefusal::Conceal => Self::not_found(),
        }
    }
}
