//! `open`: by the engine if it can serve the repository, else by the next in line.

use crate::Component;
use crate::bindings::exports::gitwasi::git::repositories::{Guest, Repository};
use crate::bindings::gitwasi::git::repositories as next;
use crate::bindings::gitwasi::git::types::{Access, ErrorCode};
use crate::file::OpenFile;
use crate::instance::Instance;
use crate::repository::{Own, Served};

impl Guest for Component {
    type Repository = Served;
    type File = OpenFile;

    async fn open(name: String, access: Access) -> Result<Repository, ErrorCode> {
        let opened = Instance::current()?.open(&name, access).await;
        let served = match opened {
            Ok(repository) => {
                if access == Access::Write && repository.wants_git_for_pushes() {
                    match next::open(name.clone(), access).await {
                        Err(ErrorCode::Unsupported(_)) => {}
                        opened => return Ok(Repository::new(Served::Next(opened?))),
                    }
                }
                Served::Own(Own::new(repository, name, access))
            }
            Err(error @ (ErrorCode::NotFound | ErrorCode::Unsupported(_))) => {
                Served::Next(or_else(name, access, error).await?)
            }
            Err(error) => return Err(error),
        };
        Ok(Repository::new(served))
    }

    async fn create(name: String) -> Result<Repository, ErrorCode> {
        let access = Access::Write;
        let served = match Instance::current()?.create(&name).await {
            Ok(repository) => Served::Own(Own::new(repository, name, access)),
            Err(error @ ErrorCode::Unsupported(_)) => match next::create(name).await {
                Err(ErrorCode::Unsupported(_)) => return Err(error),
                created => Served::Next(created?),
            },
            Err(error) => return Err(error),
        };
        Ok(Repository::new(served))
    }
}

/// Asks the next in line for a repository that the engine did not open.
async fn or_else(
    name: String,
    access: Access,
    error: ErrorCode,
) -> Result<next::Repository, ErrorCode> {
    match next::open(name, access).await {
        // Nobody does what was asked: what the engine said of it says more.
        Err(ErrorCode::Unsupported(_)) => Err(error),
        opened => opened,
    }
}
