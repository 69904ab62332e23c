//! Objects leave the quarantine.
//!
//! They get a second name, never replace anything, and keep the first one until the quarantine
//! is removed. An object that is there already is the same object. A pack counts from the moment
//! its index is there, so that comes last.

use std::collections::BTreeSet;

use crate::storage::{Kind, StorageError, WriteStorage};
use crate::{Repository, Result};

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
        match storage.create_directory(&to).await {
            Ok(()) => _ = touched.insert(objects.clone()),
            Err(StorageError::Exists) => {}
            Err(error) => return Err(error.into()),
        }
        for file in files {
            if name == "pack" && file.name.ends_with(".idx") {
                // Whoever sees the index after a crash has to find the pack.
                storage.sync_directory(&to).await?;
            }
            put(storage, &format!("{from}/{}", file.name), &format!("{to}/{}", file.name)).await?;
        }
        touched.insert(to);
    }
    for directory in touched.iter().rev() {
        storage.sync_directory(directory).await?;
    }
    Ok(())
}

async fn put<S: WriteStorage>(storage: &S, from: &str, to: &str) -> Result<(), StorageError> {
    match storage.link(from, to).await {
        Ok(()) | Err(StorageError::Exists) => Ok(()),
        Err(StorageError::NoSpace) => Err(StorageError::NoSpace),
        // A file system without links, or with too many of this file.
        Err(_) => match storage.stat(to).await {
            Ok(_) => Ok(()),
            Err(_) => storage.rename(from, to).await,
        },
    }
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
