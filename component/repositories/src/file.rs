//! An open file of the dumb protocol.

use crate::bindings::exports::gitwasi::git::repositories::{FileAttributes, GuestFile};
use crate::bindings::gitwasi::git::repositories as next;
use crate::bindings::gitwasi::git::types::ErrorCode;
use crate::response::Body;

/// An open file.
pub(crate) enum OpenFile {
    /// Of the next in line.
    Next(next::File),
}

impl GuestFile for OpenFile {
    fn attributes(&self) -> FileAttributes {
        match self {
            Self::Next(next) => next.attributes().into(),
        }
    }

    async fn read(&self, offset: u64, length: Option<u64>) -> Result<Body, ErrorCode> {
        match self {
            Self::Next(next) => next.read(offset, length).await,
        }
    }
}
