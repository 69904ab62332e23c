//! The git child dies while its pack is on the way.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use e2e::curl::assert_broken;
use e2e::{Backend, Ending, Outcome, Server, World, command, process};
use rustix::process::Signal;

use crate::{LARGE, fetch, fetch_body, git_processes, large_on};

/// Waits for a child whose command line holds `name` and that does not only advertise, and kills
/// it.
fn kill(server: &Server, world: &World, name: &str) {
    let mut found = None;
    let pids = || git_processes(server, world.root());
    process::eventually(Duration::from_secs(20), || {
        let named = |&pid: &u32| {
            let line = process::command_line(pid);
            line.contains(name) && !line.contains("advertise") && !line.contains("info-refs")
        };
        found = pids().into_iter().find(named);
        found.is_some()
    });
    process::signal(found.unwrap_or_else(|| panic!("no {name} among the children")), Signal::KILL);
}

#[test]
fn upload_pack_killed_breaks_the_response() {
    for name in ["upload-pack", "pack-objects"] {
        let (world, repository, server) = large_on(Backend::GitProcess);
        let transfer = server.connect().transfer(&fetch(&repository, "big")).until(4096);
        assert_eq!(transfer.so_far().status, 200);
        kill(&server, &world, name);
        let rest = transfer.finish();
        assert!(rest.body.len() < LARGE);
        let end =
            String::from_utf8_lossy(&rest.body[rest.body.len().saturating_sub(300)..]).into_owned();
        // Without pack-objects, upload-pack lives long enough to say so in band 3.
        let git_told = name == "pack-objects" && end.contains("abort");
        assert!(matches!(rest.ending, Ending::Broken(_)) || git_told, "{name}: {rest:?}");
    }
}

/// Runs curl with a rate limit, so that the child is still there when it is killed.
fn curl_interrupted(version: &str) -> Outcome {
    let (world, repository, server) = large_on(Backend::GitProcess);
    let body = world.work().join("body");
    fs::write(&body, fetch_body(&repository.oid("big"))).unwrap();
    let mut curl = std::process::Command::new("curl");
    curl.args(["-q", "-sS", version, "--limit-rate", "2M", "-o"]).arg(world.work().join("out"));
    curl.args(["-H", "Content-Type: application/x-git-upload-pack-request"]);
    curl.arg("--data-binary").arg(format!("@{}", body.display()));
    curl.arg(server.url("app.git/git-upload-pack"));
    curl.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = curl.spawn().unwrap();
    process::eventually(Duration::from_secs(20), || {
        fs::metadata(world.work().join("out")).is_ok_and(|file| file.len() > 0)
    });
    kill(&server, &world, "upload-pack");
    command::finish(child, b"", command::show(&curl))
}

#[test]
fn curl_exits_with_a_transfer_error() {
    assert_broken(&curl_interrupted("--http1.1"));
}

#[test]
fn curl_exits_with_a_transfer_error_over_http_2() {
    assert_broken(&curl_interrupted("--http2-prior-knowledge"));
}

#[test]
fn git_reports_an_error_and_leaves_no_clone() {
    let (world, _repository, server) = large_on(Backend::GitProcess);
    // The client stops reading when its index-pack is stopped; the server's child then waits.
    let git = world.git().config("http.lowSpeedLimit", "0");
    let mut clone = git.command();
    clone.args(["clone", "--bare", "--progress", &server.url("app.git"), "copy"]);
    clone.stdin(Stdio::null());
    let child = clone.spawn().unwrap();
    let pid = child.id();
    let mut stopped = None;
    process::eventually(Duration::from_secs(20), || {
        let mut pids = process::descendants(pid).into_iter();
        stopped = pids.find(|&pid| process::command_line(pid).contains("index-pack"));
        stopped.is_some()
    });
    let index_pack = stopped.expect("the client's index-pack");
    process::signal(index_pack, Signal::STOP);
    kill(&server, &world, "upload-pack");
    process::signal(index_pack, Signal::CONT);
    let outcome = command::finish(child, b"", command::show(&clone)).failed();
    outcome.says_one_of(&["RPC failed", "early EOF", "unexpected disconnect", "transfer closed"]);
    assert!(!world.work().join("copy/HEAD").exists());
}

#[test]
fn receive_pack_killed_fails_the_push_and_leaves_the_repository() {
    let (world, repository, server) = large_on(Backend::GitProcess);
    let before = e2e::tree::Tree::read(repository.path());
    let source = world.empty("../source.git");
    source.add_incompressible(LARGE + 1);
    let mut push = source.git().config("http.postBuffer", "65536").command();
    push.args(["push", &server.url("app.git"), "big:other"]);
    let child = push.spawn().unwrap();
    kill(&server, &world, "receive-pack");
    let outcome = command::finish(child, b"", command::show(&push)).failed();
    outcome.says_one_of(&["RPC failed", "unexpected disconnect", "hung up"]);
    crate::assert_nothing_is_left(&server, world.root());
    let restored = || before == e2e::tree::Tree::read(repository.path());
    process::eventually(Duration::from_secs(1), restored);
    before.assert_unchanged(repository.path());
}
