//! The header before the advertisement is there when `git http-backend` has it.

mod real_git;

use bstr::ByteSlice;
use gitwasi_wire::{ProtocolVersion, Service, info_refs};
use real_git::{Scratch, git, git_ok};

#[test]
fn the_service_header_depends_on_the_version_asked_for() {
    let scratch = Scratch::new();
    git_ok(&scratch, &["init", "-q", "--bare", "-b", "main", "r.git"]);
    git_ok(&scratch, &["-C", "r.git", "config", "http.receivepack", "true"]);
    let root = scratch.path().to_str().expect("a UTF-8 path");
    for service in [Service::UploadPack, Service::ReceivePack] {
        for header in
            ["", "version=0", "version=1", "version=2", "version=3", "version=1:version=2"]
        {
            let ran = git(
                &scratch,
                &["http-backend"],
                &[
                    ("GIT_PROTOCOL", header),
                    ("GIT_PROJECT_ROOT", root),
                    ("GIT_HTTP_EXPORT_ALL", "1"),
                    ("REQUEST_METHOD", "GET"),
                    ("PATH_INFO", "/r.git/info/refs"),
                    ("QUERY_STRING", &format!("service={service}")),
                ],
                b"",
            );
            let head = ran.stdout.find(b"\r\n\r\n").expect("a head");
            let body = &ran.stdout[head + 4..];
            let mut ours = Vec::new();
            let version = ProtocolVersion::from_header(header.as_bytes());
            info_refs::service_header(service, version, &mut ours);
            // The line of the service and the flush-pkt after it.
            let len = if body[4..].starts_with(b"# service=") {
                let digits = std::str::from_utf8(&body[..4]).expect("digits");
                usize::from_str_radix(digits, 16).expect("digits") + 4
            } else {
                0
            };
            assert_eq!(ours.as_bstr(), body[..len].as_bstr(), "{service} {header}");
        }
    }
}
