//! The front component: the web side of gitwasi.
//!
//! It owns routes, HTTP semantics, authentication challenges and the error table, and is the only
//! crate that knows `wasi:http`. It holds no repository: what it serves comes from the
//! `repositories` that it imports, after the `authorizer` that it imports has allowed it; every
//! request that is not git's goes to the `wasi:http/handler` that it imports, the fallback. Of
//! pushes that have moved refs it tells the `observer`.
//!
//! Spec: gitprotocol-http(5), git-http-backend(1).

#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]

mod archive;
mod authorize;
mod bindings;
mod body;
mod config;
mod dumb;
mod fetch;
mod inflate;
mod info_refs;
mod name;
mod observe;
mod push;
mod range;
mod refusal;
mod respond;
mod route;

use bindings::exports::wasi::http::handler::Guest;
use bindings::wasi::http::handler as fallback;
use bindings::wasi::http::types::{ErrorCode, Method, Request, Response, Scheme};

use config::Config;
use route::{Endpoint, Route, Routed};

/// The component.
pub struct Front;

impl Guest for Front {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let target = request.get_path_with_query().unwrap_or_default();
        match route::route(&Config::current().base_path, &target) {
            Routed::Git(route) => Ok(answer(route, request).await),
            Routed::Invalid(reason) => Ok(refusal::Refusal::bad_request(reason).into_response()),
            Routed::NotGit => forward(request).await,
        }
    }
}

/// Answers a request of git's.
async fn answer(route: Route, request: Request) -> Response {
    let method = request.get_method();
    let with_body = !matches!(method, Method::Head);
    let answered = match route.endpoint {
        _ if !route.endpoint.allows(&method) => {
            Err(refusal::Refusal::method_not_allowed(route.endpoint.methods()))
        }
        Endpoint::InfoRefs(service) => info_refs::answer(route.repository, service, request).await,
        Endpoint::DumbFile(file) => dumb::answer(route.repository, file, request).await,
        Endpoint::UploadPack => fetch::answer(route.repository, request).await,
        Endpoint::ReceivePack => push::answer(route.repository, request).await,
        Endpoint::UploadArchive => archive::answer(route.repository, request).await,
        Endpoint::UnknownService => Err(refusal::Refusal::unknown_service()),
    };
    let response = answered.unwrap_or_else(refusal::Refusal::into_response);
    if with_body { response } else { respond::without_body(response) }
}

/// Hands a request that is not git's to the fallback, as it came.
async fn forward(request: Request) -> Result<Response, ErrorCode> {
    // A request of origin form has no scheme of its own, and one without is refused downstream.
    if request.get_scheme().is_none() {
        let _ = request.set_scheme(Some(&Scheme::Http));
    }
    fallback::handle(request).await
}
