//! A 600 MB incompressible file, pushed in every form and cloned.

use std::fs;

use e2e::curl::curl;
use e2e::{Repository, Server, Setup};

use crate::{BOUND, Data, assert_peak};

/// An empty repository to push to, and a server of its own.
fn target(data: &Data, name: &str) -> (Repository, Server) {
    data.prepared();
    let repository = data.world.empty(name);
    let server = data.world.serve(&Setup::default().allow_push());
    (repository, server)
}

/// Checks what arrived, and makes room for the next.
fn arrived(data: &Data, repository: &Repository) {
    assert_eq!(repository.oid("big"), data.prepared().repository.oid("big"));
    fs::remove_dir_all(repository.path()).unwrap();
}

fn post(server: &Server, name: &str, file: &std::path::Path, headers: &[&str]) {
    let url = server.url(&format!("{name}/git-receive-pack"));
    let base = [
        "--fail",
        "-X",
        "POST",
        "-H",
        "Content-Type: application/x-git-receive-pack-request",
        "-T",
        file.to_str().unwrap(),
        &url,
    ];
    let headers = headers.iter().flat_map(|&header| ["-H", header]);
    let outcome = curl(base.into_iter().chain(headers)).succeeded();
    assert!(outcome.text().contains("ok refs/heads/big"), "{outcome:?}");
}

pub(crate) fn push_with_content_length(data: &Data) {
    let (repository, server) = target(data, "length.git");
    post(&server, "length.git", &data.prepared().push, &[]);
    assert_peak(&server, "push with Content-Length", BOUND);
    arrived(data, &repository);
}

pub(crate) fn push_chunked_by_git(data: &Data) {
    let (repository, server) = target(data, "chunked.git");
    let git = data.prepared().repository.git();
    git.run(["push", "--quiet", &server.url("chunked.git"), "big"]);
    assert_peak(&server, "push in chunks, by git", BOUND);
    arrived(data, &repository);
}

pub(crate) fn push_chunked_and_compressed(data: &Data) {
    let (repository, server) = target(data, "gzip.git");
    let headers = ["Transfer-Encoding: chunked", "Content-Encoding: gzip"];
    post(&server, "gzip.git", &data.prepared().gzip, &headers);
    assert_peak(&server, "push in chunks, compressed", BOUND);
    arrived(data, &repository);
}

pub(crate) fn clone(data: &Data) {
    data.prepared();
    let server = data.world.serve(&Setup::default());
    data.world.git().run(["clone", "--quiet", "--bare", &server.url("big.git"), "copy"]);
    assert_peak(&server, "clone", BOUND);
    arrived(data, &data.world.clone_at("copy"));
}

pub(crate) fn download_of_the_pack(data: &Data) {
    let pack = data.prepared().repository.packs().remove(0);
    let server = data.world.serve(&Setup::default());
    let url = server.url(&format!("big.git/objects/pack/{}", pack.file_name().unwrap().display()));
    let outcome = curl(["--fail", "-o", "/dev/null", "-w", "%{size_download}", &url]).succeeded();
    assert_eq!(outcome.text(), fs::metadata(&pack).unwrap().len().to_string());
    assert_peak(&server, "download of the pack", BOUND);
}
