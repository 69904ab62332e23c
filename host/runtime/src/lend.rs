//! The host's side of the contract: the guest's calls become calls of [`crate::contract`].
//!
//! An error is either a value that the guest may see (`error-code`) or a trap, never both: only
//! faults of the binding itself trap.

#![allow(unreachable_pub, reason = "the generated bindings want the handles public")]

use std::sync::Arc;

use http_body_util::BodyExt;
use wasmtime::component::{Accessor, FutureReader, HasData, Resource, StreamReader};
use wasmtime::{AsContextMut, Result};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p3::bindings::http::types::{
    ErrorCode as HttpErrorCode, Request, Response,
};

use crate::bindings::gitwasi::git::{authorizer, observer, repositories, types};
use crate::bindings::wasi::http::handler;
use crate::body::{Body, BodyError, Observed};
use crate::contract::{ErrorCode, File, Observer, Repository};
use crate::convert;
use crate::state::{InFlight, State};
use crate::stream::{Wire, lift, lower};

/// What a `repository` handle stands for.
pub struct OpenRepository(pub(crate) Arc<dyn Repository>);

/// What a `file` handle stands for.
pub struct OpenFile(pub(crate) Arc<dyn File>);

/// Marks the interfaces as implemented on [`State`].
pub(crate) struct Lend;

impl HasData for Lend {
    type Data<'a> = &'a mut State;
}

type Store = Accessor<State, Lend>;
type Outcome = FutureReader<Result<(), types::ErrorCode>>;

impl types::Host for State {}
impl repositories::Host for State {}
impl authorizer::Host for State {}
impl handler::Host for State {}

impl observer::Host for State {
    fn interested(&mut self) -> Result<bool> {
        Ok(self.sockets.observer.is_some())
    }
}

impl repositories::HostRepository for State {
    /// What git's process reports is all that is known.
    fn moved(&mut self, _: Resource<OpenRepository>) -> Result<Option<Vec<types::RefUpdate>>> {
        Ok(None)
    }

    /// Git's process moves all refs that it is asked for.
    fn takes_refusals(&mut self, _: Resource<OpenRepository>) -> Result<bool> {
        Ok(false)
    }

    fn settings(&mut self, this: Resource<OpenRepository>) -> Result<repositories::Settings> {
        Ok(self.http().table.get(&this)?.0.settings().into())
    }
}

impl repositories::HostFile for State {
    fn attributes(&mut self, this: Resource<OpenFile>) -> Result<repositories::FileAttributes> {
        Ok(self.http().table.get(&this)?.0.attributes().into())
    }
}

impl repositories::HostWithStore<State> for Lend {
    async fn open(
        store: &Store,
        name: String,
        access: types::Access,
    ) -> Result<Result<Resource<OpenRepository>, types::ErrorCode>> {
        let (request, repositories) = current(store, |state| state.sockets.repositories.clone())?;
        match repositories.open(&request.context, &name, access.into()).await {
            Ok(repository) => push(store, OpenRepository(repository)).map(Ok),
            Err(error) => Ok(Err(logged(&request, error))),
        }
    }

    async fn create(
        store: &Store,
        name: String,
    ) -> Result<Result<Resource<OpenRepository>, types::ErrorCode>> {
        let (request, repositories) = current(store, |state| state.sockets.repositories.clone())?;
        match repositories.create(&request.context, &name).await {
            Ok(repository) => push(store, OpenRepository(repository)).map(Ok),
            Err(error) => Ok(Err(logged(&request, error))),
        }
    }
}

impl repositories::HostRepositoryWithStore<State> for Lend {
    async fn drop(store: &Store, this: Resource<OpenRepository>) -> Result<()> {
        store.with(|mut store| store.get().http().table.delete(this))?;
        Ok(())
    }

    async fn advertise(
        store: &Store,
        this: Resource<OpenRepository>,
        service: types::Service,
        version: types::ProtocolVersion,
    ) -> Result<Result<Wire, types::ErrorCode>> {
        let (request, repository) = repository(store, &this)?;
        let body = repository.advertise(&request.context, service.into(), version.into());
        answer(store, &request, body.await)
    }

