//! The access file as an authorizer: read when it changes, hashed off the event loop.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use gitwasi_access::{AccessFile, FileError, Identification, Identity, VerifiedCache};
use gitwasi_runtime::{
    Access, Authorizer, BoxFuture, Decision, ErrorCode, Principal, Refusal, RequestContext,
    ServiceRequest,
};
use tokio::sync::Semaphore;

/// How often at most the file is looked at for a change.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Decides by an access file, or by the defaults of an empty one.
pub struct AccessPolicy {
    source: Option<PathBuf>,
    open: Opened,
    current: Mutex<Current>,
    verified: Arc<VerifiedCache>,
    hashings: Semaphore,
}

struct Current {
    authorizer: gitwasi_access::Authorizer,
    stamp: Option<Stamp>,
    looked: Instant,
}

/// What the operator opens to everybody, beside what a file says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Opened {
    /// Everybody may push who may read.
    pub push: bool,
    /// Everybody who may push may make repositories so.
    pub create: bool,
}

impl Opened {
    fn apply(self, file: AccessFile) -> AccessFile {
        let file = if self.push { file.allow_push() } else { file };
        if self.create { file.allow_create() } else { file }
    }
}

/// What tells one version of a file from another.
type Stamp = (SystemTime, u64);

/// An access file could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessPolicyError {
    /// It cannot be read.
    #[error("cannot read the access file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not an access file.
    #[error("{}: {source}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: FileError,
    },
    /// The system is broken.
    #[error("the system has no random bytes")]
    NoRandomBytes,
}

impl AccessPolicy {
    /// The defaults: everybody reads, and nobody writes to whom it is not opened. At most
    /// `hashings` passwords are hashed at once.
    ///
    /// # Errors
    ///
    /// [`AccessPolicyError::NoRandomBytes`].
    pub fn defaults(open: Opened, hashings: usize) -> Result<Self, AccessPolicyError> {
        Self::new(None, AccessFile::default(), None, open, hashings)
    }

    /// Reads an access file. It is read again when it changes; while it is broken, the last good
    /// one holds.
    ///
    /// # Errors
    ///
    /// The file cannot be read or parsed.
    pub fn open(path: &Path, open: Opened, hashings: usize) -> Result<Self, AccessPolicyError> {
        let (file, stamp) = read(path)?;
        Self::new(Some(path.to_owned()), file, Some(stamp), open, hashings)
    }

    fn new(
        source: Option<PathBuf>,
        file: AccessFile,
        stamp: Option<Stamp>,
        open: Opened,
        hashings: usize,
    ) -> Result<Self, AccessPolicyError> {
        let file = open.apply(file);
        let verified =
            Arc::new(VerifiedCache::new().map_err(|_| AccessPolicyError::NoRandomBytes)?);
        let authorizer = gitwasi_access::Authorizer::new(Arc::new(file), Arc::clone(&verified));
        Ok(Self {
            source,
            open,
            current: Mutex::new(Current { authorizer, stamp, looked: Instant::now() }),
            verified,
            hashings: Semaphore::new(hashings),
        })
    }

    /// The authorizer for the file as it is now.
    async fn current(&self) -> gitwasi_access::Authorizer {
        let (authorizer, stamp) = {
            let mut current = self.lock();
            if self.source.is_none() || current.looked.elapsed() < LOOK_EVERY {
                return current.authorizer.clone();
            }
            current.looked = Instant::now();
            (current.authorizer.clone(), current.stamp)
        };
        let Some(path) = self.source.clone() else { return authorizer };
        let changed = tokio::task::spawn_blocking(move || {
            (stamp != self::stamp(&path).ok()).then(|| read(&path))
        });
        match changed.await {
            Ok(Some(Ok((file, stamp)))) => {
                tracing::info!("read the access file again");
                let verified = Arc::clone(&self.verified);
                let file = self.open.apply(file);
                let mut current = self.lock();
                current.authorizer = gitwasi_access::Authorizer::new(Arc::new(file), verified);
                current.stamp = Some(stamp);
                current.authorizer.clone()
            }
            Ok(Some(Err(error))) => {
                tracing::error!(%error, "the access file is broken; the last good one holds");
                authorizer
            }
            Ok(None) | Err(_) => authorizer,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn decide(
        &self,
        context: &RequestContext,
        request: ServiceRequest,
    ) -> Result<Decision, ErrorCode> {
        let authorizer = self.current().await;
        let identity = match &context.principal {
            Some(principal) => gitwasi_access::Principal::from_trusted_proxy(&principal.name)
                .map_or(Identity::Rejected, Identity::Principal),
            None => match authorizer.identify(request.authorization.as_deref()) {
                Identification::Known(identity) => identity,
                Identification::Unverified(verification) => {
                    let _turn = self.hashings.acquire().await;
                    tokio::task::spawn_blocking(move || verification.verify())
                        .await
                        .map_err(|error| ErrorCode::Internal(error.to_string()))?
                }
            },
        };
        let access = match request.access {
            Access::Read => gitwasi_access::Access::Read,
            Access::Write => gitwasi_access::Access::Write,
        };
        let decision = authorizer.decide(&identity, &request.repository, access);
        Ok(match decision {
            gitwasi_access::Decision::Allow { principal } => {
                Decision::Allow(principal.map(|principal| named(&principal)))
            }
            gitwasi_access::Decision::AskRepository(refusal) => Decision::AskRepository {
                principal: match &identity {
                    Identity::Principal(principal) => Some(named(principal)),
                    Identity::Anonymous | Identity::Rejected => None,
                },
                otherwise: refused(&refusal),
            },
            gitwasi_access::Decision::Refuse(refusal) => Decision::Refuse(refused(&refusal)),
        })
    }
}

impl Authorizer for AccessPolicy {
    fn authorize<'a>(
        &'a self,
        context: &'a RequestContext,
        request: ServiceRequest,
    ) -> BoxFuture<'a, Result<Decision, ErrorCode>> {
        Box::pin(self.decide(context, request))
    }

    fn authorize_creation<'a>(
        &'a self,
        _: &'a RequestContext,
        repository: String,
        principal: Option<Principal>,
    ) -> BoxFuture<'a, Result<bool, ErrorCode>> {
        Box::pin(async move {
            let name = principal.as_ref().map(|principal| principal.name.as_str());
            Ok(self.current().await.may_create(name, &repository))
        })
    }
}

fn named(principal: &gitwasi_access::Principal) -> Principal {
    Principal { name: principal.name().to_owned() }
}

fn refused(refusal: &gitwasi_access::Refusal) -> Refusal {
    match (refusal.www_authenticate(), refusal) {
        (Some(challenge), _) => Refusal::Challenge(challenge),
        (None, gitwasi_access::Refusal::Deny { message }) => Refusal::Deny((*message).to_owned()),
        (None, _) => Refusal::Conceal,
    }
}

fn read(path: &Path) -> Result<(AccessFile, Stamp), AccessPolicyError> {
    let failed = |source| AccessPolicyError::Read { path: path.to_owned(), source };
    // The stamp first: a change in between is seen at the next look.
    let stamp = stamp(path).map_err(failed)?;
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let file = AccessFile::parse(&text)
        .map_err(|source| AccessPolicyError::Parse { path: path.to_owned(), source })?;
    Ok((file, stamp))
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.modified()?, metadata.len()))
}
