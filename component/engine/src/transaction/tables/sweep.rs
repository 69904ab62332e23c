//! Tables that are in nobody's list: of a transaction that ended before they were listed, or
//! after they were merged.

use crate::refs::reftable::names;
use crate::storage::WriteStorage;
use crate::{Repository, Result};

/// Removes tables that are not listed and were not changed after `before`, in nanoseconds of the
/// wall clock.
pub(crate) async fn sweep<S: WriteStorage>(
    repository: &Repository<S>,
    before: Option<u64>,
) -> Result<()> {
    let engine = &repository.engine;
    let directory = repository.file("reftable");
    let entries = engine.storage.entries(&directory, engine.limits.directory_entries).await?;
    // Only now: a table that is listed meanwhile is young.
    let listed = names(engine, &directory).await?;
    for entry in entries.iter().filter(|entry| entry.name.ends_with(".ref")) {
        if listed.contains(&entry.name) {
            continue;
        }
        let path = format!("{directory}/{}", entry.name);
        let Some(stat) = engine.look(&path).await? else { continue };
        if before.is_none_or(|before| stat.modified.max(stat.changed) < before) {
            match engine.storage.remove_file(&path).await {
                Ok(()) => {}
                Err(error) if error.is_absent() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}
