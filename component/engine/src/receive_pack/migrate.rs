//! Objects leave the quarantine.
//!
//! They get a second name and keep the first one until the quarantine is removed. What is there
//! already is the same object; it is replaced only when it is so old that a `git prune` that is
//! under way may take it for garbage. A pack counts from the moment its index is there, so that
//! comes last.

use std::collections::BTreeSet;

use crate::storage::{Kind, StorageError, WriteStorage};
use crate::{Repository, Result};

/// Nanoseconds after which an object that is there already is made new, as git does by touching
/// it: well below any time after which objects that no ref reaches are pruned.
const OLD: u64 = 24 * 3600 * 1_000_000_000;

/// How often a directory that vanishes is made anew: git removes empty ones when it packs.
const ATTEMPTS: u32 = 8;

/// Puts all objects of `quarantine` into the repository; they are durable then.
pub(super) async fn migrate<S: WriteStorage>(
    repository: &Repository<S>,
    quarantine: &str,
) -> Result<()> {
    let engine = &repository.engine;
    let storage = &engine.storage;
    let limit = engine.limits.directory_entries;
    let objects = repository.file("objects");
    let mut touched = BTreeSet::new();
    for directory in storage.entries(quarantine, limit).await? {
        let name = directory.name;
        if directory.kind != Kind::Directory || !(name == "pack" || is_fan_out(&name)) {
            continue;
        }
        let (from, to) = (format!("{quarantine}/{name}"), format!("{objects}/{name}"));
        let mut files = storage.entries(&from, limit).await?;
        files.retain(|file| file.kind != Kind::Directory && !file.name.starts_with("tmp_"));
        files.sort_by_key(|file| order(&file.name));
        if files.is_empty() {
            continue;
        }
        for file in files {
            if name == "pack" && file.name.ends_with(".idx") {
                // Whoever sees the index after a crash has to find the pack.
                storage.sync_directory(&to).await?;
            }
            let from = format!("{from}/{}", file.name);
            if put(storage, &from, &to, &format!("{to}/{}", file.name)).await? {
                touched.insert(objects.clone());
            }
        }
        touched.insert(to);
    }
    for directory in touched.iter().rev() {
        match storage.sync_directory(directory).await {
            // What was in it has been packed by now.
            Ok(()) | Err(StorageError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Gives a file its second name; whether its directory had to be made.
async fn put<S: WriteStorage>(
    storage: &S,
    from: &str,
    directory: &str,
    to: &str,
) -> Result<bool, StorageError> {
    let mut made = false;
    for _ in 0..ATTEMPTS {
        match storage.link(from, to).await {
            Ok(()) => return Ok(made),
            Err(StorageError::NotFound) => match storage.create_directory(directory).await {
                Ok(()) => made = true,
                Err(StorageError::Exists) => {}
                Err(error) => return Err(error),
            },
            Err(StorageError::Exists) => match storage.stat(to).await {
                Ok(stat) if storage.wall_clock().saturating_sub(stat.modified) < OLD => {
                    return Ok(made);
                }
                Ok(_) => return storage.rename(from, to).await.map(|()| made),
                // Packed a moment ago.
                Err(StorageError::NotFound) => {}
                Err(error) => return Err(error),
            },
            Err(StorageError::NoSpace) => return Err(StorageError::NoSpace),
            // A file system without links, or with too many of this file.
            Err(_) => match storage.stat(to).await {
                Ok(_) => return Ok(made),
                Err(_) => return storage.rename(from, to).await.map(|()| made),
            },
        }
    }
    Err(StorageError::NotFound)
}

fn is_fan_out(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The pack, what helps to read it, and the index that makes it one.
fn order(name: &str) -> u8 {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("pack") => 0,
        Some("rev") => 1,
        Some("idx") => 3,
        _ => 2,
    }
}