    async fn upload_pack(
        store: &Store,
        this: Resource<OpenRepository>,
        version: types::ProtocolVersion,
        body: StreamReader<u8>,
        outcome: Outcome,
    ) -> Result<Result<Wire, types::ErrorCode>> {
        let (request, repository) = repository(store, &this)?;
        let body = store.with(|store| lift(store, (body, outcome)))?;
        let body = repository.upload_pack(&request.context, version.into(), body);
        answer(store, &request, body.await)
    }

    async fn receive_pack(
        store: &Store,
        this: Resource<OpenRepository>,
        version: types::ProtocolVersion,
        requester: types::Requester,
        refusals: Vec<types::RefRefusal>,
        body: StreamReader<u8>,
        outcome: Outcome,
    ) -> Result<Result<Wire, types::ErrorCode>> {
        if !refusals.is_empty() {
            return Ok(Err(types::ErrorCode::Unsupported("refusals of single refs".to_owned())));
        }
        let (request, repository) = repository(store, &this)?;
        let body = store.with(|store| lift(store, (body, outcome)))?;
        let principal = requester.principal.map(Into::into);
        let body = repository.receive_pack(&request.context, version.into(), principal, body);
        answer(store, &request, body.await)
    }

    async fn upload_archive(
        store: &Store,
        this: Resource<OpenRepository>,
        body: StreamReader<u8>,
        outcome: Outcome,
    ) -> Result<Result<Wire, types::ErrorCode>> {
        let (request, repository) = repository(store, &this)?;
        let body = store.with(|store| lift(store, (body, outcome)))?;
        let body = repository.upload_archive(&request.context, body);
        answer(store, &request, body.await)
    }

    async fn open_file(
        store: &Store,
        this: Resource<OpenRepository>,
        file: repositories::DumbFile,
    ) -> Result<Result<Resource<OpenFile>, types::ErrorCode>> {
        let (request, repository) = repository(store, &this)?;
        match repository.open_file(&request.context, file.into()).await {
            Ok(file) => push(store, OpenFile(file)).map(Ok),
            Err(error) => Ok(Err(logged(&request, error))),
        }
    }
}

impl repositories::HostFileWithStore<State> for Lend {
    async fn drop(store: &Store, this: Resource<OpenFile>) -> Result<()> {
        store.with(|mut store| store.get().http().table.delete(this))?;
        Ok(())
    }

    async fn read(
        store: &Store,
        this: Resource<OpenFile>,
        offset: u64,
        length: Option<u64>,
    ) -> Result<Result<Wire, types::ErrorCode>> {
        let (request, file) = current(store, |state| {
            Ok::<_, wasmtime::Error>(state.http().table.get(&this)?.0.clone())
        })?;
        answer(store, &request, file?.read(offset, length).await)
    }
}

impl authorizer::HostWithStore<State> for Lend {
    async fn authorize(
        store: &Store,
        request: authorizer::Request,
    ) -> Result<Result<authorizer::Decision, types::ErrorCode>> {
        let (current, authorizer) = current(store, |state| state.sockets.authorizer.clone())?;
        let decision = authorizer.authorize(&current.context, request.into()).await;
        let peer = &current.context.peer;
        let decision = decision.map(|decision| convert::decision(decision, peer));
        Ok(decision.map_err(|error| logged(&current, error)))
    }

    async fn authorize_creation(
        store: &Store,
        repository: String,
        requester: types::Requester,
    ) -> Result<Result<bool, types::ErrorCode>> {
        let (current, authorizer) = current(store, |state| state.sockets.authorizer.clone())?;
        let principal = requester.principal.map(Into::into);
        let made = authorizer.authorize_creation(&current.context, repository, principal).await;
        Ok(made.map_err(|error| logged(&current, error)))
    }

    async fn authorize_ref_updates(
        store: &Store,
        push: authorizer::Push,
    ) -> Result<Result<Vec<Option<String>>, types::ErrorCode>> {
        let (current, authorizer) = current(store, |state| state.sockets.authorizer.clone())?;
        let reasons = authorizer.authorize_ref_updates(&current.context, push.into()).await;
        Ok(reasons.map_err(|error| logged(&current, error)))
    }
}

