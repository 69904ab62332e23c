//! What instances are made of.

use std::sync::Arc;

use wasmtime::{Result, Store};
use wasmtime_wasi_http::p3::bindings::{Service, ServicePre};

use crate::body::Life;
use crate::front::EngineOptions;
use crate::limits::Limits;
use crate::state::{Sockets, State};

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

impl Pool {
    pub(crate) async fn instantiate(&self, life: &Arc<Life>) -> Result<(Store<State>, Service)> {
        let mut store = Store::new(&self.engine, State::new(self, life)?);
        store.limiter(|state| &mut state.memory);
        // At every tick of the epoch a guest that computes lets the host look at its deadlines.
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let service = self.front.instantiate_async(&mut store).await?;
        Ok((store, service))
    }
}
