//! Lanes: an instance computes on one thread, so there is a set of instances per processor.
//!
//! Each lane has a thread of its own, which all fronts of the process share. A guest that waits
//! for the host wakes its own task again and again; on a runtime of several workers each of these
//! wakes another worker too, which costs more than most of what the guest asks for.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;

use tokio::runtime::{Builder, Handle};
use wasmtime_wasi_http::handler::{self, ProxyHandler};

use crate::pool::{Admission, Pool};

/// The instances of a front, in lanes that share no instance.
#[derive(Clone)]
pub(crate) struct Lanes(Arc<[Lane]>);

struct Lane {
    handler: ProxyHandler<Pool>,
    thread: Handle,
    requests: Arc<AtomicUsize>,
}

/// Counts a request in its lane until its response body has ended.
pub(crate) struct InLane(Arc<AtomicUsize>);

impl Lanes {
    /// A lane for each of these pools, of which there is at least one.
    ///
    /// Must be called within a tokio runtime, which serves where no thread can be had.
    pub(crate) fn new(pools: impl IntoIterator<Item = Pool>) -> Self {
        let lane = |(number, pool)| Lane {
            handler: ProxyHandler::new(pool),
            thread: thread_of(number),
            requests: Arc::default(),
        };
        Self(pools.into_iter().enumerate().map(lane).collect())
    }

    /// Enters the lane with the fewest requests: of several the first, whose instance is warm.
    pub(crate) fn enter(&self) -> (OnLane, InLane) {
        let mut least = &self.0[0];
        for lane in self.0.iter() {
            if lane.requests.load(Ordering::Relaxed) < least.requests.load(Ordering::Relaxed) {
                least = lane;
            }
        }
        least.requests.fetch_add(1, Ordering::Relaxed);
        let on_lane = OnLane { handler: least.handler.clone(), thread: least.thread.clone() };
        (on_lane, InLane(Arc::clone(&least.requests)))
    }
}

/// A lane's instances.
pub(crate) struct OnLane {
    handler: ProxyHandler<Pool>,
    thread: Handle,
}

impl OnLane {
    /// Answers a request. What that starts runs on the lane's thread.
    pub(crate) async fn handle(
        &self,
        admission: Admission,
        request: handler::Request,
    ) -> wasmtime::Result<handler::Response> {
        let mut answered = pin!(self.handler.handle(admission, request));
        poll_fn(|context| {
            let _entered = self.thread.enter();
            answered.as_mut().poll(context)
        })
        .await
    }
}

/// The thread of a lane.
fn thread_of(number: usize) -> Handle {
    static THREADS: LazyLock<Vec<Handle>> = LazyLock::new(|| {
        let count = thread::available_parallelism().map_or(1, usize::from);
        (0..count).filter_map(|number| start(number).ok()).collect()
    });
    match THREADS.len() {
        0 => Handle::current(),
        count => THREADS[number % count].clone(),
    }
}

fn start(number: usize) -> std::io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name(format!("gitwasi-lane-{number}"))
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(handle)
}

impl Drop for InLane {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