// A push may tell of itself when its request has been answered and is known no more. The guest logs
// errors, whoever its observer is.
impl observer::HostWithStore<State> for Lend {
    async fn pushing(
        store: &Store,
        event: observer::PushEvent,
    ) -> Result<Result<(), types::ErrorCode>> {
        let Some(observer) = watching(store) else { return Ok(Ok(())) };
        Ok(observer.pushing(event.into()).await.map_err(Into::into))
    }

    async fn not_pushed(store: &Store, id: String) -> Result<Result<(), types::ErrorCode>> {
        let Some(observer) = watching(store) else { return Ok(Ok(())) };
        Ok(observer.not_pushed(id).await.map_err(Into::into))
    }

    async fn pushed(
        store: &Store,
        event: observer::PushEvent,
    ) -> Result<Result<(), types::ErrorCode>> {
        let Some(observer) = watching(store) else { return Ok(Ok(())) };
        Ok(observer.pushed(event.into()).await.map_err(Into::into))
    }
}

fn watching(store: &Store) -> Option<Arc<dyn Observer>> {
    store.with(|mut store| store.get().sockets.observer.clone())
}

impl handler::HostWithStore<State> for Lend {
    async fn handle(
        store: &Store,
        request: Resource<Request>,
    ) -> Result<Result<Resource<Response>, HttpErrorCode>> {
        let (current, fallback) = current(store, |state| state.sockets.fallback.clone())?;
        let request = store.with(|mut store| {
            let request = store.get().http().table.delete(request)?;
            let converted = request.into_http(store.as_context_mut(), async { Ok(()) });
            wasmtime::error::Ok(converted)
        })?;
        let request = match request {
            Ok((request, _options)) => {
                request.map(|body| body.map_err(BodyError::io).boxed_unsync())
            }
            Err(_) => return Ok(Err(HttpErrorCode::HttpProtocolError)),
        };
        let response = fallback.handle(&current.context, request).await;
        let activity = current.activity;
        let response = response.map(|body: Body| Observed { body, activity, outcome: None });
        store.with(|mut store| {
            let view = store.get().http();
            let (response, _sent) = Response::from_http(view.hooks, response);
            Ok(Ok(view.table.push(response)?))
        })
    }
}

/// The request that the guest is working on, and something of the state.
fn current<T>(store: &Store, pick: impl FnOnce(&mut State) -> T) -> Result<(InFlight, T)> {
    store.with(|mut store| {
        let request = State::current(store.as_context_mut())?;
        Ok((request, pick(store.get())))
    })
}

fn repository(
    store: &Store,
    this: &Resource<OpenRepository>,
) -> Result<(InFlight, Arc<dyn Repository>)> {
    let (request, repository) =
        current(store, |state| Ok::<_, wasmtime::Error>(state.http().table.get(this)?.0.clone()))?;
    Ok((request, repository?))
}

fn push<T: Send + 'static>(store: &Store, entry: T) -> Result<Resource<T>> {
    store.with(|mut store| Ok(store.get().http().table.push(entry)?))
}

/// Gives a service's answer to the guest.
fn answer(
    store: &Store,
    request: &InFlight,
    answered: Result<Body, ErrorCode>,
) -> Result<Result<Wire, types::ErrorCode>> {
    match answered {
        Ok(body) => {
            let activity = Arc::clone(&request.activity);
            store.with(|store| lower(store, body, activity)).map(Ok)
        }
        Err(error) => Ok(Err(logged(request, error))),
    }
}

/// Faults that are not the client's go to the log before the guest makes a status of them.
fn logged(request: &InFlight, error: ErrorCode) -> types::ErrorCode {
    match &error {
        ErrorCode::Corrupt(_) | ErrorCode::Internal(_) => {
            tracing::error!(request = request.context.id, %error, "a request failed");
        }
        _ => tracing::debug!(request = request.context.id, %error, "a request was not served"),
    }
    error.into()
}
