//! What lives as long as the instance: the storage and the engine over it.

use std::cell::OnceCell;
use std::rc::Rc;

use gitwasi_engine::init::{InitOptions, init_bare};
use gitwasi_engine::{Engine, Repository};

use crate::bindings::gitwasi::git::types::{Access, ErrorCode};
use crate::bindings::wasi::filesystem::preopens;
use crate::config::Config;
use crate::convert::error_code;
use crate::storage::PreopenStorage;

/// The engine and its configuration.
pub(crate) struct Instance {
    engine: Rc<Engine<PreopenStorage>>,
    pub(crate) config: Config,
    /// The name of the directory that is served.
    name: String,
    /// Whether that directory is itself a repository: then it serves itself and nothing else.
    single: OnceCell<bool>,
}

impl Instance {
    /// This instance.
    ///
    /// # Errors
    /// No directory was given, or several and none of them is the root.
    pub(crate) fn current() -> Result<Rc<Self>, ErrorCode> {
        thread_local! {
            static INSTANCE: OnceCell<Rc<Instance>> = const { OnceCell::new() };
        }
        INSTANCE.with(|instance| {
            if let Some(instance) = instance.get() {
                return Ok(Rc::clone(instance));
            }
            let made = Rc::new(Self::make()?);
            Ok(Rc::clone(instance.get_or_init(|| made)))
        })
    }

    fn make() -> Result<Self, ErrorCode> {
        let config = Config::from_environment();
        let mut directories = preopens::get_directories();
        if let Some(root) = &config.root {
            directories.retain(|(_, path)| path == root);
        }
        let (Some((directory, path)), true) = (directories.pop(), directories.is_empty()) else {
            let error = "one directory of repositories has to be given, or GITWASI_ROOT names it";
            return Err(ErrorCode::Internal(error.to_owned()));
        };
        let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let name = name.strip_suffix(".git").unwrap_or(name).to_owned();
        let engine = Engine::new(PreopenStorage::new(directory, path), config.limits());
        Ok(Self { engine, config, name, single: OnceCell::new() })
    }

    /// Opens a repository by its name.
    pub(crate) async fn open(
        &self,
        name: &str,
        access: Access,
    ) -> Result<Repository<PreopenStorage>, ErrorCode> {
        if access == Access::Write && self.config.read_only {
            return Err(ErrorCode::Unsupported("the engine was told to read only".to_owned()));
        }
        let path = match self.serves_itself().await? {
            false => name,
            true => {
                let asked = name.strip_suffix("/.git").unwrap_or(name);
                let asked = asked.strip_suffix(".git").unwrap_or(asked);
                (asked == self.name).then_some(".").ok_or(ErrorCode::NotFound)?
            }
        };
        let repository = self.engine.open(path).await.map_err(error_code)?;
        if self.config.require_export_ok && !repository.is_export_ok().await.map_err(error_code)? {
            return Err(ErrorCode::NotFound);
        }
        Ok(repository)
    }

    /// Makes a repository, unless it is there, and opens it.
    pub(crate) async fn create(&self, name: &str) -> Result<Repository<PreopenStorage>, ErrorCode> {
        if self.config.read_only {
            return Err(ErrorCode::Unsupported("the engine was told to read only".to_owned()));
        }
        // A repository of which it is asked whether it is to be served is made by whoever says so.
        if self.config.require_export_ok || self.serves_itself().await? {
            return Err(ErrorCode::NotFound);
        }
        let path = format!("{}.git", name.strip_suffix(".git").unwrap_or(name));
        if !self.engine.is_free(&path).await.map_err(error_code)? {
            return Err(ErrorCode::NotFound);
        }
        init_bare(&self.engine, &path, &InitOptions::default()).await.map_err(error_code)?;
        self.open(name, Access::Write).await
    }

    async fn serves_itself(&self) -> Result<bool, ErrorCode> {
        if let Some(single) = self.single.get() {
            return Ok(*single);
        }
        let single = match self.engine.open(".").await.map_err(error_code) {
            Ok(_) => true,
            Err(ErrorCode::NotFound) => false,
            // A repository that cannot be read is one nevertheless.
            Err(_) => true,
        };
        Ok(*self.single.get_or_init(|| single))
    }
}
