//! Interrupts guests that compute, so that their threads get to look at other requests.
//!
//! A thread of its own advances the engine's epoch: it is on time when all others are busy, and
//! nearly sleeps when there is nothing to do.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmtime::Engine;

/// How often a guest that computes is interrupted.
const EPOCH: Duration = Duration::from_millis(10);

/// Ticks without a request after which the thread sleeps: it costs more to wake it for each of many
/// short requests.
const LINGER: u32 = 100;

/// How long it sleeps at most: a guest may go on after its request has ended, on a thread that other
/// fronts use, too.
const SLEEP: Duration = Duration::from_millis(100);

const AWAKE: u8 = 0;
const ASLEEP: u8 = 1;
const ENDED: u8 = 2;

/// Advances an engine's epoch as long as it lives.
pub(crate) struct Ticker {
    state: Arc<AtomicU8>,
    thread: Thread,
}

impl Ticker {
    /// Starts the thread. Requests hold permits of `slots`, which has `all` of them when there are
    /// none.
    pub(crate) fn start(engine: Engine, slots: Arc<Semaphore>, all: usize) -> io::Result<Self> {
        let state = Arc::new(AtomicU8::new(AWAKE));
        let shared = Arc::clone(&state);
        let thread = thread::Builder::new()
            .name("gitwasi-ticker".to_owned())
            .spawn(move || run(&engine, &slots, all, &shared))?;
        Ok(Self { state, thread: thread.thread().clone() })
    }

    /// Wakes the thread for a request that holds its permit by now.
    pub(crate) fn wake(&self) {
        if self.state.load(Ordering::SeqCst) == ASLEEP
            && self.state.swap(AWAKE, Ordering::SeqCst) == ASLEEP
        {
            self.thread.unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.state.store(ENDED, Ordering::SeqCst);
        self.thread.unpark();
    }
}

fn run(engine: &Engine, slots: &Semaphore, all: usize, state: &AtomicU8) {
    let is_idle = || slots.available_permits() == all;
    let mut idle = 0;
    loop {
        idle = if is_idle() { idle + 1 } else { 0 };
        let mut pause = EPOCH;
        if idle >= LINGER && change(state, AWAKE, ASLEEP) {
            // A request that came between the two has not seen us asleep.
            pause = if is_idle() { SLEEP } else { Duration::ZERO };
        }
        thread::park_timeout(pause);
        if !change(state, ASLEEP, AWAKE) && idle >= LINGER {
            // Woken by a request.
            idle = 0;
        }
        if state.load(Ordering::SeqCst) == ENDED {
            return;
        }
        engine.increment_epoch();
    }
}

fn change(state: &AtomicU8, from: u8, to: u8) -> bool {
    state.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst).is_ok()
}
