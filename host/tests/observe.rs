//! Observers of the library: a closure and a trait are told of what the real git client pushes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]
#![allow(dead_code, unreachable_pub, reason = "not every test uses all of `pushed_to`")]

mod pushed_to;

use std::sync::Arc;
use std::time::{Duration, Instant};

use gitwasi::{BoxFuture, ErrorCode, Observer, Principal, PushEvent};
use pushed_to::Running;
use tokio::sync::{Notify, mpsc};

#[tokio::test(flavor = "multi_thread")]
async fn a_closure_is_told_before_the_pusher_is() {
    let (told, mut events) = mpsc::unbounded_channel();
    let running = Running::start(|builder| {
        builder.observe(move |event| {
            let told = told.clone();
            async move { told.send(event).unwrap() }
        })
    })
    .await;
    running.push("main").await;
    let event = events.try_recv().expect("the push is done, so its event is there");
    assert_eq!(event.repository, "app");
    assert_eq!(event.principal, Some(Principal { name: "alice".to_owned() }));
    assert_eq!(event.address.as_deref(), Some("127.0.0.1"));
    assert!(event.confirmed);
    assert_eq!(event.ref_updates.len(), 1);
    assert_eq!(event.ref_updates[0].name, b"refs/heads/main");
    assert_eq!(event.ref_updates[0].old_oid, "0".repeat(40));
    let second = event.id;
    running.push("main:other").await;
    assert_ne!(events.try_recv().unwrap().id, second);
    running.stop();
}

/// Does not answer until it is told to, and then with an error.
struct Slow {
    begun: mpsc::UnboundedSender<PushEvent>,
    go_on: Arc<Notify>,
    done: mpsc::UnboundedSender<()>,
}

impl Observer for Slow {
    fn pushed(&self, event: PushEvent) -> BoxFuture<'_, Result<(), ErrorCode>> {
        self.begun.send(event).unwrap();
        Box::pin(async move {
            self.go_on.notified().await;
            self.done.send(()).unwrap();
            Err(ErrorCode::Internal("too late".to_owned()))
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_observer_delays_a_push_for_ten_seconds_and_is_not_cut_short() {
    let (begun, mut events) = mpsc::unbounded_channel();
    let (done, mut finished) = mpsc::unbounded_channel();
    let go_on = Arc::new(Notify::new());
    let slow = Slow { begun, go_on: Arc::clone(&go_on), done };
    let running = Running::start(|builder| builder.observer(slow)).await;
    let started = Instant::now();
    running.push("main").await;
    let took = started.elapsed();
    assert!((Duration::from_secs(9)..Duration::from_secs(20)).contains(&took), "{took:?}");
    assert!(events.try_recv().is_ok());
    go_on.notify_one();
    let finished = tokio::time::timeout(Duration::from_secs(10), finished.recv()).await;
    assert_eq!(finished.unwrap(), Some(()));
    // An error does not fail the push either.
    go_on.notify_one();
    running.push("main:other").await;
    running.stop();
}
