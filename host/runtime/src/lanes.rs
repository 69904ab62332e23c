//! Lanes: an instance computes on one thread, so there is a set of instances per processor.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmtime_wasi_http::handler::ProxyHandler;

use crate::pool::Pool;

/// The instances of a front, in lanes that share no instance.
#[derive(Clone)]
pub(crate) struct Lanes(Arc<[Lane]>);

struct Lane {
    handler: ProxyHandler<Pool>,
    requests: Arc<AtomicUsize>,
}

/// Counts a request in its lane until its response body has ended.
pub(crate) struct InLane(Arc<AtomicUsize>);

impl Lanes {
    /// A lane for each of these pools, of which there is at least one.
    pub(crate) fn new(pools: impl IntoIterator<Item = Pool>) -> Self {
        let lane = |pool| Lane { handler: ProxyHandler::new(pool), requests: Arc::default() };
        Self(pools.into_iter().map(lane).collect())
    }

    /// Enters the lane with the fewest requests: of several the first, whose instance is warm.
    pub(crate) fn enter(&self) -> (ProxyHandler<Pool>, InLane) {
        let mut least = &self.0[0];
        for lane in self.0.iter() {
            if lane.requests.load(Ordering::Relaxed) < least.requests.load(Ordering::Relaxed) {
                least = lane;
            }
        }
        least.requests.fetch_add(1, Ordering::Relaxed);
        (least.handler.clone(), InLane(Arc::clone(&least.requests)))
    }
}

impl Drop for InLane {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
