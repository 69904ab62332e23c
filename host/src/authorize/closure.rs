//! An embedder's closure as an authorizer.

use gitwasi_runtime::{
    Access, Authorizer, BoxFuture, Decision, ErrorCode, Principal, RequestContext, Service,
    ServiceRequest,
};

/// What a closure decides on.
#[derive(Debug, Clone)]
pub struct Request {
    /// The repository's name. It need not exist.
    pub repository: String,
    /// What the request wants to do.
    pub access: Access,
    /// The service, or none for a file of the dumb protocol.
    pub service: Option<Service>,
    /// The value of `Authorization`, as it came.
    pub authorization: Option<Vec<u8>>,
    /// Who a trusted proxy has verified the client to be.
    pub principal: Option<Principal>,
    /// Where the request came from, or empty if that is not known.
    pub peer: String,
    /// What the embedder's layers attached to the request.
    pub extensions: http::Extensions,
}

/// Decides by a closure. Ref updates are allowed to whoever may write.
pub struct Closure<F>(pub F);

impl<F, Fut> Authorizer for Closure<F>
where
    F: Fn(Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Decision> + Send + 'static,
{
    fn authorize<'a>(
        &'a self,
        context: &'a RequestContext,
        request: ServiceRequest,
    ) -> BoxFuture<'a, Result<Decision, ErrorCode>> {
        let ServiceRequest { repository, access, service, authorization } = request;
        let decided = (self.0)(Request {
            repository,
            access,
            service,
            authorization,
            principal: context.principal.clone(),
            peer: context.peer.clone(),
            extensions: context.extensions.clone(),
        });
        Box::pin(async move { Ok(decided.await) })
    }
}
