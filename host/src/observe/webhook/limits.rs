//! Every bound of a web hook.

use std::time::Duration;

/// Events that wait for delivery. One more is dropped and logged as an error; its push succeeds.
pub(super) const QUEUE_EVENTS: usize = 10_000;

/// Bytes that these events have on disk. While they have more, a further one is dropped likewise.
pub(super) const QUEUE_BYTES: u64 = 1 << 30;

/// Events that were given up and are kept in `failed/`. One more is removed and logged.
pub(super) const FAILED_EVENTS: usize = 1_000;

/// How long an event is tried again. Then it is given up.
pub(super) const MAX_AGE: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// How long the receiver may take from the connection to the head of its response. Then the event
/// is tried again.
pub(super) const RESPONSE_DEADLINE: Duration = Duration::from_secs(30);

/// How long the first repetition waits, about; each further one waits twice as long.
pub(super) const FIRST_DELAY: Duration = Duration::from_secs(1);

/// What the waiting grows to.
pub(super) const MAX_DELAY: Duration = Duration::from_secs(5 * 60);

/// Events on their way at once, each of another repository. Further ones wait: each of these ends
/// within [`RESPONSE_DEADLINE`].
pub(super) const DELIVERIES: usize = 8;
