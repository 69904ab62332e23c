//! Requests to `git-upload-pack`, and the responses to them.
//!
//! [`v2`] is version 2; [`v0`] is versions 0 and 1, which differ in the advertisement's first line
//! alone. What both have in common is here.

mod depth;
mod error;
mod filter;
mod first_line;
mod limits;
pub mod v0;
pub mod v2;

pub use depth::Depth;
pub use error::RequestError;
pub use filter::{Filter, FilterError, ObjectKind};
pub use first_line::{FirstLine, first_line};
pub use limits::RequestLimits;

/// How far a request's parser got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress<R> {
    /// All of the input was taken and the request goes on.
    Incomplete,
    /// The request is there.
    Complete {
        /// The request; `None` if the client takes its leave without asking for anything, which is
        /// answered with an empty body.
        request: Option<Box<R>>,
        /// Bytes of the last input that belong to the request. git ignores what follows.
        consumed: usize,
    },
}
