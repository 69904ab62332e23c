//! `GET info/refs?service=…`: the advertisement.
//!
//! Spec: gitprotocol-http(5), "Smart Server Response"; gitprotocol-v2(5), "HTTP Transport".

use crate::authorize::{AccessKind, Read, Write, authorize};
use crate::bindings::gitwasi::git::types::{ProtocolVersion, Service};
use crate::bindings::wasi::http::types::{Headers, Request, Response};
use crate::name::RepositoryName;
use crate::refusal::Refusal;
use crate::respond::{self, NO_CACHE, prefix};

/// Answers with the advertisement of `service`.
pub(crate) async fn answer(
    repository: RepositoryName,
    service: Service,
    request: Request,
) -> Result<Response, Refusal> {
    match service {
        Service::ReceivePack => advertise::<Write>(repository, service, request).await,
        Service::UploadPack | Service::UploadArchive => {
            advertise::<Read>(repository, service, request).await
        }
    }
}

async fn advertise<A: AccessKind>(
    repository: RepositoryName,
    service: Service,
    request: Request,
) -> Result<Response, Refusal> {
    let headers = request.get_headers();
    let authorized = authorize::<A>(repository, Some(service), &headers).await?;
    let version = protocol_version(&headers);
    let body = authorized.repository.advertise(service, version).await?;
    let body = prefix(service_header(service, version), body);
    let content_type = match service {
        Service::UploadPack => "application/x-git-upload-pack-advertisement",
        Service::ReceivePack => "application/x-git-receive-pack-advertisement",
        Service::UploadArchive => "application/x-git-upload-archive-advertisement",
    };
    let headers: Vec<_> = NO_CACHE.into_iter().chain([("content-type", content_type)]).collect();
    Ok(respond::stream(200, &headers, body))
}

/// The `# service` header, which version 2 does without.
fn service_header(service: Service, version: ProtocolVersion) -> Vec<u8> {
    let service = match service {
        Service::UploadPack => gitwasi_wire::Service::UploadPack,
        Service::ReceivePack => gitwasi_wire::Service::ReceivePack,
        Service::UploadArchive => gitwasi_wire::Service::UploadArchive,
    };
    let version = match version {
        ProtocolVersion::V0 => gitwasi_wire::ProtocolVersion::V0,
        ProtocolVersion::V1 => gitwasi_wire::ProtocolVersion::V1,
        ProtocolVersion::V2 => gitwasi_wire::ProtocolVersion::V2,
    };
    let mut header = Vec::new();
    gitwasi_wire::info_refs::service_header(service, version, &mut header);
    header
}

/// The protocol version that a request asks for.
pub(crate) fn protocol_version(headers: &Headers) -> ProtocolVersion {
    let value = headers.get("git-protocol").into_iter().next().unwrap_or_default();
    match gitwasi_wire::ProtocolVersion::from_header(&value) {
        gitwasi_wire::ProtocolVersion::V0 => ProtocolVersion::V0,
        gitwasi_wire::ProtocolVersion::V1 => ProtocolVersion::V1,
        gitwasi_wire::ProtocolVersion::V2 => ProtocolVersion::V2,
    }
}
