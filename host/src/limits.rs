//! Every bound of the service in one place.

use std::time::Duration;

/// The limits of one [`GitService`](crate::GitService).
#[derive(Debug, Clone)]
pub struct Limits {
    /// Of requests and of the wasm instances that answer them.
    pub front: gitwasi_runtime::Limits,
    /// Of one git process.
    pub process: gitwasi_sandbox::ProcessLimits,
    /// Git processes at once. Each request needs one at most, so one more may wait for it
    /// ([`process_wait`](Self::process_wait)) without holding up the one that it waits for.
    pub processes: usize,
    /// How long a request waits for a git process before it is refused with 503.
    pub process_wait: Duration,
    /// Password hashings at once, each of which takes a processor and 19 MiB. One more waits: it
    /// holds nothing that another waits for.
    pub hashings: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            front: gitwasi_runtime::Limits::default(),
            process: gitwasi_sandbox::ProcessLimits::default(),
            processes: 256,
            process_wait: Duration::from_secs(30),
            hashings: 2,
        }
    }
}
