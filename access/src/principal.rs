//! Who is asking: a verified principal, nobody in particular, or somebody with wrong credentials.

use std::fmt;
use std::sync::Arc;

/// The longest name of a principal, in bytes. A longer one is refused, never cut.
pub const MAX_NAME: usize = 256;

/// What is known of the sender of a request once its credentials have been looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// No credentials came.
    Anonymous,
    /// Somebody whose name was verified.
    Principal(Principal),
    /// Credentials came and are wrong or malformed. Never treated as [`Identity::Anonymous`].
    Rejected,
}

/// The name of somebody who has been verified.
///
/// There are two ways to get one: a password that [`Verification`](crate::Verification) found to
/// be right, and the word of a proxy that the operator trusts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal(Arc<str>);

impl Principal {
    /// Takes the word of a trusted proxy for the name.
    ///
    /// The caller has made sure that the name cannot come from the client. A name that the access
    /// file does not know is a principal without grants of its own.
    ///
    /// # Errors
    ///
    /// [`InvalidName`] if the name is empty, longer than [`MAX_NAME`], or has control characters.
    pub fn from_trusted_proxy(name: &str) -> Result<Self, InvalidName> {
        check_name(name)?;
        Ok(Self(name.into()))
    }

    /// Names somebody whose password has just been verified.
    pub(crate) fn verified(name: &str) -> Self {
        Self(name.into())
    }

    /// The name; never empty.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a name cannot be that of a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// It is empty.
    #[error("a name must not be empty")]
    Empty,
    /// It is longer than [`MAX_NAME`].
    #[error("a name has at most {MAX_NAME} bytes")]
    TooLong,
    /// It has a control character, which RFC 7617 forbids and a log must not repeat.
    #[error("a name must not have control characters")]
    ControlCharacter,
    /// It has a colon, which ends the name in basic credentials.
    #[error("a user name must not have a colon")]
    Colon,
    /// It is one of the words that stand for an audience.
    #[error("\"everyone\", \"principals\" and \"nobody\" cannot be user names")]
    Reserved,
}

/// Checks a name that a principal may have.
pub(crate) fn check_name(name: &str) -> Result<(), InvalidName> {
    if name.is_empty() {
        return Err(InvalidName::Empty);
    }
    if name.len() > MAX_NAME {
        return Err(InvalidName::TooLong);
    }
    if name.chars().any(char::is_control) {
        return Err(InvalidName::ControlCharacter);
    }
    Ok(())
}

/// Checks a name that an access file may give to a user.
pub(crate) fn check_user_name(name: &str) -> Result<(), InvalidName> {
    check_name(name)?;
    if name.contains(':') {
        return Err(InvalidName::Colon);
    }
    if matches!(name, "everyone" | "principals" | "nobody") {
        return Err(InvalidName::Reserved);
    }
    Ok(())
}
