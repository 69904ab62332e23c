//! One wasm instance: the task that runs it, and what others see of it.
//!
//! An instance is reused for requests of one [`Front`](crate::Front) and for nobody else's. It
//! goes away when it trapped, when a request of its ran out of time, when it was idle for long,
//! when it has grown, or when it has answered enough; in the last three cases never before every
//! body that streams through it has ended.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use http_body_util::BodyExt;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep};
use wasmtime::component::{Accessor, Func};
use wasmtime::{AsContextMut, Error, Result, Store, format_err};
use wasmtime_wasi_http::p3::Request;
use wasmtime_wasi_http::p3::bindings::Service;
use wasmtime_wasi_http::{WasiBody, WasiHttpView};

use crate::begun::begun;
use crate::body::{Activity, Life, OpenBody};
use crate::limits::Limits;
use crate::pool::Pool;
use crate::state::{InFlight, State};

/// How often an instance is looked at whether it may go.
const LOOK: Duration = Duration::from_millis(500);

/// Turns that a guest gets to write what it has of a response before that leaves: what a list of a
/// few refs takes, when seven other requests have theirs.
const TURNS: usize = 32;

/// A request on its way into an instance.
pub(crate) struct Job {
    pub(crate) request: http::Request<WasiBody>,
    pub(crate) in_flight: InFlight,
    /// Where its response goes. Dropped if the instance traps.
    pub(crate) answer: oneshot::Sender<Answer>,
}

impl Job {
    fn fail(self, failure: Failure) {
        // Nobody may be left to hear it.
        let _ = self.answer.send(Err(failure));
    }
}

/// The response, with what keeps the instance for a body that is not whole yet.
pub(crate) type Answer = Result<(http::Response<WasiBody>, Option<OpenBody>), Failure>;

/// Why there is no response.
pub(crate) enum Failure {
    /// The request made no progress for too long.
    Stalled,
    /// There can be no more instances.
    NoInstance(Arc<Error>),
    /// The guest answered with an error, or what it answered is no response.
    Guest(Error),
}

type Jobs = mpsc::UnboundedReceiver<(Job, OpenBody)>;

/// An instance, as those see it who give it requests.
pub(crate) struct Instance {
    jobs: mpsc::UnboundedSender<(Job, OpenBody)>,
    life: Arc<Life>,
    /// Requests it was given so far.
    given: usize,
}

impl Instance {
    /// Makes an instance on `thread`. Jobs that it has not begun when it ends are for `left`.
    pub(crate) fn start(
        pool: Pool,
        thread: &Handle,
        left: impl Fn(Job) + Send + Sync + 'static,
    ) -> Self {
        let (sender, mut jobs) = mpsc::unbounded_channel();
        let life = Life::new();
        let instance = Self { jobs: sender, life: Arc::clone(&life), given: 0 };
        thread.spawn(async move {
            let failed = match pool.instantiate(&life).await {
                Ok((store, service)) => {
                    if let Err(error) = run(store, &service, &mut jobs, &life, &pool.limits).await {
                        tracing::error!(error = format!("{error:#}"), "an instance ended");
                    }
                    None
                }
                Err(error) => Some(Arc::new(error)),
            };
            jobs.close();
            while let Ok((job, _)) = jobs.try_recv() {
                match &failed {
                    Some(error) => job.fail(Failure::NoInstance(Arc::clone(error))),
                    None => left(job),
                }
            }
        });
        instance
    }

    /// Gives it a request. Gives that back if the instance has ended.
    pub(crate) fn give(&mut self, job: Job) -> Option<Job> {
        let open = self.life.open_body();
        self.life.asked();
        self.given += 1;
        self.jobs.send((job, open)).err().map(|refused| refused.0.0)
    }

    /// Whether it takes one more request, rather than leaving it to another one.
    pub(crate) fn has_room(&self, limits: &Limits) -> bool {
        if self.given >= limits.instance_requests || self.life.memory() > limits.instance_grown {
            self.life.retire();
        }
        !self.life.is_retiring() && self.life.open_bodies() < limits.requests_per_instance
    }

    /// Requests that it has, their bodies included.
    pub(crate) fn requests(&self) -> usize {
        self.life.open_bodies()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.jobs.is_closed()
    }
}

/// What an instance is doing.
struct Doing {
    /// Whether the guest has nothing to do at all.
    idle: AtomicBool,
    /// When it last had.
    busy: Arc<Activity>,
}

