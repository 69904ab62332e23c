//! How a request ends, and that nothing is left of it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // All of this is tests.

mod fixture;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use fixture::{Fixture, fetch, git, job, policy, processes_in_group, run, write_program};
use gitwasi_sandbox::{Child, Exit, GitCommand, Job, Policy, ProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const UPLOAD: GitCommand = GitCommand::UploadPack { advertise: false };
const RECEIVE: GitCommand = GitCommand::ReceivePack { advertise: false };

/// Starts a fetch of more than all pipes hold, and waits until `git pack-objects` is at work.
async fn slow_fetch(fixture: &Fixture, policy: &Policy) -> Child {
    let repository = fixture.repository("app");
    let work = fixture.path("app.work");
    // Does not compress.
    let mut state = 1_u64;
    let noise: Vec<u8> = (0..2 << 20)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect();
    fs::write(work.join("noise"), noise).unwrap();
    git(&work, &["add", "."]);
    git(&work, &["commit", "-q", "-m", "noise"]);
    git(&work, &["push", "-q", "../app", "HEAD:main"]);
    let head = git(&repository, &["rev-parse", "main"]);

    let protocol = Some(ProtocolVersion::V2);
    let mut child = policy.spawn(Job { protocol, ..job(UPLOAD, &repository) }).unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&fetch(&head)).await.unwrap();
    drop(stdin);
    let mut start = [0; 32];
    child.stdout.as_mut().unwrap().read_exact(&mut start).await.unwrap();
    assert!(processes_in_group(child.id()) >= 2, "git pack-objects is at work");
    child
}

async fn all_gone_within(limit: Duration, group: u32) {
    let start = Instant::now();
    while processes_in_group(group) > 0 {
        assert!(start.elapsed() < limit, "{} are left", processes_in_group(group));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Whether the process is there, be it as a zombie.
fn exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[tokio::test]
async fn a_dropped_child_leaves_no_process() {
    let fixture = Fixture::new();
    let child = slow_fetch(&fixture, &policy(false)).await;
    let pid = child.id();
    drop(child);
    all_gone_within(Duration::from_secs(1), pid).await;
    let start = Instant::now();
    while exists(pid) {
        assert!(start.elapsed() < Duration::from_secs(1), "a zombie is left");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[test]
fn a_child_dropped_outside_of_the_runtime_is_reaped_too() {
    let fixture = Fixture::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let child = runtime.block_on(slow_fetch(&fixture, &policy(false)));
    let pid = child.id();
    drop(child);
    let start = Instant::now();
    while exists(pid) {
        assert!(start.elapsed() < Duration::from_secs(1), "a zombie is left");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_child_dropped_with_its_runtime_is_killed_and_reaped() {
    let fixture = Fixture::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let child = runtime.block_on(slow_fetch(&fixture, &policy(false)));
    let pid = child.id();
    runtime.spawn(async move {
        let _child = child;
        std::future::pending::<()>().await;
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    let start = Instant::now();
    while processes_in_group(pid) > 0 || exists(pid) {
        assert!(start.elapsed() < Duration::from_secs(1));
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[tokio::test]
async fn a_killed_child_tells_the_signal() {
    let fixture = Fixture::new();
    let mut child = slow_fetch(&fixture, &policy(false)).await;
    child.kill();
    assert_eq!(child.wait().await.unwrap(), Exit::Signal(9));
    assert_eq!(child.wait().await.unwrap(), Exit::Signal(9));
    all_gone_within(Duration::from_secs(1), child.id()).await;
}

#[tokio::test]
async fn a_push_that_breaks_off_cleans_up_after_itself() {
    let fixture = Fixture::new();
    let repository = fixture.repository("app");
    let request = fixture.push("app", "refs/heads/topic");
    let objects = || fs::read_dir(repository.join("objects")).unwrap().count();
    let before = objects();

    let job = Job { writable: true, ..job(RECEIVE, &repository) };
    let output = run(&policy(false), job, &request[..request.len() - 40]).await;
    assert!(output.text().contains("ng refs/heads/topic unpacker error"), "{}", output.text());
    assert_eq!(objects(), before, "the quarantine is left");
}

#[tokio::test]
async fn waiting_can_be_given_up_and_taken_up_again() {
    let fixture = Fixture::new();
    let mut child = slow_fetch(&fixture, &policy(false)).await;
    let early = tokio::time::timeout(Duration::from_millis(20), child.wait()).await;
    assert!(early.is_err(), "it cannot end: its pipe is full");
    let mut stdout = child.stdout.take().unwrap();
    let mut pack = Vec::new();
    stdout.read_to_end(&mut pack).await.unwrap();
    assert!(pack.len() > 2 << 20);
    assert_eq!(child.wait().await.unwrap(), Exit::Code(0));
}

#[tokio::test]
async fn what_a_hook_leaves_running_ends_with_its_git() {
    let fixture = Fixture::new();
    let repository = fixture.repository("app");
    let hooks = repository.join("hooks");
    fs::create_dir_all(&hooks).unwrap();
    let script = "#!/bin/sh\n(trap '' HUP TERM; sleep 1000) </dev/null >/dev/null 2>&1 &\n";
    write_program(&hooks.join("post-receive"), script);
    let request = fixture.push("app", "refs/heads/topic");

    let job = Job { writable: true, ..job(RECEIVE, &repository) };
    let child = policy(true).spawn(job).unwrap();
    let pid = child.id();
    let output = fixture::finish(child, &request).await;
    assert_eq!(output.exit, Exit::Code(0), "{}", output.stderr);
    all_gone_within(Duration::from_secs(1), pid).await;
}

#[tokio::test]
async fn many_children_at_once_come_to_their_own_ends() {
    let fixture = Fixture::new();
    let repository = fixture.repository("app");
    git(&repository, &["config", "--unset", "core.bare"]);
    let policy = std::sync::Arc::new(policy(false));
    let one = |index: usize| {
        let (policy, repository) = (policy.clone(), repository.clone());
        async move {
            let command = match index % 2 {
                0 => GitCommand::UploadPack { advertise: true },
                _ => GitCommand::Config,
            };
            run(&policy, job(command, &repository), b"").await.exit
        }
    };
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..64 {
        let exit = one(index);
        tasks.spawn(async move { (index, exit.await) });
    }
    while let Some(task) = tasks.join_next().await {
        let (index, exit) = task.unwrap();
        assert_eq!(exit, Exit::Code(i32::from(index % 2 != 0)));
    }
}
