//! Identifies the sender of a request and decides what it may do.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::password::cache::Digest;
use crate::{
    Access, AccessFile, Decision, Identity, PasswordHash, Principal, Refusal, VerifiedCache, basic,
};

const MAY_NOT_READ: &str = "reading this repository is not permitted";
const MAY_NOT_WRITE: &str = "writing to this repository is not permitted";

/// Decides by one access file. Cheap to clone; make a new one, with the same cache, when the file
/// has changed.
#[derive(Clone, Debug)]
pub struct Authorizer {
    file: Arc<AccessFile>,
    verified: Arc<VerifiedCache>,
}

/// What the `Authorization` header alone told.
#[derive(Debug)]
pub enum Identification {
    /// The sender is known without hashing a password.
    Known(Identity),
    /// A password has to be hashed to know.
    Unverified(Verification),
}

impl Authorizer {
    /// Decides by `file`, and remembers verified passwords in `verified`.
    pub fn new(file: Arc<AccessFile>, verified: Arc<VerifiedCache>) -> Self {
        Self { file, verified }
    }

    /// Reads the value of an `Authorization` header, without hashing anything.
    ///
    /// A malformed value, and any scheme but Basic, is [`Identity::Rejected`].
    pub fn identify(&self, authorization: Option<&[u8]>) -> Identification {
        let Some(value) = authorization else {
            return Identification::Known(Identity::Anonymous);
        };
        let Some(claim) = basic::parse(value) else {
            return Identification::Known(Identity::Rejected);
        };
        let (hash, principal) = match self.file.password(&claim.name) {
            Some(hash) => (hash, Some(Principal::verified(&claim.name))),
            // An unknown name costs what one of the known ones costs, and always the same one, so
            // that time does not tell which names there are. Whatever comes out is thrown away.
            None => match self.file.any_password(|count| self.verified.pick(&claim.name, count)) {
                Some(hash) => (hash, None),
                None => return Identification::Known(Identity::Rejected),
            },
        };
        let verification = Verification {
            digest: self.verified.digest(&claim.name, &claim.password, hash),
            hash: hash.clone(),
            password: claim.password,
            principal,
            verified: Arc::clone(&self.verified),
        };
        match verification.remembered() {
            Some(identity) => Identification::Known(identity),
            None => Identification::Unverified(verification),
        }
    }

    /// Decides, without looking at any repository.
    ///
    /// The name is that of the contract; whatever else is refused as not permitted.
    pub fn decide(&self, identity: &Identity, repository: &str, access: Access) -> Decision {
        let principal = match identity {
            Identity::Anonymous => None,
            Identity::Principal(principal) => Some(principal),
            Identity::Rejected => return Decision::Refuse(self.challenge()),
        };
        let permission = self.file.permission(principal, repository);
        let (allowed, message) = match access {
            Access::Read => (permission.read, MAY_NOT_READ),
            Access::Write => (permission.write, MAY_NOT_WRITE),
        };
        if allowed {
            return Decision::Allow { principal: principal.cloned() };
        }
        let refusal = if principal.is_none() && self.file.takes_credentials() {
            self.challenge()
        } else {
            Refusal::Deny { message }
        };
        if access == Access::Write && permission.repository_decides_write {
            Decision::AskRepository(refusal)
        } else {
            Decision::Refuse(refusal)
        }
    }

    /// Whether a push by this principal, which was allowed, makes the repository if there is none.
    pub fn may_create(&self, principal: Option<&str>, repository: &str) -> bool {
        let principal = match principal.map(Principal::from_trusted_proxy).transpose() {
            Ok(principal) => principal,
            Err(_) => return false,
        };
        self.file.permission(principal.as_ref(), repository).create
    }

    /// Identifies, verifies and decides in one go.
    ///
    /// May hash a password: takes milliseconds to seconds of one processor.
    pub fn authorize(
        &self,
        repository: &str,
        access: Access,
        authorization: Option<&[u8]>,
    ) -> Decision {
        let identity = match self.identify(authorization) {
            Identification::Known(identity) => identity,
            Identification::Unverified(verification) => verification.verify(),
        };
        self.decide(&identity, repository, access)
    }

    fn challenge(&self) -> Refusal {
        Refusal::Challenge { realm: self.file.realm().to_owned() }
    }
}

/// A password that has to be hashed to know who sent it. Holds all it needs, so that it can be
/// sent to another thread.
///
/// # Limits
///
/// How many run at once is for the caller to bound: each takes a processor and, with argon2id, the
/// memory that the stored hash asks for (19 MiB for those that this crate makes). A request may
/// wait for its turn, as it holds nothing else meanwhile. Failures are not remembered: each wrong
/// password costs a hashing.
///
/// # Cancel safety
///
/// Dropped before [`verify`](Self::verify), nothing has happened.
pub struct Verification {
    digest: Digest,
    hash: PasswordHash,
    password: Vec<u8>,
    /// Who it is if the password is right; none for an unknown name.
    principal: Option<Principal>,
    verified: Arc<VerifiedCache>,
}

impl Verification {
    /// Hashes the password, unless another request with the same one was quicker.
    ///
    /// Returns [`Identity::Principal`] or [`Identity::Rejected`].
    pub fn verify(self) -> Identity {
        if let Some(identity) = self.remembered() {
            return identity;
        }
        match (self.hash.verify(&self.password), self.principal) {
            (true, Some(principal)) => {
                self.verified.insert(self.digest, Instant::now());
                Identity::Principal(principal)
            }
            _ => Identity::Rejected,
        }
    }

    fn remembered(&self) -> Option<Identity> {
        let principal = self.principal.as_ref()?;
        self.verified
            .contains(&self.digest, Instant::now())
            .then(|| Identity::Principal(principal.clone()))
    }
}

impl fmt::Debug for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verification").finish_non_exhaustive()
    }
}