/// Runs an instance to its end. The error says why it had to end, if it had to.
async fn run(
    store: Store<State>,
    service: &Service,
    jobs: &mut Jobs,
    life: &Arc<Life>,
    limits: &Limits,
) -> Result<()> {
    let mut ending = EndsFirst { life, store };
    let doing = Doing { idle: AtomicBool::new(true), busy: Activity::new() };
    let work = async |accessor: &Accessor<State>| {
        let function = *service.wasi_http_handler().func_handle().func();
        let mut answers = FuturesUnordered::new();
        poll_fn(|cx| {
            life.activity.touch();
            loop {
                while let Poll::Ready(Some(answered)) = answers.poll_next_unpin(cx) {
                    answered?;
                }
                let Poll::Ready((job, open)) = poll_job(accessor, function, jobs, life, cx) else {
                    break;
                };
                answers.push(answer(accessor, service, job, open, life, limits.stall));
            }
            let idle = accessor.poll_no_interesting_tasks(cx).is_ready() && answers.is_empty();
            doing.idle.store(idle, Ordering::Relaxed);
            if !idle || life.open_bodies() > 0 {
                doing.busy.touch();
            }
            Poll::<Result<()>>::Pending
        })
        .await
    };
    let running = pin!(ending.store.run_concurrent(work));
    // Looked at from outside: inside nothing else is polled while a guest computes without end.
    let going = pin!(until_it_may_go(&doing, life, limits));
    match select(running, going).await {
        Either::Left((ended, _)) => ended?,
        Either::Right((went, _)) => went,
    }
}

/// The next request, as soon as the guest takes one.
fn poll_job(
    accessor: &Accessor<State>,
    function: Func,
    jobs: &mut Jobs,
    life: &Life,
    cx: &mut Context<'_>,
) -> Poll<(Job, OpenBody)> {
    ready!(accessor.poll_ready_for_concurrent_call(function, cx));
    if let Some(job) = ready!(jobs.poll_recv(cx)) {
        return Poll::Ready(job);
    }
    // The front is gone: nobody can have another one.
    life.retire();
    Poll::Pending
}

/// Whether a request's body has arrived whole.
type Sent = Pin<Box<dyn Future<Output = Result<(), wasmtime_wasi_http::Error>> + Send>>;

/// Has the guest answer a request, and sends what it answers. An error ends the instance.
async fn answer(
    accessor: &Accessor<State>,
    service: &Service,
    job: Job,
    open: OpenBody,
    life: &Life,
    stall: Duration,
) -> Result<()> {
    let Job { request, in_flight, answer } = job;
    let activity = Arc::clone(&in_flight.activity);
    let handler = service.wasi_http_handler();
    let (call, sent) = accessor.with(|mut store| {
        let view = store.get().http();
        let (request, sent) = Request::from_http(view.hooks, request);
        let sent: Sent = Box::pin(sent);
        let request = view.table.push(request)?;
        let mut store = store.as_context_mut();
        let call = handler.func_handle().start_call_concurrent(&mut store, (request,))?;
        store.data().requests.begin(call.task(), in_flight);
        wasmtime::error::Ok((call, sent))
    })?;
    let task = call.task();
    let responded = pin!(async {
        let (response,) = handler.func_handle().finish_call_concurrent(accessor, call).await?;
        accessor.with(|mut store| {
            let response = store.get().http().table.delete(response?)?;
            response.into_http(store, sent)
        })
    });
    let response = match select(responded, pin!(no_progress(&activity, stall))).await {
        Either::Left((response, _)) => {
            accessor.with(|mut store| store.get().requests.end(task));
            match response {
                Ok(response) => {
                    let (head, body) = response.into_parts();
                    let body = begun(body, TURNS).await;
                    let open = if body.is_whole() { None } else { Some(open) };
                    Ok((http::Response::from_parts(head, body.boxed_unsync()), open))
                }
                Err(error) => Err(Failure::Guest(error)),
            }
        }
        // The guest may still call on its behalf.
        Either::Right(_) => {
            life.retire();
            Err(Failure::Stalled)
        }
    };
    life.answered();
    // Nobody may be left to hear it.
    let _ = answer.send(response);
    Ok(())
}

/// Ends when a request has made no progress for `stall`.
async fn no_progress(activity: &Activity, stall: Duration) {
    loop {
        let left = stall.saturating_sub(activity.idle());
        if left.is_zero() {
            return;
        }
        sleep(left).await;
    }
}

/// Ends when an instance may go, or, with an error, has to.
async fn until_it_may_go(doing: &Doing, life: &Life, limits: &Limits) -> Result<()> {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        if life.unanswered() == 0 && life.open_bodies() > 0 {
            continue;
        }
        if life.unanswered() > 0 || !doing.idle.load(Ordering::Relaxed) {
            // A guest that computes without end: not even `no_progress` is polled.
            if life.activity.idle() > limits.stall * 2 {
                return Err(format_err!("the guest made no progress"));
            }
        } else if life.is_retiring() || doing.busy.idle() > limits.instance_idle {
            return Ok(());
        }
    }
}

/// A store whose bodies learn that it is gone before their streams are closed.
struct EndsFirst<'a> {
    life: &'a Life,
    store: Store<State>,
}

impl Drop for EndsFirst<'_> {
    fn drop(&mut self) {
        self.life.end();
    }
}
