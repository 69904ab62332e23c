//! `open`: by the engine if it can serve the repository, else by the next in line.

use std::rc::Rc;

use crate::Component;
use crate::bindings::exports::gitwasi::git::repositories::{Guest, Repository};
use crate::bindings::gitwasi::git::repositories as next;
use crate::bindings::gitwasi::git::types::{Access, ErrorCode};
use crate::convert::error_code;
use crate::file::OpenFile;
use crate::instance::Instance;
use crate::repository::{Own, Served};

impl Guest for Component {
    type Repository = Served;
    type File = OpenFile;

    async fn open(name: String, access: Access) -> Result<Repository, ErrorCode> {
        let instance = Instance::current()?;
        let served = match (access, open(&instance, &name).await) {
            // The engine only reads.
            (Access::Write, _) | (_, Err(ErrorCode::NotFound | ErrorCode::Unsupported(_))) => {
                Served::Next(next::open(name, access).await?)
            }
            (Access::Read, Ok(repository)) => {
                Served::Own(Own { repository: Rc::new(repository), name })
            }
            (Access::Read, Err(error)) => return Err(error),
        };
        Ok(Repository::new(served))
    }
}

type Opened = gitwasi_engine::Repository<crate::storage::PreopenStorage>;

async fn open(instance: &Instance, name: &str) -> Result<Opened, ErrorCode> {
    let repository = instance.engine.open(name).await.map_err(error_code)?;
    Ok(repository)
}
