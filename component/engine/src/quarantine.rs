//! Where the objects of a push are until its refs move: a few in memory, more in a directory.
//!
//! A push of a commit or two makes no file in vain: its objects are written when its refs are
//! locked and compared, each once. The directory is made when something needs it. Files that are
//! there for a moment, locks and objects on their way, lie beside it: their names begin with its
//! path and a dot, so that whoever lists `objects/` finds all that a dead push has left.

use std::cell::Cell;
use std::rc::Rc;

use crate::odb::HeldObjects;
use crate::storage::{StorageError, WriteStorage};

/// A push's own place, laid out like `objects/`.
#[derive(Debug)]
pub(crate) struct Quarantine {
    path: String,
    made: Cell<bool>,
    held: Rc<HeldObjects>,
}

impl Quarantine {
    /// A place that is not there yet, and room for `limit` bytes of objects in memory.
    pub(crate) fn new(path: String, limit: usize) -> Self {
        Self { path, made: Cell::new(false), held: HeldObjects::new(limit) }
    }

    /// A directory that is there; nothing is held in memory.
    pub(crate) fn existing(path: &str) -> Self {
        Self { path: path.to_owned(), made: Cell::new(true), held: Rc::default() }
    }

    /// The directory, whether it was made or not.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The directory, if it was made.
    pub(crate) fn directory(&self) -> Option<&str> {
        self.made.get().then_some(self.path.as_str())
    }

    pub(crate) fn held(&self) -> &Rc<HeldObjects> {
        &self.held
    }

    /// Makes the directory and `name` in it, unless they are there.
    pub(crate) async fn make<S: WriteStorage>(
        &self,
        storage: &S,
        name: &str,
    ) -> Result<(), StorageError> {
        if !self.made.get() {
            // Its name was drawn by chance: if there is one, it is not ours.
            storage.create_directory(&self.path).await?;
            self.made.set(true);
        }
        match storage.create_directory(&format!("{}/{name}", self.path)).await {
            Ok(()) | Err(StorageError::Exists) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
