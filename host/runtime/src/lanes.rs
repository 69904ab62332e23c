//! Lanes: an instance computes on one thread, so there is a set of instances per processor.
//!
//! Each lane has a thread of its own, which all fronts of the process share. A guest that waits
//! for the host wakes its own task again and again; on a runtime of several workers each of these
//! wakes another worker too, which costs more than most of what the guest asks for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread;

use tokio::runtime::{Builder, Handle};

use crate::instance::{Instance, Job};
use crate::limits::Limits;
use crate::pool::Pool;

/// The instances of a front, in lanes that share no instance.
#[derive(Clone)]
pub(crate) struct Lanes(Arc<[Arc<Lane>]>);

struct Lane {
    pool: Pool,
    thread: Handle,
    /// Those that have not ended, the oldest first.
    instances: Mutex<Vec<Instance>>,
    requests: AtomicUsize,
}

/// Counts a request in its lane until its response body has ended.
pub(crate) struct InLane(Arc<Lane>);

impl Lanes {
    /// Lanes for instances of this pool, at least one.
    ///
    /// Must be called within a tokio runtime, which serves where no thread can be had.
    pub(crate) fn new(pool: &Pool) -> Self {
        let lane = |number| {
            Arc::new(Lane {
                pool: pool.clone(),
                thread: thread_of(number),
                instances: Mutex::default(),
                requests: AtomicUsize::new(0),
            })
        };
        Self((0..pool.limits.lanes.max(1)).map(lane).collect())
    }

    /// Gives a request to the lane with the fewest: of several the first, whose instance is warm.
    pub(crate) fn give(&self, job: Job) -> InLane {
        let mut least = &self.0[0];
        for lane in self.0.iter() {
            if lane.requests.load(Ordering::Relaxed) < least.requests.load(Ordering::Relaxed) {
                least = lane;
            }
        }
        least.requests.fetch_add(1, Ordering::Relaxed);
        least.give(job);
        InLane(Arc::clone(least))
    }
}

/// Instances that one lane may have: enough for every request in flight, and some that end.
pub(crate) fn instances(limits: &Limits) -> usize {
    limits.requests.div_ceil(limits.requests_per_instance * limits.lanes.max(1)) + 4
}

impl Lane {
    /// Gives a request to the oldest instance that has room. If none has, to a new one: on the same
    /// thread that is no faster, so an instance that computes has room, too.
    fn give(self: &Arc<Self>, mut job: Job) {
        let limits = &self.pool.limits;
        let mut instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            instances.retain(|instance| !instance.has_ended());
            let mut chosen = instances.iter().position(|instance| instance.has_room(limits));
            if chosen.is_none() && instances.len() >= self::instances(limits) {
                let fullness = |(_, instance): &(usize, &Instance)| instance.requests();
                chosen = instances.iter().enumerate().min_by_key(fullness).map(|(at, _)| at);
            }
            let chosen = chosen.unwrap_or_else(|| {
                instances.push(self.start());
                instances.len() - 1
            });
            match instances[chosen].give(job) {
                None => return,
                // It has ended just now.
                Some(given_back) => job = given_back,
            }
        }
    }

    fn start(self: &Arc<Self>) -> Instance {
        let lane = Arc::downgrade(self);
        Instance::start(self.pool.clone(), &self.thread, move |left| {
            if let Some(lane) = lane.upgrade() {
                lane.give(left);
            }
        })
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
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}
