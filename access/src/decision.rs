//! The answer to a request, in the contract's words.

use crate::Principal;

/// What a request wants to do with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Read refs and objects.
    Read,
    /// Read, and move refs and add objects.
    Write,
}

/// Whether a request may go on. It does not depend on whether the repository exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Allowed, for the principal if there is one.
    Allow {
        /// Who was verified.
        principal: Option<Principal>,
    },
    /// Refused, unless the repository's own configuration lets everybody push who may read
    /// (`http.receivepack = true`).
    AskRepository(Refusal),
    /// Refused.
    Refuse(Refusal),
}

/// How a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Credentials could help: 401.
    Challenge {
        /// The realm; ASCII without control characters.
        realm: String,
    },
    /// Credentials would not help: 403.
    Deny {
        /// Fixed text for the client.
        message: &'static str,
    },
}

impl Refusal {
    /// The value of `WWW-Authenticate`, for a challenge.
    ///
    /// Source: RFC 7617, section 2.1, on `charset`: "The only allowed value is "UTF-8"".
    pub fn www_authenticate(&self) -> Option<String> {
        let Self::Challenge { realm } = self else { return None };
        let quoted = realm.replace('\\', "\\\\").replace('"', "\\\"");
        Some(format!("Basic realm=\"{quoted}\", charset=\"UTF-8\""))
    }
}
