//! The contract of `wit/` in plain Rust: what an implementer of each socket provides.
//!
//! The items say the same as their counterparts in `wit/`, where their documentation is; here
//! stands only what is particular to Rust.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

use crate::body::Body;

/// A boxed future.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the host knows of a request beyond what the front sees of it.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Names the request in the log. Unique within the process.
    pub id: u64,
    /// Where the request came from, as text for a log: an address, or empty if it is not known.
    pub peer: String,
    /// Whether the peer is a proxy that is believed what it says of its clients.
    pub trusted_peer: bool,
    /// Who somebody in front of this host has verified the client to be.
    pub principal: Option<Principal>,
    /// What the embedder attached to the request.
    pub extensions: http::Extensions,
    /// Cancelled when the client leaves before it has an answer.
    pub cancelled: CancellationToken,
}

/// `types.service`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// `git-upload-pack`.
    UploadPack,
    /// `git-receive-pack`.
    ReceivePack,
    /// `git-upload-archive`.
    UploadArchive,
}

/// `types.protocol-version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtocolVersion {
    /// Version 0.
    V0,
    /// Version 1.
    V1,
    /// Version 2.
    V2,
}

/// `types.access`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read refs and objects.
    Read,
    /// Read, and move refs and add objects.
    Write,
}

/// `types.principal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The verified name, never empty.
    pub name: String,
}

/// `types.ref-update`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefUpdate {
    /// The ref's full name.
    pub name: Vec<u8>,
    /// In hexadecimal.
    pub old_oid: String,
    /// In hexadecimal.
    pub new_oid: String,
}

/// `types.error-code`. The texts are for the log, never for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ErrorCode {
    /// No such repository or file.
    #[error("not found")]
    NotFound,
    /// The repository does not offer this.
    #[error("disabled by the repository")]
    Disabled,
    /// The request ended early.
    #[error("the request ended early")]
    Aborted,
    /// Every slot is taken.
    #[error("every slot is taken")]
    Busy,
    /// A named limit was exceeded.
    #[error("over the limit {0}")]
    LimitExceeded(String),
    /// The client broke the protocol.
    #[error("the client broke the protocol: {0}")]
    Malformed(String),
    /// The repository cannot be read as it is.
    #[error("the repository is corrupt: {0}")]
    Corrupt(String),
    /// Not implemented.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// The fault is ours.
    #[error("internal: {0}")]
    Internal(String),
}

/// `repositories`: opens repositories by name.
pub trait Repositories: Send + Sync + 'static {
    /// Opens a repository. See `repositories.open`.
    fn open<'a>(
        &'a self,
        context: &'a RequestContext,
        name: &'a str,
        access: Access,
    ) -> BoxFuture<'a, Result<Arc<dyn Repository>, ErrorCode>>;

    /// Makes a repository and opens it for writing. See `repositories.create`.
    ///
    /// The default makes none.
    fn create<'a>(
        &'a self,
        _context: &'a RequestContext,
        _name: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn Repository>, ErrorCode>> {
        Box::pin(async { Err(ErrorCode::Unsupported("making repositories".to_owned())) })
    }
}

/// `repositories.repository`: an open repository.
///
/// A response body is given back once its first bytes are there or its service has ended, so that
/// a service that fails at once becomes a status and not a broken transfer. Dropping the future or
/// the body ends the service.
pub trait Repository: Send + Sync + 'static {
    /// The settings, read when the repository was opened.
    fn settings(&self) -> Settings;

    /// The advertisement of `service`.
    fn advertise<'a>(
        &'a self,
        context: &'a RequestContext,
        service: Service,
        version: ProtocolVersion,
    ) -> BoxFuture<'a, Result<Body, ErrorCode>>;

    /// Runs `git-upload-pack`.
    fn upload_pack<'a>(
        &'a self,
        context: &'a RequestContext,
        version: ProtocolVersion,
        request: Body,
    ) -> BoxFuture<'a, Result<Body, ErrorCode>>;

    /// Runs `git-receive-pack`.
    fn receive_pack<'a>(
        &'a self,
        context: &'a RequestContext,
        version: ProtocolVersion,
        principal: Option<Principal>,
        request: Body,
    ) -> BoxFuture<'a, Result<Body, ErrorCode>>;

    /// Runs `git-upload-archive`.
    fn upload_archive<'a>(
        &'a self,
        context: &'a RequestContext,
        request: Body,
    ) -> BoxFuture<'a, Result<Body, ErrorCode>>;

    /// Opens a file of the dumb protocol.
    fn open_file<'a>(
        &'a self,
        context: &'a RequestContext,
        file: DumbFile,
    ) -> BoxFuture<'a, Result<Arc<dyn File>, ErrorCode>>;
}

/// `repositories.file`: an open file.
pub trait File: Send + Sync + 'static {
    /// What was known when it was opened.
    fn attributes(&self) -> FileAttributes;

    /// Streams `length` bytes from `offset`, or up to the end.
    fn read(&self, offset: u64, length: Option<u64>) -> BoxFuture<'_, Result<Body, ErrorCode>>;
}

/// `repositories.setting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Setting {
    /// The configuration is silent.
    #[default]
    Unset,
    /// True.
    Enabled,
    /// False.
    Disabled,
}

/// `repositories.settings`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    /// `http.uploadpack`.
    pub upload_pack: Setting,
    /// `http.receivepack`.
    pub receive_pack: Setting,
    /// `http.uploadarchive`.
    pub upload_archive: Setting,
    /// `http.getanyfile`.
    pub dumb_files: Setting,
}

