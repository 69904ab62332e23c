//! What precedes the advertisement in an answer to `info/refs?service=`.
//!
//! Spec: gitprotocol-http(5), "Smart Server Response"

use crate::{ProtocolVersion, Service};

/// Appends `# service=<service>` and a flush-pkt, or nothing for version 2.
///
/// `requested` is the version the client asked for, not the one that it gets: `git http-backend`
/// leaves the lines away for every client that asks for version 2, even of `git-receive-pack`,
/// which answers in version 0.
pub fn service_header(service: Service, requested: ProtocolVersion, out: &mut Vec<u8>) {
    if requested == ProtocolVersion::V2 {
        return;
    }
    out.extend_from_slice(match service {
        Service::UploadPack => b"001e# service=git-upload-pack\n0000",
        Service::ReceivePack => b"001f# service=git-receive-pack\n0000",
        Service::UploadArchive => b"0021# service=git-upload-archive\n0000",
    });
}
