//! What an observer is told of a push, whatever its service says and whether its client stays.
//!
//! The front runs as it is; the service and the observer are the test.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

mod stub;

use std::time::Duration;

use gitwasi_runtime::{Body, BodyError, PushEvent};
use http::Response;
use http_body_util::BodyExt;
use stub::{Announcement, Stub, band};

const REPORT: &str = "000eunpack ok\n0017ok refs/heads/main\n";

/// How long something is waited for that must not come.
const A_WHILE: Duration = Duration::from_millis(300);

async fn chunk(response: &mut Response<Body>) -> Option<Result<Vec<u8>, BodyError>> {
    let frame = response.body_mut().frame().await?;
    Some(frame.map(|frame| frame.into_data().unwrap_or_default().to_vec()))
}

fn names(event: &PushEvent) -> Vec<String> {
    let names = event.ref_updates.iter().map(|update| String::from_utf8_lossy(&update.name));
    names.map(Into::into).collect()
}

/// What a push is announced with, before its service has said anything.
async fn announced(stub: &mut Stub) -> PushEvent {
    match stub.announcement().await {
        Announcement::Pushing(event) => event,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_pass_and_the_end_of_the_report_waits_for_the_observer() {
    let mut stub = Stub::start();
    let mut response = stub.push("report-status side-band-64k").await;
    let announced = announced(&mut stub).await;
    assert_eq!((names(&announced), announced.confirmed), (vec!["refs/heads/main".into()], false));
    assert_eq!(chunk(&mut response).await.unwrap().unwrap(), stub::BEGIN.as_bytes());
    // A report in two packets, of which only the last one ends it.
    stub.feed(&band(1, REPORT));
    assert_eq!(chunk(&mut response).await.unwrap().unwrap(), band(1, REPORT).into_bytes());
    stub.feed(&format!("{}{}", band(2, "soon\n"), band(1, "0000")));
    assert_eq!(chunk(&mut response).await.unwrap().unwrap(), band(2, "soon\n").into_bytes());
    let event = stub.event().await;
    assert_eq!((names(&event), event.confirmed), (vec!["refs/heads/main".to_owned()], true));
    assert_eq!(event.id, announced.id);
    assert!(tokio::time::timeout(A_WHILE, chunk(&mut response)).await.is_err());
    stub.go_on();
    assert_eq!(chunk(&mut response).await.unwrap().unwrap(), band(1, "0000").into_bytes());
    stub.feed("0000");
    stub.finish();
    assert_eq!(chunk(&mut response).await.unwrap().unwrap(), b"0000");
    assert!(chunk(&mut response).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_left_is_told_of() {
    let mut stub = Stub::start();
    let mut response = stub.push("report-status side-band-64k").await;
    assert!(chunk(&mut response).await.unwrap().is_ok());
    drop(response);
    for _ in 0..20 {
        stub.feed(&band(2, "to nobody\n"));
    }
    stub.feed(&band(1, &format!("{REPORT}0000")));
    let event = stub.event().await;
    assert!(event.confirmed);
    assert_eq!(names(&event), ["refs/heads/main"]);
    stub.go_on();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_ends_without_its_report_leaves_it_open() {
    let mut stub = Stub::start();
    let mut response = stub.push("report-status side-band-64k").await;
    assert!(chunk(&mut response).await.unwrap().is_ok());
    stub.feed(&band(1, REPORT));
    assert!(chunk(&mut response).await.unwrap().is_ok());
    stub.fail();
    let event = stub.event().await;
    assert_eq!((names(&event), event.confirmed), (vec!["refs/heads/main".to_owned()], false));
    stub.go_on();
    assert!(chunk(&mut response).await.unwrap().is_err(), "a cut report looks whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_says_that_it_failed_has_moved_nothing() {
    for said in [band(3, "disk full"), "000bERR no\n".to_owned()] {
        let mut stub = Stub::start();
        let mut response = stub.push("report-status side-band-64k").await;
        assert!(chunk(&mut response).await.unwrap().is_ok());
        stub.feed(&said);
        stub.finish();
        assert_eq!(chunk(&mut response).await.unwrap().unwrap(), said.into_bytes());
        assert!(chunk(&mut response).await.is_none());
        let id = announced(&mut stub).await.id;
        assert_eq!(stub.announcement().await, Announcement::NotPushed(id));
        assert!(tokio::time::timeout(A_WHILE, stub.event()).await.is_err());
    }
}
