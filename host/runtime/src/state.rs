//! What a store holds: one instance's resources, and what the host lends it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::component::{GuestTaskId, ResourceTable};
use wasmtime::{ResourceLimiter, Result, StoreContextMut, format_err};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    Error as WasiHttpError, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

use crate::body::{Activity, Life};
use crate::contract::{Authorizer, Fallback, Observer, Repositories, RequestContext};
use crate::flush::Flushes;
use crate::front::EngineOptions;
use crate::guest_log::GuestLog;
use crate::pool::Pool;

/// The sockets of the front.
#[derive(Clone)]
pub(crate) struct Sockets {
    pub(crate) repositories: Arc<dyn Repositories>,
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) fallback: Arc<dyn Fallback>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

/// A request that an instance is working on.
#[derive(Debug, Clone)]
pub(crate) struct InFlight {
    pub(crate) context: Arc<RequestContext>,
    pub(crate) activity: Arc<Activity>,
}

/// The data of a store.
pub(crate) struct State {
    pub(crate) sockets: Sockets,
    pub(crate) requests: Requests,
    pub(crate) memory: Memory,
    pub(crate) flushes: Flushes,
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: NoOutgoing,
}

impl State {
    pub(crate) fn new(pool: &Pool, life: &Arc<Life>) -> Result<Self> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.envs(&pool.environment).stderr(GuestLog);
        if let Some(EngineOptions { root, read_only, .. }) = &pool.files {
            // On threads of their own, file reads take ten times as long. The guest calls a
            // directory as the host does, so that it understands absolute alternates.
            wasi.allow_blocking_current_thread(true);
            let name = root.to_str().ok_or_else(|| format_err!("the root's path is no UTF-8"))?;
            let permissions = if *read_only { FsPerms::ReadOnly } else { FsPerms::ReadWrite };
            wasi.preopened_dir(root, name, permissions)?;
        }
        Ok(Self {
            sockets: pool.sockets.clone(),
            requests: Requests::default(),
            memory: Memory { life: Arc::clone(life), limit: pool.limits.instance_memory },
            flushes: Flushes::default(),
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            hooks: NoOutgoing,
        })
    }

    /// The request on whose behalf the guest is calling.
    pub(crate) fn current(mut store: StoreContextMut<'_, Self>) -> Result<InFlight> {
        let requests = store.data().requests.clone();
        // The oldest task of the call stack is the one that the request started.
        let task = store.async_call_stack()?.last();
        task.and_then(|task| requests.find(task))
            .ok_or_else(|| format_err!("the guest calls on behalf of no request"))
    }
}

/// The requests of one instance, by the task that works on each.
#[derive(Clone, Default)]
pub(crate) struct Requests(Arc<Mutex<HashMap<GuestTaskId, InFlight>>>);

impl Requests {
    pub(crate) fn begin(&self, task: GuestTaskId, request: InFlight) {
        self.lock().insert(task, request);
    }

    pub(crate) fn end(&self, task: GuestTaskId) {
        self.lock().remove(&task);
    }

    fn find(&self, task: GuestTaskId) -> Option<InFlight> {
        self.lock().get(&task).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<GuestTaskId, InFlight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bounds the linear memory of an instance, all of its components together.
pub(crate) struct Memory {
    life: Arc<Life>,
    limit: usize,
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(self.life.grow(desired.saturating_sub(current), self.limit))
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool> {
        Ok(true)
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}

/// The front has no network: its only way out is the fallback.
struct NoOutgoing;

type Sending<T> = Box<dyn Future<Output = Result<T, WasiHttpError>> + Send>;

impl WasiHttpHooks for NoOutgoing {
    fn send_request(
        &mut self,
        _request: http::Request<WasiBody>,
        _options: Option<RequestOptions>,
        _processed: Sending<()>,
    ) -> Sending<(http::Response<WasiBody>, Sending<()>)> {
        Box::new(async { Err(WasiHttpError::HttpRequestDenied) })
    }
}
