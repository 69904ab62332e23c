//! `repositories` where the engine is alone: none.

use std::sync::Arc;

use gitwasi_runtime::{Access, BoxFuture, ErrorCode, Repositories, Repository, RequestContext};

/// The end of the line.
pub(crate) struct Nothing;

impl Repositories for Nothing {
    fn open<'a>(
        &'a self,
        _: &'a RequestContext,
        _: &'a str,
        _: Access,
    ) -> BoxFuture<'a, Result<Arc<dyn Repository>, ErrorCode>> {
        Box::pin(async { Err(ErrorCode::Unsupported("the engine serves alone".to_owned())) })
    }
}
