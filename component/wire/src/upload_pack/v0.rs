//! Versions 0 and 1 of `git-upload-pack`, in their stateless form.
//!
//! Over HTTP each request tells all of the conversation again; there is nothing to be kept between
//! two of them.
//!
//! Spec: gitprotocol-pack(5), "Packfile Negotiation"; gitprotocol-http(5), "Smart Service
//! git-upload-pack"

mod capabilities;
mod parser;
mod response;

pub use capabilities::{AckMode, Advertised, Capabilities};
pub use parser::RequestParser;
pub use response::{Ack, ack, end_of_shallow, nak, shallow, unshallow};

use super::{Depth, Filter};
use crate::Oid;

/// A request of version 0 or 1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// What the client wants, in its order, some perhaps more than once. Never empty.
    pub wants: Vec<Oid>,
    /// What the client asked for on the first line.
    pub capabilities: Capabilities,
    /// Commits at which the client's history ends.
    pub shallow: Vec<Oid>,
    /// `deepen` and its like. [`Depth::relative`] comes from the capability.
    pub depth: Depth,
    /// `filter`.
    pub filter: Option<Filter>,
    /// What the client has, in its order.
    pub haves: Vec<Oid>,
    /// How it ends.
    pub end: RequestEnd,
}

/// How a request ends, which decides on the form of the response.
///
/// Whatever the end, a response begins with the shallow lines if [`Depth::is_some`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RequestEnd {
    /// After the wants. The client only asks where its history will end; the response ends after
    /// the shallow lines.
    #[default]
    AfterWants,
    /// With a flush-pkt. The client awaits acknowledgments, and the pack only if the server is
    /// ready and `no-done` was agreed on.
    Flush,
    /// With `done`. The client awaits the last acknowledgment and the pack.
    Done,
}
