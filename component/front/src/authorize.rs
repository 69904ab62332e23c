//! From a route to a repository that may be used: the only maker of [`Authorized`].
//!
//! The authorizer is asked before anything is opened, and what it is asked about is the parsed
//! name and the typed service, never a string of the request.

use std::marker::PhantomData;

use crate::bindings::gitwasi::git::authorizer::{self, Decision};
use crate::bindings::gitwasi::git::repositories::{self, Repository, Setting, Settings};
use crate::bindings::gitwasi::git::types::{Access, ErrorCode, Requester, Service};
use crate::bindings::wasi::http::types::Headers;
use crate::name::RepositoryName;
use crate::refusal::Refusal;

pub(crate) use crate::bindings::gitwasi::git::authorizer::Refusal as AuthorizerRefusal;

/// An open repository, and the proof that this request may use it for `A`.
pub(crate) struct Authorized<A> {
    pub(crate) name: RepositoryName,
    pub(crate) repository: Repository,
    pub(crate) requester: Requester,
    access: PhantomData<A>,
}

/// Reading.
pub(crate) struct Read;

/// Writing.
pub(crate) struct Write;

/// What an [`Authorized`] is for.
pub(crate) trait AccessKind {
    const ACCESS: Access;
}

impl AccessKind for Read {
    const ACCESS: Access = Access::Read;
}

impl AccessKind for Write {
    const ACCESS: Access = Access::Write;
}

/// Authorizes a request and opens its repository.
///
/// `service` is none for a file of the dumb protocol.
pub(crate) async fn authorize<A: AccessKind>(
    name: RepositoryName,
    service: Option<Service>,
    headers: &Headers,
) -> Result<Authorized<A>, Refusal> {
    let decision = authorizer::authorize(authorizer::Request {
        repository: name.as_str().to_owned(),
        access: A::ACCESS,
        service,
        authorization: headers.get("authorization").into_iter().next(),
    })
    .await?;
    let (requester, unless_granted) = match decision {
        Decision::Allow(requester) => (requester, None),
        Decision::AskRepository(asked) => (asked.requester, Some(asked.otherwise)),
        Decision::Refuse(refusal) => return Err(refusal.into()),
    };
    let opened = repositories::open(name.as_str().to_owned(), A::ACCESS).await;
    let repository = match (opened, &unless_granted) {
        (Err(ErrorCode::NotFound), granted) if service == Some(Service::ReceivePack) => {
            match granted {
                None => create(&name, &requester).await?,
                // Whoever this is might make it.
                Some(refusal @ AuthorizerRefusal::Challenge(_)) => {
                    return Err(refusal.clone().into());
                }
                Some(_) => return Err(ErrorCode::NotFound.into()),
            }
        }
        (opened, _) => opened?,
    };
    let settings = repository.settings();
    if !offers(settings, service) {
        return Err(Refusal::disabled());
    }
    match unless_granted {
        Some(refusal) if !grants_everybody(settings, service) => Err(refusal.into()),
        _ => Ok(Authorized { name, repository, requester, access: PhantomData }),
    }
}

/// Makes a repository for a push, if this requester may.
async fn create(name: &RepositoryName, requester: &Requester) -> Result<Repository, ErrorCode> {
    let name = name.as_str().to_owned();
    match authorizer::authorize_creation(name.clone(), requester.clone()).await? {
        true => repositories::create(name).await,
        false => Err(ErrorCode::NotFound),
    }
}

/// Whether the repository offers a service at all.
fn offers(settings: Settings, service: Option<Service>) -> bool {
    match service {
        Some(Service::UploadPack) => settings.upload_pack != Setting::Disabled,
        Some(Service::ReceivePack) => settings.receive_pack != Setting::Disabled,
        Some(Service::UploadArchive) => settings.upload_archive == Setting::Enabled,
        None => settings.dumb_files != Setting::Disabled,
    }
}

/// Whether the repository grants a service to everybody of its own accord.
fn grants_everybody(settings: Settings, service: Option<Service>) -> bool {
    match service {
        Some(Service::ReceivePack) => settings.receive_pack == Setting::Enabled,
        _ => false,
    }
}
