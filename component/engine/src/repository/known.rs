//! Repositories that were opened before: where they are, and their configuration.
//!
//! One look at the `config` file tells whether that still holds: git replaces the file to change
//! it, and a repository that is moved takes it along.
//!
//! # Deviation
//! A repository that comes to precede another of the same name (`x/.git` where `x.git` was) is
//! noticed only when the other one's configuration changes or the instance ends.

use std::rc::Rc;

use super::Config;
use crate::storage::{Stat, Storage};
use crate::{Engine, Result};

/// What is known of a repository.
#[derive(Debug)]
pub(crate) struct KnownRepository {
    pub(super) path: String,
    stat: Stat,
    pub(super) config: Rc<Config>,
}

impl KnownRepository {
    pub(super) fn new(path: &str, stat: Stat, config: &Rc<Config>) -> Rc<Self> {
        Rc::new(Self { path: path.to_owned(), stat, config: Rc::clone(config) })
    }
}

/// What is known of the repository of some name, if it is still true.
pub(super) async fn find<S: Storage>(
    engine: &Engine<S>,
    name: &str,
) -> Result<Option<Rc<KnownRepository>>> {
    let Some(known) = engine.repositories.borrow().get(name).cloned() else { return Ok(None) };
    let stat = engine.look(&format!("{}/config", known.path)).await?;
    Ok((stat == Some(known.stat)).then_some(known))
}

/// Remembers a repository.
///
/// # Limits
/// [`crate::Limits::known_repositories`]
pub(super) fn remember<S: Storage>(engine: &Engine<S>, name: &str, known: Rc<KnownRepository>) {
    let mut repositories = engine.repositories.borrow_mut();
    if repositories.len() >= engine.limits.known_repositories {
        repositories.clear();
    }
    repositories.insert(name.to_owned(), known);
}
