//! What a hostile repository, or a hook, cannot make of a real git.

#![allow(clippy::unwrap_used)] // All of this is tests.

mod fixture;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use fixture::{Fixture, Output, fetch, git, job, policy, policy_of, run, write_program};
use gitwasi_sandbox::{Exit, GitCommand, Job, Mode, ProtocolVersion, SpawnError};

const ADVERTISE: GitCommand = GitCommand::UploadPack { advertise: true };
const UPLOAD: GitCommand = GitCommand::UploadPack { advertise: false };
const RECEIVE: GitCommand = GitCommand::ReceivePack { advertise: false };

fn hook(repository: &Path, name: &str, script: &str) {
    let path = repository.join("hooks").join(name);
    fs::create_dir_all(repository.join("hooks")).unwrap();
    write_program(&path, &format!("#!/bin/sh\n{script}\n"));
}

/// Pushes to `app`, with a `pre-receive` hook.
async fn push_with_hook(fixture: &Fixture, mode: Mode, hooks: bool, script: &str) -> Output {
    let repository = fixture.repository("app");
    hook(&repository, "pre-receive", script);
    let request = fixture.push("app", "refs/heads/topic");
    let job = Job { writable: true, ..job(RECEIVE, &repository) };
    run(&policy_of(mode, hooks), job, &request).await
}

#[tokio::test]
async fn hooks_do_not_run_with_hooks_off() {
    for mode in [Mode::Require, Mode::Off] {
        let fixture = Fixture::new();
        let output = push_with_hook(&fixture, mode, false, "touch ran; exit 1").await;
        assert_eq!(output.exit, Exit::Code(0), "{}", output.stderr);
        assert!(output.text().contains("ok refs/heads/topic"), "{}", output.text());
        assert!(!fixture.path("app/ran").exists());
    }
}

#[tokio::test]
async fn hooks_run_with_hooks_on_and_may_refuse() {
    let fixture = Fixture::new();
    let script = "cat >seen; git rev-parse HEAD >&2 && exit 1";
    let output = push_with_hook(&fixture, Mode::Require, true, script).await;
    assert!(output.text().contains("ng refs/heads/topic pre-receive hook declined"), "{output:?}");
    let seen = fs::read_to_string(fixture.path("app/seen")).unwrap();
    assert!(seen.contains(" refs/heads/topic\n"), "{seen}");
    let head = git(&fixture.path("app"), &["rev-parse", "main"]);
    assert!(output.stderr.contains(&head), "{}", output.stderr);
    let refused = git(&fixture.path("app"), &["for-each-ref", "refs/heads/topic"]);
    assert_eq!(refused, "");
}

/// What the hook of the next test tries: the command, and whether it may succeed.
const HOOK_ATTEMPTS: &[(&str, bool)] = &[
    ("cat HEAD", true),
    ("touch allowed", true),
    ("perl -e 1", true),
    ("git rev-parse main", true),
    ("cat ../neighbour/HEAD", false),
    ("cat /etc/passwd", false),
    ("ls /", false),
    ("touch ../neighbour/planted", false),
    ("git --git-dir=../neighbour rev-parse HEAD", false),
    ("ln -s ../neighbour planted", false),
    ("setsid true", false),
    ("perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 0) or exit 1'", false),
];

#[tokio::test]
async fn a_hook_is_held_to_its_repository() {
    let attempts = HOOK_ATTEMPTS.iter().enumerate();
    let script: String = attempts
        .map(|(index, (attempt, _))| format!("( {attempt} ) >/dev/null 2>&1 && echo {index} >&2\n"))
        .chain(["true".to_owned()])
        .collect();
    for (mode, held) in [(Mode::Require, true), (Mode::Off, false)] {
        let fixture = Fixture::new();
        fixture.repository("neighbour");
        let output = push_with_hook(&fixture, mode, true, &script).await;
        assert!(output.text().contains("ok refs/heads/topic"), "{output:?}");
        let succeeded: Vec<_> = output.stderr.lines().collect();
        for (index, (attempt, allowed)) in HOOK_ATTEMPTS.iter().enumerate() {
            let index = index.to_string();
            let outcome = succeeded.contains(&index.as_str());
            assert_eq!(outcome, *allowed || !held, "{mode:?}: {attempt}: {}", output.stderr);
        }
    }
}

#[tokio::test]
async fn a_hooks_folder_that_is_a_symlink_lends_no_rights() {
    let fixture = Fixture::new();
    let repository = fixture.repository("app");
    let elsewhere = fixture.path("elsewhere");
    hook(&elsewhere, "pre-receive", "touch ran");
    let _ = fs::remove_dir_all(repository.join("hooks"));
    symlink(elsewhere.join("hooks"), repository.join("hooks")).unwrap();
    let request = fixture.push("app", "refs/heads/topic");
    let job = Job { writable: true, ..job(RECEIVE, &repository) };
    let output = run(&policy(true), job, &request).await;
    assert!(output.text().contains("ng refs/heads/topic"), "{output:?}");
    assert!(!repository.join("ran").exists());
}

