//! Why a request to `git-upload-pack` was refused.

use super::FilterError;
use crate::pkt_line::{self, Stop};
use crate::{Fault, ObjectFormat, Quoted};

/// A request could not be read.
///
/// The messages are git's own where git has one, so that whoever searches the web for them finds
/// something. They quote what the client sent and nothing else: fit for the client, as the text of
/// an `ERR` pkt-line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The client sent bytes that are no pkt-line.
    #[error(transparent)]
    PktLine(#[from] pkt_line::Error),
    /// The client's request ends in its midst.
    #[error("the remote end hung up unexpectedly")]
    HungUp,
    /// The client sent an `ERR` pkt-line.
    #[error("remote error: {0}")]
    ClientReportedError(Quoted),
    /// The client sent a delim-pkt or a response-end-pkt where there is none.
    #[error("protocol error: got an unexpected packet")]
    UnexpectedPacket,

    /// The client sent a capability that was not advertised.
    #[error("unknown capability '{0}'")]
    UnknownCapability(Quoted),
    /// The client asked for a command that was not advertised, or for something else.
    #[error("invalid command '{0}'")]
    InvalidCommand(Quoted),
    /// The client asked for two commands.
    #[error("command '{second}' requested after already requesting command '{first}'")]
    SecondCommand {
        /// The second.
        second: Quoted,
        /// The first.
        first: &'static str,
    },
    /// The client asked for no command.
    #[error("no command requested")]
    NoCommand,
    /// The client sent `object-format` without a value.
    #[error("object-format capability requires an argument")]
    ObjectFormatNeedsValue,
    /// The client asked for an object-format that git does not have.
    #[error("unknown object format '{0}'")]
    UnknownObjectFormat(Quoted),
    /// The client asked for another object-format than the repository has, or, for a repository
    /// that is not sha1, did not say.
    #[error("mismatched object format: server {server}; client {client}")]
    MismatchedObjectFormat {
        /// The repository's.
        server: ObjectFormat,
        /// The client's.
        client: ObjectFormat,
    },

    /// The client sent an argument that its command does not have.
    #[error("unexpected line: '{0}'")]
    UnexpectedLine(Quoted),
    /// The client sent an argument that `object-info` does not have.
    #[error("object-info: unexpected line: '{0}'")]
    UnexpectedObjectInfoLine(Quoted),
    /// The client sent an argument to `bundle-uri`, which has none.
    #[error("bundle-uri: unexpected argument: '{0}'")]
    UnexpectedBundleUriArgument(Quoted),
    /// The client ended the arguments of this command with another packet than a flush-pkt.
    #[error("{}", expected_flush(.0))]
    ExpectedFlush(&'static str),

    /// The client sent a `want` without an oid of the repository's object-format, in version 2.
    #[error("git upload-pack: protocol error, expected to get oid, not '{0}'")]
    ExpectedWantOid(Quoted),
    /// The same in version 0, or a line that is no `want`.
    #[error("git upload-pack: protocol error, expected to get object ID, not '{0}'")]
    ExpectedWant(Quoted),
    /// The client sent a `have` without an oid of the repository's object-format.
    #[error("git upload-pack: expected SHA1 object, got '{0}'")]
    ExpectedHaveOid(Quoted),
    /// The client sent another line than a `have` after its wants, in version 0.
    #[error("git upload-pack: expected SHA1 list, got '{0}'")]
    ExpectedHave(Quoted),
    /// The client sent an `oid` without an oid of the repository's object-format.
    #[error("object-info: protocol error, expected to get oid, not '{0}'")]
    ExpectedObjectInfoOid(Quoted),
    /// The client sent `shallow` without an oid of the repository's object-format.
    #[error("invalid shallow line: {0}")]
    InvalidShallow(Quoted),
    /// The client sent `deepen` without a number above zero.
    #[error("Invalid deepen: {0}")]
    InvalidDeepen(Quoted),
    /// The client sent `deepen-since` without a time.
    #[error("Invalid deepen-since: {0}")]
    InvalidDeepenSince(Quoted),
    /// The client sent `deepen` and one of the other two.
    #[error("git upload-pack: deepen and deepen-since (or deepen-not) cannot be used together")]
    DeepenAndDeepenSince,
    /// The client sent a filter that git does not have.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The client sent two filters.
    #[error("multiple filter-specs cannot be combined")]
    SecondFilter,
    /// The client sent two lists of protocols.
    #[error("multiple packfile-uris lines forbidden")]
    SecondPackfileUris,
    /// The client sent a filter without having asked for the capability, in version 0, or the
    /// server does not offer it.
    #[error("git upload-pack: filtering capability not negotiated")]
    FilterNotNegotiated,

    /// The request exceeds [`RequestLimits::request_bytes`](super::RequestLimits::request_bytes).
    #[error("the request has more than {0} bytes")]
    TooLong(usize),
    /// The request exceeds another of [`RequestLimits`](super::RequestLimits).
    #[error("the request has more than {limit} {what}")]
    TooMany {
        /// Of what, in the plural.
        what: &'static str,
        /// The limit.
        limit: usize,
    },

    /// We fed a parser that had its request already, or had failed.
    #[error("the request was read already")]
    Finished,
}

impl RequestError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::TooLong(_)
            | Self::TooMany { .. }
            | Self::Filter(FilterError::TooDeep(_) | FilterError::TooMany(_)) => Fault::Limit,
            Self::Finished => Fault::Ours,
            _ => Fault::Client,
        }
    }
}

impl From<Stop> for RequestError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::PktLine(error) => Self::PktLine(error),
            Stop::TooLong(limit) => Self::TooLong(limit),
            Stop::Finished => Self::Finished,
        }
    }
}

/// git has this text in two forms.
fn expected_flush(command: &str) -> String {
    match command {
        "object-info" | "bundle-uri" => format!("{command}: expected flush after arguments"),
        _ => format!("expected flush after {command} arguments"),
    }
}

/// Appends to a list that a client fills, up to a limit.
pub(super) fn push_limited<T>(
    list: &mut Vec<T>,
    item: T,
    limit: usize,
    what: &'static str,
) -> Result<(), RequestError> {
    if list.len() >= limit {
        return Err(RequestError::TooMany { what, limit });
    }
    list.push(item);
    Ok(())
}
