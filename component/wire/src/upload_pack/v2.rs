//! Version 2: commands.
//!
//! Spec: gitprotocol-v2(5)

mod advertisement;
mod fetch;
mod fetch_response;
mod ls_refs;
mod ls_refs_response;
mod object_info;
mod object_info_response;
mod parser;

pub use advertisement::Advertisement;
pub use fetch::Fetch;
pub use fetch_response::FetchResponse;
pub use ls_refs::LsRefs;
pub use ls_refs_response::{RefLine, unborn_head};
pub use object_info::ObjectInfo;
pub use object_info_response::{object_info, object_info_head};
pub use parser::RequestParser;

use bstr::BString;

/// A request of version 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub command: Command,
    /// `agent`.
    pub agent: Option<BString>,
    /// `session-id`.
    pub session_id: Option<BString>,
    /// `server-option`s, in the client's order.
    pub server_options: Vec<BString>,
}

/// A command and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `ls-refs`.
    LsRefs(LsRefs),
    /// `fetch`.
    Fetch(Fetch),
    /// `object-info`.
    ObjectInfo(ObjectInfo),
    /// `bundle-uri`.
    BundleUri,
}