/// `repositories.dumb-file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DumbFile {
    /// `HEAD`.
    Head,
    /// `info/refs`.
    InfoRefs,
    /// `objects/info/packs`.
    Packs,
    /// `objects/info/<name>`.
    Info(String),
    /// A loose object, by oid.
    LooseObject(String),
    /// A pack, by checksum.
    Pack(String),
    /// A pack index, by checksum.
    PackIndex(String),
}

/// `repositories.file-attributes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileAttributes {
    /// In bytes; none when computed.
    pub size: Option<u64>,
    /// Since 1970; none when computed.
    pub modified: Option<Duration>,
}

/// `authorizer`: decides.
pub trait Authorizer: Send + Sync + 'static {
    /// Decides on a request before anything is opened.
    fn authorize<'a>(
        &'a self,
        context: &'a RequestContext,
        request: ServiceRequest,
    ) -> BoxFuture<'a, Result<Decision, ErrorCode>>;

    /// Decides whether a push that was allowed makes its repository, which does not exist.
    ///
    /// The default makes none.
    fn authorize_creation<'a>(
        &'a self,
        _context: &'a RequestContext,
        _repository: String,
        _principal: Option<Principal>,
    ) -> BoxFuture<'a, Result<bool, ErrorCode>> {
        Box::pin(async { Ok(false) })
    }

    /// Decides on the ref updates of a push: per ref update, why it is refused, or none.
    ///
    /// The default allows every ref update to whoever was allowed to write.
    fn authorize_ref_updates<'a>(
        &'a self,
        _context: &'a RequestContext,
        push: Push,
    ) -> BoxFuture<'a, Result<Vec<Option<String>>, ErrorCode>> {
        Box::pin(async move { Ok(vec![None; push.ref_updates.len()]) })
    }
}

/// `authorizer.request`.
#[derive(Debug, Clone)]
pub struct ServiceRequest {
    /// The repository's name. It need not exist.
    pub repository: String,
    /// What the request wants to do.
    pub access: Access,
    /// The service, or none for a file of the dumb protocol.
    pub service: Option<Service>,
    /// The value of `Authorization`, as it came.
    pub authorization: Option<Vec<u8>>,
}

/// `authorizer.decision`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Allowed.
    Allow(Option<Principal>),
    /// The repository's own configuration decides.
    AskRepository {
        /// The principal, if one was verified.
        principal: Option<Principal>,
        /// The refusal, if the repository does not lift it.
        otherwise: Refusal,
    },
    /// Refused.
    Refuse(Refusal),
}

impl Decision {
    /// Refused with 403 and this text.
    pub fn deny(text: impl Into<String>) -> Self {
        Self::Refuse(Refusal::Deny(text.into()))
    }

    /// Refused with 401: the client shall ask its user for a password.
    pub fn ask_for_password() -> Self {
        Self::Refuse(Refusal::Challenge("Basic realm=\"git\", charset=\"UTF-8\"".to_owned()))
    }
}

/// `authorizer.refusal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// 401, with this value of `WWW-Authenticate`.
    Challenge(String),
    /// 403, with this text.
    Deny(String),
    /// 404.
    Conceal,
}

/// `authorizer.push`.
#[derive(Debug, Clone)]
pub struct Push {
    /// The repository's name.
    pub repository: String,
    /// The principal that was allowed to write.
    pub principal: Option<Principal>,
    /// In the client's order.
    pub ref_updates: Vec<RefUpdate>,
    /// In the client's order.
    pub push_options: Vec<Vec<u8>>,
    /// All or nothing.
    pub atomic: bool,
}

/// `observer`: is told of pushes.
pub trait Observer: Send + Sync + 'static {
    /// Announces a push that may move refs, before the service gets its pack: the event as it will
    /// be told, unconfirmed, if whoever announced it ends before it says more.
    ///
    /// For observers that outlive a crash. [`Self::pushed`] or [`Self::not_pushed`] follows, with
    /// the same `id`.
    fn pushing(&self, event: PushEvent) -> BoxFuture<'_, Result<(), ErrorCode>> {
        let _ = event;
        Box::pin(async { Ok(()) })
    }

    /// Takes back an announcement: the push has moved nothing.
    fn not_pushed(&self, id: String) -> BoxFuture<'_, Result<(), ErrorCode>> {
        let _ = id;
        Box::pin(async { Ok(()) })
    }

    /// Tells of a push, before the pusher is told.
    ///
    /// The push waits for this, but not for longer than ten seconds, and does not fail with it: an
    /// error is logged.
    fn pushed(&self, event: PushEvent) -> BoxFuture<'_, Result<(), ErrorCode>>;
}

/// `observer.push-event`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushEvent {
    /// Names this event and no other.
    pub id: String,
    /// The repository's name, as the pusher's URL has it.
    pub repository: String,
    /// Who pushed, if somebody was verified.
    pub principal: Option<Principal>,
    /// Where the push came from, if that is known.
    pub address: Option<String>,
    /// What was made, in the client's order; never none.
    pub ref_updates: Vec<RefUpdate>,
    /// In the client's order.
    pub push_options: Vec<Vec<u8>>,
    /// Whether the service has reported the ref updates as made. If not, they are those that were
    /// asked for.
    pub confirmed: bool,
    /// When the push was announced or answered.
    pub time: SystemTime,
}

/// `wasi:http/handler` as the front imports it: answers what is not git's.
pub trait Fallback: Send + Sync + 'static {
    /// Answers a request.
    fn handle<'a>(
        &'a self,
        context: &'a RequestContext,
        request: http::Request<Body>,
    ) -> BoxFuture<'a, http::Response<Body>>;
}
