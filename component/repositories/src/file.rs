//! An open file of the dumb protocol.

use std::rc::Rc;

use gitwasi_engine::dumb;

use crate::bindings::exports::gitwasi::git::repositories::{FileAttributes, GuestFile};
use crate::bindings::gitwasi::git::repositories as next;
use crate::bindings::gitwasi::git::types::ErrorCode;
use crate::response::{self, Body};
use crate::storage::PreopenStorage;

/// An open file.
pub(crate) enum OpenFile {
    /// By the engine.
    Own(Rc<dumb::File<PreopenStorage>>),
    /// Of the next in line.
    Next(next::File),
}

impl GuestFile for OpenFile {
    fn attributes(&self) -> FileAttributes {
        match self {
            Self::Own(file) => {
                let dumb::Attributes { size, modified } = file.attributes();
                FileAttributes { size, modified }
            }
            Self::Next(next) => next.attributes().into(),
        }
    }

    async fn read(&self, offset: u64, length: Option<u64>) -> Result<Body, ErrorCode> {
        match self {
            Self::Own(file) => {
                let file = Rc::clone(file);
                response::start(
                    |mut output| async move { file.read(offset, length, &mut output).await },
                )
                .await
            }
            Self::Next(next) => next.read(offset, length).await,
        }
    }
}
