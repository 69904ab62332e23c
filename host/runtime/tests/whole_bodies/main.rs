//! No body ends short and looks whole, whatever happens to the instance that it streams through.
//!
//! The front runs as it is; on the other side of its sockets stands [`stub`], whose bodies are fed
//! by the test.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

mod stub;

use std::time::Duration;

use bytes::Bytes;
use gitwasi_runtime::{Body, BodyError, Limits};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use stub::{Stub, get, pack_body, post};
use tokio::sync::mpsc::Sender;
use tokio::task::JoinHandle;

/// The version that makes the front copy an advertisement, because it has to put a header before.
const COPIED: &str = "/copied/info/refs?service=git-upload-pack";

/// Reads a body to its end: its bytes, and how it ended.
async fn drain(mut body: Body) -> (Vec<u8>, Result<(), BodyError>) {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend(frame.into_data().unwrap_or_default()),
            Err(error) => return (bytes, Err(error)),
        }
    }
    (bytes, Ok(()))
}

/// A push whose head needs more memory than the instance may have: a real trap.
fn trapping_push() -> Request<Body> {
    let line = |i: usize| {
        let line = format!("{:040x} {:040x} refs/heads/{i:0>200}", 0, 1);
        format!("{:04x}{line}", line.len() + 4)
    };
    post("/trap/git-receive-pack", "receive-pack", (0..40_000).map(line).collect::<String>())
}

fn small_memory() -> Limits {
    // One lane, so that the requests share an instance.
    Limits { instance_memory: 6 << 20, lanes: 1, ..Limits::default() }
}

/// Starts a request whose body comes from `feed`, and reads until it has begun.
async fn begun(stub: &Stub, request: Request<Body>) -> Response<Body> {
    let mut response = stub.front.handle(stub.context(), request).await;
    assert_eq!(response.status(), StatusCode::OK);
    let first = response.body_mut().frame().await.unwrap().unwrap();
    assert!(!first.into_data().unwrap().is_empty());
    response
}

/// Starts a push whose body comes from the sender, up to where the service has seen some of it.
async fn begun_push(stub: &Stub) -> (Sender<Result<Bytes, BodyError>>, JoinHandle<Response<Body>>) {
    let (sender, body) = pack_body();
    let push = Request::post("/pushed/git-receive-pack")
        .header("content-type", "application/x-git-receive-pack-request")
        .body(body)
        .unwrap();
    let (front, context) = (stub.front.clone(), stub.context());
    let pushing = tokio::spawn(async move { front.handle(context, push).await });
    sender.send(Ok(stub::push_head().into())).await.unwrap();
    stub.request_begun().await;
    (sender, pushing)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_breaks_the_bodies_that_the_instance_copies() {
    let stub = Stub::start(small_memory());
    let streaming = begun(&stub, get(COPIED)).await;
    let trapped = stub.front.handle(stub.context(), trapping_push()).await;
    assert_eq!(trapped.status(), StatusCode::INTERNAL_SERVER_ERROR);
    // The service itself ends well; nobody is left to pass it on.
    stub.feed("rest of it");
    stub.finish();
    let (_, ended) = drain(streaming.into_body()).await;
    assert!(ended.is_err(), "a cut body looks whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_does_not_touch_the_bodies_that_the_host_took_back() {
    let stub = Stub::start(small_memory());
    let streaming = begun(&stub, post("/spliced/git-upload-pack", "upload-pack", "0000")).await;
    let trapped = stub.front.handle(stub.context(), trapping_push()).await;
    assert_eq!(trapped.status(), StatusCode::INTERNAL_SERVER_ERROR);
    stub.feed("rest of it");
    stub.finish();
    let (bytes, ended) = drain(streaming.into_body()).await;
    assert!(bytes.ends_with(b"rest of it"));
    assert!(ended.is_ok(), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_cuts_the_request_of_a_push_and_the_service_learns_it() {
    let stub = Stub::start(small_memory());
    let (sender, pushing) = begun_push(&stub).await;
    let trapped = stub.front.handle(stub.context(), trapping_push()).await;
    assert_eq!(trapped.status(), StatusCode::INTERNAL_SERVER_ERROR);
    drop(sender);
    assert!(stub.request_ended().await.is_err(), "a cut request looks whole to the service");
    stub.finish();
    assert_eq!(pushing.await.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_instance_stays_while_a_slow_body_streams() {
    let limits = Limits { instance_idle: Duration::from_millis(50), ..Limits::default() };
    let stub = Stub::start(limits);
    let streaming = begun(&stub, get(COPIED)).await;
    // Several times over, its instance is idle for longer than it may be.
    tokio::time::sleep(Duration::from_secs(2)).await;
    stub.feed("rest of it");
    stub.finish();
    let (bytes, ended) = drain(streaming.into_body()).await;
    assert!(bytes.ends_with(b"rest of it"));
    assert!(ended.is_ok(), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exhausted_instance_stays_while_a_slow_body_streams() {
    let stub = Stub::start(Limits { instance_requests: 1, ..Limits::default() });
    let streaming = begun(&stub, get(COPIED)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    // The next request is served, by another instance.
    let other = stub.front.handle(stub.context(), get("/nothing")).await;
    assert_eq!(other.status(), StatusCode::IM_A_TEAPOT);
    stub.feed("rest of it");
    stub.finish();
    let (bytes, ended) = drain(streaming.into_body()).await;
    assert!(bytes.ends_with(b"rest of it"));
    assert!(ended.is_ok(), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_fails_in_the_middle_breaks_the_body() {
    for request in [get(COPIED), post("/spliced/git-upload-pack", "upload-pack", "0000")] {
        let stub = Stub::start(Limits::default());
        let streaming = begun(&stub, request).await;
        stub.fail();
        let (_, ended) = drain(streaming.into_body()).await;
        assert!(ended.is_err(), "a cut body looks whole");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_cut_is_cut_for_the_service_too() {
    let stub = Stub::start(Limits::default());
    let (sender, pushing) = begun_push(&stub).await;
    sender.send(Err(BodyError::Incomplete)).await.unwrap();
    assert!(stub.request_ended().await.is_err());
    drop(stub);
    drop(pushing);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_progress_ends_with_an_error() {
    let stub = Stub::start(Limits { stall: Duration::from_millis(300), ..Limits::default() });
    let response = stub.front.handle(stub.context(), get("/hang/HEAD")).await;
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_too_many_is_refused_at_once() {
    let stub = Stub::start(Limits { requests: 1, ..Limits::default() });
    let streaming = begun(&stub, get(COPIED)).await;
    let refused = stub.front.handle(stub.context(), get(COPIED)).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    stub.finish();
    drain(streaming.into_body()).await.1.unwrap();
    let served = stub.front.handle(stub.context(), get("/nothing")).await;
    assert_eq!(served.status(), StatusCode::IM_A_TEAPOT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_given_up_cancels_its_service() {
    let stub = Stub::start(Limits::default());
    let context = stub.context();
    let cancelled = context.cancelled.clone();
    let front = stub.front.clone();
    let hanging = tokio::spawn(async move { front.handle(context, get("/hang/HEAD")).await });
    stub.open_begun().await;
    hanging.abort();
    tokio::time::timeout(Duration::from_secs(5), cancelled.cancelled()).await.unwrap();
}
