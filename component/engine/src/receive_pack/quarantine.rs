//! The directory that holds all of a push until its refs move, and what is left of dead ones.
//!
//! Named as git names its own, so that `git prune` removes very old ones, too.

use crate::storage::{Kind, StorageError, WriteStorage};
use crate::transaction::{is_same, release_left_locks, remove_tree};
use crate::{Engine, Repository, Result};

/// How the directories' names begin.
const PREFIX: &str = "tmp_objdir-incoming-";

/// A push's own directory, laid out like `objects/`.
#[derive(Debug)]
pub(super) struct Quarantine {
    path: String,
}

impl Quarantine {
    /// Makes one. It has to be removed by [`Self::remove`].
    pub(super) async fn create<S: WriteStorage>(repository: &Repository<S>) -> Result<Self> {
        let storage = &repository.engine.storage;
        loop {
            let path = repository.file(&format!("objects/{PREFIX}{:016x}", storage.random()));
            match storage.create_directory(&path).await {
                Ok(()) => return Ok(Self { path }),
                Err(StorageError::Exists) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Removes it with all that is left in it, and outside of it.
    pub(super) async fn remove<S: WriteStorage>(self, repository: &Repository<S>) -> Result<()> {
        clear_away(repository, &self.path).await
    }
}

/// Removes a quarantine, and before it what only it tells of: locks that could not be released,
/// packs that are half way out.
async fn clear_away<S: WriteStorage>(repository: &Repository<S>, path: &str) -> Result<()> {
    let engine = &repository.engine;
    release_left_locks(engine, &repository.path, path).await?;
    withdraw_half_packs(engine, &repository.file("objects"), path).await?;
    remove_tree(engine, path).await
}

/// Removes what pushes have left that never ended: their quarantines, their locks, and packs that
/// were half way out.
///
/// Leaves alone whatever was written to within `age` seconds: it may belong to a push that is
/// going on, in another process. Zero is for a caller who knows that there is none. Pushes do this
/// themselves, by [`super::Options::stale_after`].
pub async fn sweep<S: WriteStorage>(repository: &Repository<S>, age: u64) -> Result<()> {
    let engine = &repository.engine;
    let objects = repository.file("objects");
    let entries = engine.storage.entries(&objects, engine.limits.directory_entries).await?;
    let oldest = engine.storage.wall_clock().saturating_sub(age.saturating_mul(1_000_000_000));
    for entry in entries {
        if entry.kind != Kind::Directory || !entry.name.starts_with(PREFIX) {
            continue;
        }
        let path = format!("{objects}/{}", entry.name);
        if age > 0 && last_write(engine, &path).await? > oldest {
            continue;
        }
        clear_away(repository, &path).await?;
    }
    Ok(())
}

/// When anything in a directory was written to last.
async fn last_write<S: WriteStorage>(engine: &Engine<S>, path: &str) -> Result<u64> {
    let mut last = 0;
    let mut unread = vec![path.to_owned()];
    while let Some(path) = unread.pop() {
        match engine.storage.stat(&path).await {
            Ok(stat) => last = last.max(stat.modified),
            Err(error) if error.is_absent() => continue,
            Err(error) => return Err(error.into()),
        }
        let entries = match engine.storage.entries(&path, engine.limits.directory_entries).await {
            Ok(entries) => entries,
            Err(error) if error.is_absent() => continue,
            Err(error) => return Err(error.into()),
        };
        for entry in entries {
            let path = format!("{path}/{}", entry.name);
            match entry.kind {
                Kind::Directory => unread.push(path),
                _ => match engine.storage.stat(&path).await {
                    Ok(stat) => last = last.max(stat.modified),
                    Err(error) if error.is_absent() => {}
                    Err(error) => return Err(error.into()),
                },
            }
        }
    }
    Ok(last)
}

/// Removes packs of the quarantine that are in `objects/pack` without their index: nobody reads
/// them, and nobody else would remove them.
async fn withdraw_half_packs<S: WriteStorage>(
    engine: &Engine<S>,
    objects: &str,
    quarantine: &str,
) -> Result<()> {
    let storage = &engine.storage;
    let inner = format!("{quarantine}/pack");
    let entries = match storage.entries(&inner, engine.limits.directory_entries).await {
        Ok(entries) => entries,
        Err(error) if error.is_absent() => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for entry in entries {
        let Some(stem) = entry.name.strip_suffix(".pack") else { continue };
        let outer = format!("{objects}/pack/{stem}");
        match storage.stat(&format!("{outer}.idx")).await {
            Err(error) if error.is_absent() => {}
            _ => continue,
        }
        for ending in ["rev", "pack"] {
            let (ours, theirs) = (format!("{inner}/{stem}.{ending}"), format!("{outer}.{ending}"));
            if is_same(storage, &ours, &theirs).await? {
                storage.remove_file(&theirs).await?;
            }
        }
    }
    Ok(())
}
