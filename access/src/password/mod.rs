//! Password hashes: reading, verifying and making them.
//!
//! Spec: RFC 9106, "Argon2", in PHC string format; bcrypt in crypt(5) format.

pub(crate) mod cache;

use std::fmt;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

/// The longest password, in bytes. A longer one is refused, never cut.
pub const MAX_PASSWORD: usize = 1024;

/// The most memory that one stored hash may ask for, in KiB. A hash beyond it is a fault of the
/// access file: it would take the host's memory with every sign-in.
pub const MAX_ARGON2_MEMORY: u32 = 256 * 1024;

/// The most work that one stored hash may ask for, in KiB times passes: some seconds. A hash beyond
/// it is a fault of the access file.
pub const MAX_ARGON2_WORK: u64 = 4 * 1024 * 1024;

/// The highest cost of a bcrypt hash: some seconds. A hash beyond it is a fault of the access file.
pub const MAX_BCRYPT_COST: u32 = 16;

/// What new hashes cost: memory in KiB, passes, lanes.
///
/// Source: OWASP Password Storage Cheat Sheet, "use Argon2id with a minimum configuration of
/// 19 MiB of memory, an iteration count of 2, and 1 degree of parallelism".
const NEW: (u32, u32, u32) = (19 * 1024, 2, 1);

/// The salt of new hashes, in bytes. Source: RFC 9106, section 3.1.
const NEW_SALT: usize = 16;

/// The hash of a password, as the access file stores it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    text: Box<str>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Argon2id,
    Bcrypt,
}

impl PasswordHash {
    /// Reads `$argon2id$…` (version 19) or bcrypt's `$2a$…`, `$2b$…`, `$2y$…`.
    ///
    /// # Errors
    ///
    /// [`HashError`], which never repeats the text: it may be a password put there by mistake.
    pub fn parse(text: &str) -> Result<Self, HashError> {
        let kind = if text.starts_with("$argon2id$") {
            check_argon2(text)?;
            Kind::Argon2id
        } else if ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| text.starts_with(prefix)) {
            check_bcrypt(text)?;
            Kind::Bcrypt
        } else {
            return Err(HashError::Unknown);
        };
        Ok(Self { text: text.into(), kind })
    }

    /// Hashes a password with argon2id, at the cost that OWASP recommends, and a fresh salt.
    ///
    /// # Errors
    ///
    /// [`SystemFault`] if the system gave no bytes for the salt, or no memory to hash in.
    pub fn create(password: &[u8]) -> Result<Self, SystemFault> {
        let mut salt = [0; NEW_SALT];
        getrandom::fill(&mut salt).map_err(|_| SystemFault)?;
        let (memory, passes, lanes) = NEW;
        let hash = Params::new(memory, passes, lanes, None)
            .map(|params| Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
            .map_err(|_| SystemFault)?
            .hash_password_with_salt(password, &salt)
            .map_err(|_| SystemFault)?;
        Ok(Self { text: hash.to_string().into(), kind: Kind::Argon2id })
    }

    /// Whether this is the hash of the password; compares in constant time.
    ///
    /// Takes milliseconds to seconds of one processor, and up to [`MAX_ARGON2_MEMORY`].
    ///
    /// # Deviation
    ///
    /// As everywhere, bcrypt looks at the first 72 bytes of a password only.
    pub fn verify(&self, password: &[u8]) -> bool {
        if password.len() > MAX_PASSWORD {
            return false;
        }
        match self.kind {
            Kind::Argon2id => phc::PasswordHash::new(&self.text)
                .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok()),
            Kind::Bcrypt => bcrypt::verify(password, &self.text).unwrap_or(false),
        }
    }

    /// The hash as it was read or made.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Argon2id => "PasswordHash(argon2id)",
            Kind::Bcrypt => "PasswordHash(bcrypt)",
        })
    }
}

fn check_argon2(text: &str) -> Result<(), HashError> {
    let hash = phc::PasswordHash::new(text).map_err(|_| HashError::Malformed)?;
    let params = Params::try_from(&hash).map_err(|_| HashError::Malformed)?;
    let salted = hash.salt.is_some_and(|salt| salt.len() >= argon2::MIN_SALT_LEN);
    // A hash without a version is one of version 16, which nobody makes any more.
    if !salted || hash.hash.is_none() || hash.version != Some(Version::V0x13.into()) {
        return Err(HashError::Malformed);
    }
    let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
    if params.m_cost() > MAX_ARGON2_MEMORY || work > MAX_ARGON2_WORK {
        return Err(HashError::TooExpensive);
    }
    Ok(())
}

fn check_bcrypt(text: &str) -> Result<(), HashError> {
    let parts: bcrypt::HashParts = text.parse().map_err(|_| HashError::Malformed)?;
    match parts.get_cost() {
        4..=MAX_BCRYPT_COST => Ok(()),
        0..4 => Err(HashError::Malformed),
        _ => Err(HashError::TooExpensive),
    }
}

/// Why a text is no password hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// It is of no known kind; perhaps a password in the clear.
    #[error("the password is not a known hash ($argon2id$, $2a$, $2b$ or $2y$)")]
    Unknown,
    /// It starts like a hash and does not go on like one.
    #[error("the password hash is malformed")]
    Malformed,
    /// It exceeds [`MAX_ARGON2_MEMORY`], [`MAX_ARGON2_WORK`] or [`MAX_BCRYPT_COST`].
    #[error("the password hash is too expensive to verify")]
    TooExpensive,
}

/// The system gave no random bytes, or no memory to hash in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no random bytes, or no memory to hash a password in")]
pub struct SystemFault;
