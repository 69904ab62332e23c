//! Small files, replaced whole.

use super::directories::parent;
use crate::storage::{StorageError, StorageWriter, WriteStorage};

/// Writes a file by way of one beside `scratch`, a path of the caller's own, so that it is always
/// there whole; durable then.
pub(crate) async fn replace_file<S: WriteStorage>(
    storage: &S,
    scratch: &str,
    path: &str,
    content: Vec<u8>,
) -> Result<(), StorageError> {
    let new = format!("{scratch}.new-{:016x}", storage.random());
    let file = storage.create_new(&new).await?;
    let written = async {
        if !content.is_empty() {
            file.write_at(0, content).await?;
        }
        file.sync().await?;
        storage.rename(&new, path).await
    };
    let written = written.await;
    if written.is_err() {
        _ = storage.remove_file(&new).await;
        return written;
    }
    storage.sync_directory(parent(path)).await
}
