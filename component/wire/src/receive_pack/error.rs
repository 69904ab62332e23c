//! Why a push's head was refused.

use crate::Fault;
use crate::pkt_line::{self, Stop};

/// The head of a push could not be read.
///
/// The messages are fixed texts, fit for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// The client sent bytes that are no pkt-line.
    #[error(transparent)]
    PktLine(#[from] pkt_line::Error),
    /// The client sent a delim-pkt or a response-end-pkt, which a push does not have.
    #[error("protocol error: got an unexpected packet")]
    UnexpectedPacket,
    /// The client sent an `ERR` pkt-line.
    #[error("the client reported an error")]
    ClientReportedError,
    /// The client sent a line that is no ref update.
    #[error("protocol error: expected old/new/ref")]
    ExpectedRefUpdate,
    /// The client sent a `shallow` line without an oid.
    #[error("protocol error: expected shallow oid")]
    ExpectedShallowOid,
    /// The client sent a ref name that is empty or has a NUL or a line feed.
    #[error("protocol error: malformed ref name")]
    BadRefName,
    /// The client sent a push option with a NUL or a line feed.
    #[error("protocol error: malformed push option")]
    BadPushOption,
    /// The client sent capabilities on a line that is not the first.
    #[error("protocol error: capabilities on a line that is not the first")]
    LateCapabilities,
    /// The client asked for an object-format that git does not have.
    #[error("unsupported object format")]
    UnsupportedObjectFormat,
    /// The client sent an oid that is not of the object-format it named.
    #[error("protocol error: an oid is not of the object-format of the push")]
    MixedObjectFormats,
    /// The client sent a push certificate that git does not write.
    #[error("malformed push certificate")]
    MalformedPushCert,
    /// The client sent a push certificate, and then ref updates or another one.
    #[error("protocol error: got both push certificate and unsigned commands")]
    PushCertAndRefUpdates,

    /// The head exceeds [`HeadLimits::head_bytes`](super::HeadLimits::head_bytes).
    #[error("the push has more than {0} bytes of ref updates and push options")]
    HeadTooLong(usize),
    /// There are more ref updates than [`HeadLimits::ref_updates`](super::HeadLimits::ref_updates).
    #[error("the push has more than {0} ref updates")]
    TooManyRefUpdates(usize),
    /// There are more shallow lines than [`HeadLimits::shallow`](super::HeadLimits::shallow).
    #[error("the push has more than {0} shallow lines")]
    TooManyShallow(usize),
    /// There are more push options than
    /// [`HeadLimits::push_options`](super::HeadLimits::push_options).
    #[error("the push has more than {0} push options")]
    TooManyPushOptions(usize),
    /// A ref name exceeds [`HeadLimits::ref_name_bytes`](super::HeadLimits::ref_name_bytes).
    #[error("the push has a ref name of more than {0} bytes")]
    RefNameTooLong(usize),

    /// We fed a parser that had its head already, or had failed.
    #[error("the head was read already")]
    Finished,
}

impl From<Stop> for HeadError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::PktLine(error) => Self::PktLine(error),
            Stop::TooLong(limit) => Self::HeadTooLong(limit),
            Stop::Finished => Self::Finished,
        }
    }
}

impl HeadError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::PktLine(_)
            | Self::UnexpectedPacket
            | Self::ClientReportedError
            | Self::ExpectedRefUpdate
            | Self::ExpectedShallowOid
            | Self::BadRefName
            | Self::BadPushOption
            | Self::LateCapabilities
            | Self::UnsupportedObjectFormat
            | Self::MixedObjectFormats
            | Self::MalformedPushCert
            | Self::PushCertAndRefUpdates => Fault::Client,
            Self::HeadTooLong(_)
            | Self::TooManyRefUpdates(_)
            | Self::TooManyShallow(_)
            | Self::TooManyPushOptions(_)
            | Self::RefNameTooLong(_) => Fault::Limit,
            Self::Finished => Fault::Ours,
        }
    }
}
