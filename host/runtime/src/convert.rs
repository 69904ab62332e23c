//! Between the generated types and those of [`crate::contract`], which say the same.

use std::time::{Duration, UNIX_EPOCH};

use crate::bindings::gitwasi::git::{authorizer, observer, repositories, types};
use crate::contract as native;

/// Maps enumerations case by case.
macro_rules! same_cases {
    ($from:path => $to:path { $($case:ident),+ }) => {
        impl From<$from> for $to {
            fn from(value: $from) -> Self {
                match value {
                    $(<$from>::$case => Self::$case,)+
                }
            }
        }
    };
}

same_cases!(types::Access => native::Access { Read, Write });
same_cases!(types::Service => native::Service { UploadPack, ReceivePack, UploadArchive });
same_cases!(types::ProtocolVersion => native::ProtocolVersion { V0, V1, V2 });
same_cases!(native::Setting => repositories::Setting { Unset, Enabled, Disabled });

impl From<types::Principal> for native::Principal {
    fn from(principal: types::Principal) -> Self {
        Self { name: principal.name }
    }
}

/// Who makes a request: a principal, if there is one, from where the host has seen it come.
fn requester(principal: Option<native::Principal>, peer: &str) -> types::Requester {
    types::Requester {
        principal: principal.map(|native::Principal { name }| types::Principal { name }),
        address: Some(peer.to_owned()).filter(|peer| !peer.is_empty()),
    }
}

impl From<native::ErrorCode> for types::ErrorCode {
    fn from(error: native::ErrorCode) -> Self {
        match error {
            native::ErrorCode::NotFound => Self::NotFound,
            native::ErrorCode::Disabled => Self::Disabled,
            native::ErrorCode::Aborted => Self::Aborted,
            native::ErrorCode::Busy => Self::Busy,
            native::ErrorCode::LimitExceeded(text) => Self::LimitExceeded(text),
            native::ErrorCode::Malformed(text) => Self::Malformed(text),
            native::ErrorCode::Corrupt(text) => Self::Corrupt(text),
            native::ErrorCode::Unsupported(text) => Self::Unsupported(text),
            native::ErrorCode::Internal(text) => Self::Internal(text),
        }
    }
}

impl From<native::Settings> for repositories::Settings {
    fn from(settings: native::Settings) -> Self {
        Self {
            upload_pack: settings.upload_pack.into(),
            receive_pack: settings.receive_pack.into(),
            upload_archive: settings.upload_archive.into(),
            dumb_files: settings.dumb_files.into(),
        }
    }
}

impl From<native::FileAttributes> for repositories::FileAttributes {
    fn from(attributes: native::FileAttributes) -> Self {
        Self {
            size: attributes.size,
            modified: attributes.modified.map(|modified| modified.as_secs()),
        }
    }
}

impl From<repositories::DumbFile> for native::DumbFile {
    fn from(file: repositories::DumbFile) -> Self {
        match file {
            repositories::DumbFile::Head => Self::Head,
            repositories::DumbFile::InfoRefs => Self::InfoRefs,
            repositories::DumbFile::Packs => Self::Packs,
            repositories::DumbFile::Info(name) => Self::Info(name),
            repositories::DumbFile::LooseObject(oid) => Self::LooseObject(oid),
            repositories::DumbFile::Pack(checksum) => Self::Pack(checksum),
            repositories::DumbFile::PackIndex(checksum) => Self::PackIndex(checksum),
        }
    }
}

impl From<authorizer::Request> for native::ServiceRequest {
    fn from(request: authorizer::Request) -> Self {
        Self {
            repository: request.repository,
            access: request.access.into(),
            service: request.service.map(Into::into),
            authorization: request.authorization,
        }
    }
}

impl From<native::Refusal> for authorizer::Refusal {
    fn from(refusal: native::Refusal) -> Self {
        match refusal {
            native::Refusal::Challenge(challenge) => Self::Challenge(challenge),
            native::Refusal::Deny(text) => Self::Deny(text),
            native::Refusal::Conceal => Self::Conceal,
        }
    }
}

/// A decision on a request that came from `peer`.
pub(crate) fn decision(decision: native::Decision, peer: &str) -> authorizer::Decision {
    use authorizer::{Conditional, Decision};
    match decision {
        native::Decision::Allow(principal) => Decision::Allow(requester(principal, peer)),
        native::Decision::AskRepository { principal, otherwise } => {
            Decision::AskRepository(Conditional {
                requester: requester(principal, peer),
                otherwise: otherwise.into(),
            })
        }
        native::Decision::Refuse(refusal) => Decision::Refuse(refusal.into()),
    }
}

impl From<types::RefUpdate> for native::RefUpdate {
    fn from(update: types::RefUpdate) -> Self {
        Self { name: update.name, old_oid: update.old_oid, new_oid: update.new_oid }
    }
}

impl From<authorizer::Push> for native::Push {
    fn from(push: authorizer::Push) -> Self {
        Self {
            repository: push.repository,
            principal: push.requester.principal.map(Into::into),
            ref_updates: push.ref_updates.into_iter().map(Into::into).collect(),
            push_options: push.push_options,
            atomic: push.atomic,
        }
    }
}

impl From<observer::PushEvent> for native::PushEvent {
    fn from(event: observer::PushEvent) -> Self {
        let time = UNIX_EPOCH.checked_add(Duration::from_millis(event.time));
        Self {
            id: event.id,
            repository: event.repository,
            principal: event.requester.principal.map(Into::into),
            address: event.requester.address,
            ref_updates: event.ref_updates.into_iter().map(Into::into).collect(),
            push_options: event.push_options,
            confirmed: event.confirmed,
            time: time.unwrap_or(UNIX_EPOCH),
        }
    }
}
