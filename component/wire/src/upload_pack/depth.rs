//! Where a client wants its history to end.
//!
//! Spec: gitprotocol-pack(5), "Packfile Negotiation", depth-request; gitprotocol-v2(5), "fetch",
//! deepen

use std::num::NonZeroU32;

use bstr::BString;

use super::error::push_limited;
use super::{RequestError, RequestLimits};
use crate::Quoted;

/// How much history is to be sent.
///
/// # Deviation
///
/// Numbers are decimal. git reads `0x10` and `010`, too, as C does; no client sends that.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Depth {
    /// `deepen`: commits from each want down; [`Depth::INFINITE`] for all of them. The last one
    /// counts, as with git.
    pub deepen: Option<NonZeroU32>,
    /// `deepen-relative`: `deepen` counts from where the client's history ends.
    pub relative: bool,
    /// `deepen-since`: seconds since the epoch; older commits are left out.
    pub since: Option<u64>,
    /// `deepen-not`: what is reachable from these refs is left out. Names as a client abbreviates
    /// them: `v1.0` for `refs/tags/v1.0`.
    pub not: Vec<BString>,
}

impl Depth {
    /// What `git fetch --unshallow` sends as `deepen`. Larger numbers are read as this one.
    pub const INFINITE: u32 = 0x7fff_ffff;

    /// Whether the client says anything about depth.
    pub fn is_some(&self) -> bool {
        self.deepen.is_some() || self.since.is_some() || !self.not.is_empty()
    }

    /// Takes a `deepen`, `deepen-since` or `deepen-not` line; false for any other.
    pub(super) fn line(
        &mut self,
        line: &[u8],
        limits: &RequestLimits,
    ) -> Result<bool, RequestError> {
        if let Some(number) = line.strip_prefix(b"deepen ") {
            let invalid = || RequestError::InvalidDeepen(Quoted::new(line));
            let number = decimal(number).ok_or_else(invalid)?.min(u64::from(Self::INFINITE));
            let number = u32::try_from(number).ok().and_then(NonZeroU32::new);
            self.deepen = Some(number.ok_or_else(invalid)?);
        } else if let Some(number) = line.strip_prefix(b"deepen-since ") {
            let invalid = || RequestError::InvalidDeepenSince(Quoted::new(line));
            // git takes the largest number for one that did not fit.
            let since = decimal(number).filter(|since| *since != u64::MAX);
            self.since = Some(since.ok_or_else(invalid)?);
        } else if let Some(name) = line.strip_prefix(b"deepen-not ") {
            push_limited(&mut self.not, name.into(), limits.deepen_not, "deepen-not lines")?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Checks what only shows in the end.
    pub(super) fn check(&self) -> Result<(), RequestError> {
        if self.deepen.is_some() && (self.since.is_some() || !self.not.is_empty()) {
            return Err(RequestError::DeepenAndDeepenSince);
        }
        Ok(())
    }
}

/// A decimal number that fits; `None` for anything else, a sign or white space included.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}
