//! `repositories`: none. The end of the line.

use crate::Defaults;
use crate::bindings::exports::gitwasi::git::repositories::{
    DumbFile, File, FileAttributes, Guest, GuestFile, GuestRepository, Repository, Settings,
};
use crate::bindings::exports::gitwasi::git::types::{
    Access, ErrorCode, ProtocolVersion, RefRefusal, RefUpdate, Requester, Service,
};
use wit_bindgen::{FutureReader, StreamReader};

/// There is none.
pub(crate) enum Nothing {}

type Outcome = FutureReader<Result<(), ErrorCode>>;
type Body = (StreamReader<u8>, Outcome);

impl Guest for Defaults {
    type Repository = Nothing;
    type File = Nothing;

    async fn open(_name: String, _access: Access) -> Result<Repository, ErrorCode> {
        Err(none())
    }

    async fn create(_name: String) -> Result<Repository, ErrorCode> {
        Err(none())
    }
}

fn none() -> ErrorCode {
    ErrorCode::Unsupported("there are no other repositories".to_owned())
}

impl GuestRepository for Nothing {
    fn settings(&self) -> Settings {
        match *self {}
    }

    async fn advertise(&self, _: Service, _: ProtocolVersion) -> Result<Body, ErrorCode> {
        match *self {}
    }

    async fn upload_pack(
        &self,
        _: ProtocolVersion,
        _: StreamReader<u8>,
        _: Outcome,
    ) -> Result<Body, ErrorCode> {
        match *self {}
    }

    fn takes_refusals(&self) -> bool {
        match *self {}
    }

    fn moved(&self) -> Option<Vec<RefUpdate>> {
        match *self {}
    }

    async fn receive_pack(
        &self,
        _: ProtocolVersion,
        _: Requester,
        _: Vec<RefRefusal>,
        _: StreamReader<u8>,
        _: Outcome,
    ) -> Result<Body, ErrorCode> {
        match *self {}
    }

    async fn upload_archive(&self, _: StreamReader<u8>, _: Outcome) -> Result<Body, ErrorCode> {
        match *self {}
    }

    async fn open_file(&self, _: DumbFile) -> Result<File, ErrorCode> {
        match *self {}
    }
}

impl GuestFile for Nothing {
    fn attributes(&self) -> FileAttributes {
        match *self {}
    }

    async fn read(&self, _: u64, _: Option<u64>) -> Result<Body, ErrorCode> {
        match *self {}
    }
}
