//! An authorizer that refuses single refs, and what the real git client makes of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]
#![allow(dead_code, unreachable_pub, reason = "not every test uses all of `pushed_to`")]

mod pushed_to;

use gitwasi::{
    Authorizer, Backend, BoxFuture, Decision, ErrorCode, Push, RequestContext, ServiceRequest,
};
use pushed_to::{Running, attempt, git};
use tokio::sync::mpsc;

/// Lets nobody move what is below `refs/heads/release/`.
struct Protected;

impl Authorizer for Protected {
    fn authorize<'a>(
        &'a self,
        _: &'a RequestContext,
        _: ServiceRequest,
    ) -> BoxFuture<'a, Result<Decision, ErrorCode>> {
        Box::pin(async { Ok(Decision::Allow(None)) })
    }

    fn authorize_ref_updates<'a>(
        &'a self,
        _: &'a RequestContext,
        push: Push,
    ) -> BoxFuture<'a, Result<Vec<Option<String>>, ErrorCode>> {
        let reason = |name: &[u8]| {
            name.starts_with(b"refs/heads/release/").then(|| "releases are protected".to_owned())
        };
        let reasons = push.ref_updates.iter().map(|update| reason(&update.name)).collect();
        Box::pin(async { Ok(reasons) })
    }
}

const REFS: [&str; 3] = ["main:main", "secret:release/1", "main:topic"];

async fn running(backend: Backend) -> Running {
    let running = Running::start(|builder| builder.backend(backend).authorizer(Protected)).await;
    // What is refused shares nothing with what is not.
    let work = running.scratch.path().join("work");
    git(&work, &["checkout", "-q", "--orphan", "secret"]).await;
    std::fs::write(work.join("file"), "secret").unwrap();
    git(&work, &["add", "file"]).await;
    git(&work, &["commit", "-q", "-m", "secret"]).await;
    running
}

async fn served(running: &Running, arguments: &[&str]) -> String {
    git(&running.scratch.path().join("root/app.git"), arguments).await
}

/// What the client says of a push, which has to fail, and the refs that are there then.
async fn push(running: &Running, arguments: &[&str]) -> (String, String) {
    let arguments = [&["push", running.url.as_str()], arguments].concat();
    let output = attempt(&running.scratch.path().join("work"), &arguments).await;
    assert!(!output.status.success());
    served(running, &["fsck", "--strict"]).await;
    let refs = served(running, &["for-each-ref", "--format=%(refname)"]).await;
    (String::from_utf8_lossy(&output.stderr).into_owned(), refs)
}

/// Nothing was moved, and no object is there.
async fn assert_refused_whole(backend: Backend, arguments: &[&str]) -> String {
    let running = running(backend).await;
    let (said, refs) = push(&running, arguments).await;
    assert!(said.contains("(releases are protected)"), "{said}");
    assert_eq!(refs, "");
    assert_eq!(served(&running, &["count-objects"]).await, "0 objects, 0 kilobytes\n");
    running.stop();
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_refs_of_a_push_are_moved() {
    for backend in [Backend::Engine, Backend::Auto] {
        let running = running(backend).await;
        let (said, refs) = push(&running, &REFS).await;
        assert!(said.contains("secret -> release/1 (releases are protected)"), "{said}");
        assert!(said.contains("[new branch]      main -> topic"), "{said}");
        assert_eq!(refs, "refs/heads/main\nrefs/heads/topic\n");
        // What else the pack brought may be there, as with git, but nothing leads to it.
        let reached = served(&running, &["rev-list", "--objects", "--all"]).await;
        let work = running.scratch.path().join("work");
        assert_eq!(reached, git(&work, &["rev-list", "--objects", "main"]).await);
        running.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_is_told_of_the_refs_that_were_moved() {
    let (told, mut events) = mpsc::unbounded_channel();
    let running = Running::start(|builder| {
        builder.authorizer(Protected).observe(move |event| {
            let told = told.clone();
            async move { told.send(event).unwrap() }
        })
    })
    .await;
    push(&running, &["main:main", "main:release/1"]).await;
    let event = events.try_recv().expect("an event");
    let names: Vec<_> = event.ref_updates.iter().map(|update| update.name.as_slice()).collect();
    assert_eq!(names, [b"refs/heads/main"]);
    running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_is_refused_whole_leaves_nothing() {
    for backend in [Backend::Engine, Backend::Git] {
        assert_refused_whole(backend, &["secret:release/1", "main:release/2"]).await;
        assert_refused_whole(backend, &[&["--atomic"], &REFS[..]].concat()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn git_s_process_cannot_refuse_single_refs_so_none_is_moved() {
    let said = assert_refused_whole(Backend::Git, &REFS).await;
    assert!(said.contains("topic (another ref of this push was refused)"), "{said}");
}
