//! Who may do what: the access file, password hashes, and the decision.
//!
//! Pure: no HTTP server, no async, no wasm bindings; the same code runs in the native host and
//! inside the default authorizer component. `README.md` describes the file for operators.
//!
//! A request is decided in three steps, of which only the second is expensive:
//!
//! 1. [`Authorizer::identify`] reads the `Authorization` header and looks into the
//!    [`VerifiedCache`];
//! 2. if that left a [`Verification`], [`Verification::verify`] hashes the password: run it where
//!    blocking is fine, and bound how many run at once;
//! 3. [`Authorizer::decide`] answers for one repository and one [`Access`].
//!
//! [`Authorizer::authorize`] is all three for callers that may block.
//!
//! # Examples
//!
//! ```
//! use std::sync::Arc;
//! use gitwasi_access::{Access, AccessFile, Authorizer, Decision, VerifiedCache};
//!
//! let file = AccessFile::parse("[[repository]]\nname = 'secret/**'\nread = 'nobody'\n")?;
//! let authorizer = Authorizer::new(Arc::new(file), Arc::new(VerifiedCache::new()?));
//! let open = authorizer.authorize("team/app.git", Access::Read, None);
//! assert!(matches!(open, Decision::Allow { principal: None }));
//! let secret = authorizer.authorize("secret/app.git", Access::Read, None);
//! assert!(matches!(secret, Decision::Refuse(_)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod audience;
mod authorizer;
mod basic;
mod decision;
mod file;
mod password;
mod pattern;
mod principal;

pub use authorizer::{Authorizer, Identification, Verification};
pub use decision::{Access, Decision, Refusal};
pub use file::edit::{EditError, remove, set_password};
pub use file::{AccessFile, FileError};
pub use password::cache::{MAX_VERIFIED, VERIFIED_LIFETIME, VerifiedCache};
pub use password::{
    HashError, MAX_ARGON2_MEMORY, MAX_ARGON2_WORK, MAX_BCRYPT_COST, MAX_PASSWORD, PasswordHash,
    SystemFault,
};
pub use principal::{Identity, InvalidName, MAX_NAME, Principal};
