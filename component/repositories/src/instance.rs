//! What lives as long as the instance: the storage and the engine over it.

use std::cell::OnceCell;
use std::rc::Rc;

use gitwasi_engine::{Engine, Limits};

use crate::bindings::gitwasi::git::types::ErrorCode;
use crate::bindings::wasi::filesystem::preopens;
use crate::config::Config;
use crate::storage::PreopenStorage;

/// The engine and its configuration.
pub(crate) struct Instance {
    pub(crate) engine: Rc<Engine<PreopenStorage>>,
    pub(crate) config: Config,
    /// The name of the directory that is served: of the repository, if it is one itself.
    pub(crate) name: String,
}

impl Instance {
    /// This instance.
    ///
    /// # Errors
    /// There is not exactly one preopened directory.
    pub(crate) fn current() -> Result<Rc<Self>, ErrorCode> {
        thread_local! {
            static INSTANCE: OnceCell<Rc<Instance>> = const { OnceCell::new() };
        }
        INSTANCE.with(|instance| match instance.get() {
            Some(instance) => Ok(Rc::clone(instance)),
            None => Ok(Rc::clone(instance.get_or_init({
                let made = Rc::new(Self::make()?);
                || made
            }))),
        })
    }

    fn make() -> Result<Self, ErrorCode> {
        let mut directories = preopens::get_directories();
        let (Some((directory, path)), true) = (directories.pop(), directories.is_empty()) else {
            let error = "exactly one directory has to be given: that of the repositories";
            return Err(ErrorCode::Internal(error.to_owned()));
        };
        let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        let storage = PreopenStorage::new(directory, path);
        let engine = Engine::new(storage, Limits::default());
        Ok(Self { engine, config: Config::from_environment(), name })
    }
}
