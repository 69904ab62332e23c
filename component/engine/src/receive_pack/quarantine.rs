//! What a push has to itself until its refs move, and what is left of dead ones.
//!
//! All of it is in `objects/` under names as git gives its own, so that `git prune` removes very
//! old ones, too.

use std::time::Duration;

use super::{Options, Server};
use crate::quarantine::Quarantine;
use crate::repository::RefStorage;
use crate::storage::{DirEntry, Kind, StorageError, WriteStorage};
use crate::transaction::{
    is_same, release_left_lock, release_left_locks, remove_tree, sweep_tables,
};
use crate::{Engine, Repository, Result};

/// How the directories' names begin.
const PREFIX: &str = "tmp_objdir-incoming-";

/// Seconds after which a file beside a quarantine is left over at the latest: such files are there
/// while refs are locked.
const MOMENT: u64 = 120;

/// How often an instance looks for what is left over in a repository.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// A place that no other push has.
pub(super) fn new_quarantine<S: WriteStorage>(
    repository: &Repository<S>,
    server: Option<&Server>,
) -> Quarantine {
    let engine = &repository.engine;
    let mark = server.map_or("", |server| &server.mark);
    let path = repository.file(&format!("objects/{PREFIX}{mark}{:016x}", engine.storage.random()));
    Quarantine::new(path, engine.limits.held_objects)
}

/// Removes a quarantine, and before it what only it tells of: locks that could not be released,
/// packs that are half way out.
pub(super) async fn clear_away<S: WriteStorage>(
    repository: &Repository<S>,
    path: &str,
) -> Result<()> {
    let engine = &repository.engine;
    release_left_locks(engine, &repository.path, path).await?;
    withdraw_half_packs(engine, &repository.file("objects"), path).await?;
    remove_tree(engine, path).await
}

/// As [`sweep`], unless this instance has done it within the last minute: it costs as much as a
/// small push.
pub(super) async fn sweep_now_and_then<S: WriteStorage>(
    repository: &Repository<S>,
    options: &Options,
) -> Result<()> {
    let engine = &repository.engine;
    let every = SWEEP_EVERY.min(Duration::from_secs(options.stale_after));
    let now = engine.storage.now();
    {
        let mut swept = engine.swept.borrow_mut();
        if swept.get(&repository.path).is_some_and(|last| now.saturating_sub(*last) < every) {
            return Ok(());
        }
        if swept.len() >= engine.limits.known_repositories {
            swept.clear();
        }
        swept.insert(repository.path.clone(), now);
    }
    sweep(repository, options).await
}

/// Removes what pushes have left that never ended: their quarantines, their locks, and packs that
/// were half way out.
///
/// Leaves alone whatever was written to within [`Options::stale_after`], locks within two minutes:
/// it may belong to a push that is going on, in another process. Zero is for a caller who knows
/// that there is none; [`Options::server`] tells of its own earlier runs. Pushes do this themselves.
///
/// # Errors
/// The first of the storage's. What can be removed is removed all the same.
pub async fn sweep<S: WriteStorage>(repository: &Repository<S>, options: &Options) -> Result<()> {
    let engine = &repository.engine;
    let objects = repository.file("objects");
    let entries = engine.storage.entries(&objects, engine.limits.directory_entries).await?;
    let mut swept = Ok(());
    for entry in entries.iter().filter(|entry| entry.name.starts_with(PREFIX)) {
        swept = swept.and(sweep_entry(repository, &objects, entry, options).await);
    }
    if repository.config().ref_storage == RefStorage::Reftable {
        let age = options.stale_after.min(MOMENT);
        let before = (age > 0).then(|| before(engine, age));
        swept = swept.and(sweep_tables(repository, before).await);
    }
    swept
}

/// Nanoseconds of the wall clock, so many seconds ago.
fn before<S: WriteStorage>(engine: &Engine<S>, seconds: u64) -> u64 {
    engine.storage.wall_clock().saturating_sub(seconds * 1_000_000_000)
}

/// Removes a quarantine, or a file that lies beside one, if it is left over.
async fn sweep_entry<S: WriteStorage>(
    repository: &Repository<S>,
    objects: &str,
    entry: &DirEntry,
    options: &Options,
) -> Result<()> {
    let engine = &repository.engine;
    let path = format!("{objects}/{}", entry.name);
    let is_directory = entry.kind == Kind::Directory;
    let age = if is_directory { options.stale_after } else { options.stale_after.min(MOMENT) };
    if age > 0 {
        let is_ours = |server: &&Server| entry.name[PREFIX.len()..].starts_with(&server.mark);
        let since = options.server.as_ref().filter(is_ours).map_or(0, |server| server.since);
        if last_write(engine, &path).await? > before(engine, age).max(since) {
            return Ok(());
        }
    }
    match is_directory {
        true => clear_away(repository, &path).await,
        false => release_left_lock(engine, &repository.path, &path).await,
    }
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
                match storage.remove_file(&theirs).await {
                    // Another instance sweeps, too.
                    Ok(()) | Err(StorageError::NotFound) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
    Ok(())
}