#[tokio::test]
async fn programs_named_by_the_configuration_do_not_run() {
    let fixture = Fixture::new();
    let repository = fixture.repository("app");
    let lender = fixture.repository("lender");
    fs::create_dir_all(repository.join("objects/info")).unwrap();
    let alternate = format!("{}\n", lender.join("objects").display());
    fs::write(repository.join("objects/info/alternates"), alternate).unwrap();

    let script = fixture.path("app/program");
    let ran = fixture.path("app/ran");
    write_program(&script, &format!("#!/bin/sh\necho \"$@\" >>{}\n", ran.display()));
    let program = script.to_str().unwrap();
    for key in [
        "core.alternateRefsCommand",
        "core.fsmonitor",
        "core.sshCommand",
        "core.pager",
        "core.editor",
        "credential.helper",
        "diff.external",
        "filter.x.smudge",
        "gc.recentObjectsHook",
        "gpg.program",
        "tar.x.command",
        "tar.tgz.command",
        "uploadpack.packObjectsHook",
    ] {
        git(&repository, &["config", key, program]);
    }
    for (key, value) in [
        ("tar.x.remote", "true"),
        ("gc.auto", "1"),
        ("receive.unpackLimit", "1"),
        // A later git's hooks, by configuration.
        ("hook.x.event", "pre-receive"),
        ("hook.x.command", program),
        // A promisor remote with a transport that is a command.
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", &format!("ext::{program}")),
        ("protocol.ext.allow", "always"),
    ] {
        git(&repository, &["config", key, value]);
    }
    fs::write(repository.join("info/attributes"), "* filter=x diff=x\n").unwrap();

    let request = fixture.push("app", "refs/heads/topic");
    let missing = "1".repeat(40);
    let archive = "001aargument --format=tgz\n0012argument main\n0000";
    let archive_x = archive.replace("001aargument --format=tgz", "0018argument --format=x");
    let policy = policy(false);
    for (command, request) in [
        (GitCommand::ReceivePack { advertise: true }, b"".as_slice()),
        (RECEIVE, &request),
        (UPLOAD, &fetch(&missing)),
        (GitCommand::UploadArchive, archive.as_bytes()),
        (GitCommand::UploadArchive, archive_x.as_bytes()),
    ] {
        let protocol = Some(ProtocolVersion::V2);
        let name = format!("{command:?}");
        let job = Job { writable: true, protocol, ..job(command, &repository) };
        let output = run(&policy, job, request).await;
        assert!(!ran.exists(), "{name}: {output:?}");
    }

    // Without landlock the overrides have to do, and they do not know every program.
    let unheld = policy_of(Mode::Off, false);
    let advertise = GitCommand::ReceivePack { advertise: true };
    run(&unheld, Job { writable: true, ..job(advertise, &repository) }, b"").await;
    assert!(!ran.exists());
    run(&unheld, job(GitCommand::UploadArchive, &repository), archive_x.as_bytes()).await;
    assert!(ran.exists());
}

#[tokio::test]
async fn a_configuration_cannot_include_a_file_from_elsewhere() {
    let fixture = Fixture::new();
    let repository = fixture.repository("app");
    let neighbour = fixture.repository("neighbour");
    git(&neighbour, &["config", "http.secret", "hunter2"]);
    let included = neighbour.join("config");
    git(&repository, &["config", "include.path", included.to_str().unwrap()]);
    let output = run(&policy(false), job(GitCommand::Config, &repository), b"").await;
    assert!(!output.text().contains("hunter2"), "{output:?}");
    assert!(!output.stderr.contains("hunter2"), "{output:?}");
}

#[tokio::test]
async fn refs_and_objects_cannot_be_borrowed_by_symlink() {
    let fixture = Fixture::new();
    let neighbour = fixture.repository("neighbour");
    let secret = fixture.commit("neighbour");
    git(&fixture.path("neighbour.work"), &["push", "-q", "../neighbour", "HEAD:refs/heads/secret"]);

    let repository = fixture.repository("app");
    fs::remove_dir_all(repository.join("objects")).unwrap();
    symlink(neighbour.join("objects"), repository.join("objects")).unwrap();
    symlink(neighbour.join("refs/heads/secret"), repository.join("refs/heads/stolen")).unwrap();
    let policy = policy(false);
    let protocol = Some(ProtocolVersion::V2);

    let advertised = run(&policy, job(ADVERTISE, &repository), b"").await;
    assert!(!advertised.text().contains(&secret), "{}", advertised.text());
    let fetched = run(&policy, Job { protocol, ..job(UPLOAD, &repository) }, &fetch(&secret)).await;
    assert!(!fetched.exit.success());
    assert!(!fetched.stdout.windows(4).any(|window| window == b"PACK"));
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let fixture = Fixture::new();
    let repository = fixture.repository("app");
    let request = fixture.push("app", "refs/heads/topic");
    let output = run(&policy(false), job(RECEIVE, &repository), &request).await;
    assert!(!output.text().contains("ok refs/heads/topic"), "{output:?}");
    assert_eq!(git(&repository, &["for-each-ref", "refs/heads/topic"]), "");
}

#[tokio::test]
async fn names_that_are_not_are_refused_before_git() {
    let fixture = Fixture::new();
    let repository = fixture.repository("app");
    let policy = policy(false);
    for name in ["", "..", "a/../b", "--x", "a*", "a\nb", "a\0b"] {
        let namespace = Some(name.to_owned());
        let refused = policy.spawn(Job { namespace, ..job(ADVERTISE, &repository) });
        assert!(matches!(refused, Err(SpawnError::Namespace)), "{name:?}");
    }
}
