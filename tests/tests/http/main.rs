//! The HTTP side, byte by byte: the URL space, bodies, versions and errors.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod as_http_backend;
mod body;
mod conditional;
mod errors;
mod methods;
mod range;
mod unix_socket;
mod version;

use e2e::http::pkt_line;

/// The v2 request that lists all refs.
fn ls_refs() -> Vec<u8> {
    let lines = ["command=ls-refs\n", "agent=e2e\n", "object-format=sha1"].map(pkt_line);
    format!("{}0001{}{}0000", lines.concat(), pkt_line("peel\n"), pkt_line("symrefs\n")).into()
}

/// The request of [`ls_refs`] for a repository.
fn ls_refs_request(repository: &str) -> e2e::Request {
    e2e::Request::service(repository, "git-upload-pack", &ls_refs())
        .header("Git-Protocol", "version=2")
}
