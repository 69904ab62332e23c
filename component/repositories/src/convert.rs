//! Between the contract's types and those of the engine, and between the contract's types as they
//! are exported here and as the next in line exports them.

use gitwasi_engine::{Error, dumb, repository as engine};
use gitwasi_wire::ProtocolVersion as WireVersion;

use crate::bindings::exports::gitwasi::git::repositories as ours;
use crate::bindings::gitwasi::git::repositories as theirs;
use crate::bindings::gitwasi::git::types::{ErrorCode, ProtocolVersion};

/// What the contract calls an error of the engine.
pub(crate) fn error_code(error: Error) -> ErrorCode {
    match error {
        Error::NotARepository(_) => ErrorCode::NotFound,
        Error::Malformed(text) | Error::NoRequest(text) => ErrorCode::Malformed(text),
        Error::Corrupt(text) => ErrorCode::Corrupt(text),
        Error::LimitExceeded(limit) => ErrorCode::LimitExceeded(limit.to_owned()),
        Error::Busy => ErrorCode::Busy,
        Error::Unsupported(text) => ErrorCode::Unsupported(text),
        Error::Aborted => ErrorCode::Aborted,
        Error::Storage(error) => ErrorCode::Internal(error.to_string()),
    }
}

pub(crate) fn wire_version(version: ProtocolVersion) -> WireVersion {
    match version {
        ProtocolVersion::V0 => WireVersion::V0,
        ProtocolVersion::V1 => WireVersion::V1,
        ProtocolVersion::V2 => WireVersion::V2,
    }
}

impl From<theirs::Setting> for ours::Setting {
    fn from(setting: theirs::Setting) -> Self {
        match setting {
            theirs::Setting::Unset => Self::Unset,
            theirs::Setting::Enabled => Self::Enabled,
            theirs::Setting::Disabled => Self::Disabled,
        }
    }
}

impl From<theirs::Settings> for ours::Settings {
    fn from(settings: theirs::Settings) -> Self {
        Self {
            upload_pack: settings.upload_pack.into(),
            receive_pack: settings.receive_pack.into(),
            upload_archive: settings.upload_archive.into(),
            dumb_files: settings.dumb_files.into(),
        }
    }
}

impl From<theirs::FileAttributes> for ours::FileAttributes {
    fn from(attributes: theirs::FileAttributes) -> Self {
        Self { size: attributes.size, modified: attributes.modified }
    }
}

impl From<ours::DumbFile> for theirs::DumbFile {
    fn from(file: ours::DumbFile) -> Self {
        match file {
            ours::DumbFile::Head => Self::Head,
            ours::DumbFile::InfoRefs => Self::InfoRefs,
            ours::DumbFile::Packs => Self::Packs,
            ours::DumbFile::Info(name) => Self::Info(name),
            ours::DumbFile::LooseObject(oid) => Self::LooseObject(oid),
            ours::DumbFile::Pack(checksum) => Self::Pack(checksum),
            ours::DumbFile::PackIndex(checksum) => Self::PackIndex(checksum),
        }
    }
}

impl From<engine::Setting> for ours::Setting {
    fn from(setting: engine::Setting) -> Self {
        match setting {
            engine::Setting::Unset => Self::Unset,
            engine::Setting::Enabled => Self::Enabled,
            engine::Setting::Disabled => Self::Disabled,
        }
    }
}

impl From<engine::Settings> for ours::Settings {
    fn from(settings: engine::Settings) -> Self {
        Self {
            upload_pack: settings.upload_pack.into(),
            receive_pack: settings.receive_pack.into(),
            upload_archive: settings.upload_archive.into(),
            dumb_files: settings.dumb_files.into(),
        }
    }
}

impl From<ours::DumbFile> for dumb::Name {
    fn from(file: ours::DumbFile) -> Self {
        match file {
            ours::DumbFile::Head => Self::Head,
            ours::DumbFile::InfoRefs => Self::InfoRefs,
            ours::DumbFile::Packs => Self::Packs,
            ours::DumbFile::Info(name) => Self::Info(name),
            ours::DumbFile::LooseObject(oid) => Self::LooseObject(oid),
            ours::DumbFile::Pack(checksum) => Self::Pack(checksum),
            ours::DumbFile::PackIndex(checksum) => Self::PackIndex(checksum),
        }
    }
}
