//! Instances: how many, how long, for whom.
//!
//! An instance is reused for requests of one [`Front`](crate::Front) and for nobody else's. It
//! goes away when it trapped, when a request of its ran out of time, when it was idle for long, or
//! when it has answered enough; in the last two cases never before every body that streams through
//! it has ended.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::time::{Interval, MissedTickBehavior, interval};
use wasmtime::component::GuestTaskId;
use wasmtime::{Result, Store, StoreContextMut};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::p3::bindings::ServicePre;

use crate::body::{Life, OpenBody};
use crate::front::EngineOptions;
use crate::limits::Limits;
use crate::state::{InFlight, Sockets, State};

/// How often an instance is looked at whether it may go.
const LOOK: Duration = Duration::from_millis(500);

/// What is needed to make instances.
#[derive(Clone)]
pub(crate) struct Pool {
    pub(crate) engine: wasmtime::Engine,
    pub(crate) front: ServicePre<State>,
    pub(crate) sockets: Sockets,
    pub(crate) environment: Vec<(String, String)>,
    /// What the engine is given.
    pub(crate) files: Option<EngineOptions>,
    pub(crate) limits: Arc<Limits>,
}

/// Goes with a request into its instance, and learns which one that is.
pub(crate) struct Admission {
    pub(crate) request: InFlight,
    pub(crate) instance: tokio::sync::oneshot::Sender<OpenBody>,
}

impl HandlerState for Pool {
    type StoreData = State;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> Result<Instance<State, Expiration, Worker>> {
        let state = State::new(self)?;
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.limits);
        // At every tick of the epoch a guest that computes lets the host look at its deadlines.
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let proxy = Proxy::P3(self.front.instantiate_async(&mut store).await?);
        let life = Life::new();
        let exhausted = Arc::new(AtomicBool::new(false));
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Instance {
            store,
            proxy,
            view: State::http,
            expiration: Expiration {
                look,
                life: Arc::clone(&life),
                exhausted: Arc::clone(&exhausted),
                limits: Arc::clone(&self.limits),
            },
            state: Worker { life, exhausted, limits: Arc::clone(&self.limits) },
        })
    }
}

/// Decides when an instance goes.
pub(crate) struct Expiration {
    look: Interval,
    life: Arc<Life>,
    exhausted: Arc<AtomicBool>,
    limits: Arc<Limits>,
}

impl WorkerExpiration for Expiration {
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        status: WorkerStatus,
        since: Instant,
    ) -> Poll<()> {
        loop {
            ready!(self.look.poll_tick(cx));
            let streaming = self.life.open_bodies() > 0;
            let go = match status {
                WorkerStatus::Idle if streaming => false,
                WorkerStatus::Idle => {
                    self.exhausted.load(Ordering::Relaxed)
                        || since.elapsed() > self.limits.instance_idle
                }
                // A guest that yields nothing but time: its requests' own deadlines
                // (`Worker::on_request_start`) may not have been polled at all.
                WorkerStatus::Requests => self.life.activity.idle() > self.limits.stall * 2,
                WorkerStatus::PostReturn => {
                    !streaming && self.life.activity.idle() > self.limits.stall * 2
                }
            };
            if go {
                return Poll::Ready(());
            }
        }
    }
}

/// The requests of one instance.
pub(crate) struct Worker {
    life: Arc<Life>,
    exhausted: Arc<AtomicBool>,
    limits: Arc<Limits>,
}

impl WorkerState for Worker {
    type StoreData = State;
    type RequestData = Admission;

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= self.limits.instance_requests {
            // Not `Never`: that would dispose of the instance while bodies stream through it.
            self.exhausted.store(true, Ordering::Relaxed);
            return ShouldAccept::No;
        }
        match concurrent < self.limits.requests_per_instance {
            true => ShouldAccept::Yes,
            false => ShouldAccept::No,
        }
    }

    fn on_request_start(
        &self,
        store: StoreContextMut<'_, State>,
        admission: Admission,
        task: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        let Admission { request, instance } = admission;
        let _ = instance.send(self.life.open_body());
        self.life.activity.touch();
        let activity = Arc::clone(&request.activity);
        let guard = store.data().requests.begin(task, request);
        let stall = self.limits.stall;
        let life = Arc::clone(&self.life);
        Box::pin(async move {
            let _guard = guard;
            while let Some(left) = stall.checked_sub(activity.idle()) {
                if left.is_zero() {
                    break;
                }
                tokio::time::sleep(left).await;
                life.activity.touch();
            }
        })
    }

    fn drop(&self, store: Store<State>, result: Result<(), wasmtime::Error>) {
        self.life.end();
        drop(store);
        // Its task was dropped, with the runtime: the handler reports that as a panic, too.
        let dropped = |error: &wasmtime::Error| {
            error.to_string() == "worker panicked" && !std::thread::panicking()
        };
        if let Err(error) = result
            && !dropped(&error)
        {
            tracing::error!(error = format!("{error:#}"), "an instance of the front ended");
        }
    }
}
