//! Every bound of this crate, with its unit, its reason and what happens when it is hit.

use std::time::Duration;

/// The limits of one [`Front`](crate::Front).
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests in flight at once, their bodies included. One more is refused with 503 at once:
    /// the slot is held until the body has ended, so waiting for it could take hours.
    pub requests: usize,
    /// Requests that one instance may have at once, their bodies included. One more starts another
    /// instance. A trap breaks all requests of an instance, and each instance has its own caches.
    pub requests_per_instance: usize,
    /// Sets of instances, each of which computes on one thread at a time: the processors that
    /// guests may keep busy at once. A request goes to the one with the fewest.
    pub lanes: usize,
    /// Requests that one instance answers in its life. Then it is replaced, which bounds what a
    /// leak or a fragmented heap can cost.
    pub instance_requests: usize,
    /// How long an instance may be idle before it is disposed of.
    pub instance_idle: Duration,
    /// The linear memory of one instance, in bytes: a push of 15 million objects fits. A guest that
    /// wants more traps; the engine refuses requests before that.
    pub instance_memory: usize,
    /// Linear memory, in bytes, with which an instance takes no more requests and goes when those
    /// that it has have ended: linear memory never shrinks.
    pub instance_grown: usize,
    /// The most bytes of one request's body, of a push for instance, after decompression; none for
    /// no limit. A larger one is refused with 413, or ended if its service has begun.
    pub request_bytes: Option<u64>,
    /// How long a request may make no progress at all: no byte from the client, none from a
    /// service. Then it ends with an error.
    pub stall: Duration,
}

/// Bytes of an instance's memory for its caches and for the front.
const FIXED: usize = 96 << 20;

impl Limits {
    /// What is left of an instance's memory for what grows with requests: the engine refuses those
    /// that would need more.
    pub(crate) fn working_memory(&self) -> usize {
        self.instance_memory.saturating_sub(FIXED).max(self.instance_memory / 4)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: 1024,
            requests_per_instance: 64,
            lanes: std::thread::available_parallelism().map_or(1, usize::from),
            instance_requests: 4096,
            instance_idle: Duration::from_secs(30),
            instance_memory: 1 << 30,
            instance_grown: 128 << 20,
            request_bytes: None,
            stall: Duration::from_secs(300),
        }
    }
}
