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

const REFS: [&str; 3] = ["main:main", "main:release/1", "main:topic"];

/// Pushes all of [`REFS`]; what the client says, and the refs that are there then.
async fn push(running: &Running, options: &[&str]) -> (String, String) {
    let work = running.scratch.path().join("work");
    let arguments = [&["push"], options, &[running.url.as_str()], &REFS].concat();
    let output = attempt(&work, &arguments).await;
    assert!(!output.status.success());
    let app = running.scratch.path().join("root/app.git");
    let refs = git(&app, &["for-each-ref", "--format=%(refname)"]).await;
    git(&app, &["fsck", "--strict"]).await;
    (String::from_utf8_lossy(&output.stderr).into_owned(), refs)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_refs_of_a_push_are_moved() {
    let (told, mut events) = mpsc::unbounded_channel();
    let running = Running::start(|builder| {
        builder.authorizer(Protected).observe(move |event| {
            let told = told.clone();
            async move { told.send(event).unwrap() }
        })
    })
    .await;
    let (said, refs) = push(&running, &[]).await;
    assert!(said.contains("release/1 (releases are protected)"), "{said}");
    assert!(said.contains("[new branch]      main -> topic"), "{said}");
    assert_eq!(refs, "refs/heads/main\nrefs/heads/topic\n");
    let event = events.try_recv().expect("an event");
    let names: Vec<_> = event.ref_updates.iter().map(|update| update.name.as_slice()).collect();
    assert_eq!(names, [b"refs/heads/main".as_slice(), b"refs/heads/topic"]);
    running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_atomic_push_moves_none() {
    let running = Running::start(|builder| builder.authorizer(Protected)).await;
    let (said, refs) = push(&running, &["--atomic"]).await;
    assert!(said.contains("(releases are protected)"), "{said}");
    assert_eq!(refs, "");
    running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn git_s_process_moves_none() {
    let running =
        Running::start(|builder| builder.backend(Backend::Git).authorizer(Protected)).await;
    let (said, refs) = push(&running, &[]).await;
    assert!(said.contains("release/1 (releases are protected)"), "{said}");
    assert!(said.contains("topic (another ref of this push was refused)"), "{said}");
    assert_eq!(refs, "");
    running.stop();
}
