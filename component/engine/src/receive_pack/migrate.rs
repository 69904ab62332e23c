//! Objects leave the quarantine.
//!
//! Files get a second name and keep the first one until the quarantine is removed; what is in
//! memory is written under a name of the push's own, flushed and renamed. What is there already is
//! the same object; a file is replaced by another only when it is so old that a `git prune` that is
//! under way may take it for garbage. A pack counts from the moment its index is there, so that
//! comes last.

use std::collections::BTreeSet;

use futures_util::future::{try_join, try_join_all};

use crate::quarantine::Quarantine;
use crate::storage::{Kind, StorageError, StorageWriter as _, WriteStorage};
use crate::{Repository, Result};

/// Nanoseconds after which an object that is there already is made new, as git does by touching
/// it: well below any time after which objects that no ref reaches are pruned.
const OLD: u64 = 24 * 3600 * 1_000_000_000;

/// How often a directory that vanishes is made anew: git removes empty ones when it packs.
const ATTEMPTS: u32 = 8;

/// Puts all objects of `quarantine` into the repository; they are durable then.
///
/// `also` is done before the first of them is there, together with what is flushed then.
pub(super) async fn migrate<S: WriteStorage>(
    repository: &Repository<S>,
    quarantine: &Quarantine,
    also: impl Future<Output = Result<(), StorageError>>,
) -> Result<()> {
    let storage = &repository.engine.storage;
    let mut touched = BTreeSet::new();
    write_held(repository, quarantine, also, &mut touched).await?;
    if let Some(directory) = quarantine.directory() {
        link_files(repository, directory, &mut touched).await?;
    }
    let flushed = touched.iter().map(|directory| async {
        match storage.sync_directory(directory).await {
            // What was in it has been packed by now.
            Err(StorageError::NotFound) => Ok(()),
            flushed => flushed,
        }
    });
    try_join_all(flushed).await?;
    Ok(())
}

/// Writes objects that are in memory; adds the directories that they go to, to `touched`.
async fn write_held<S: WriteStorage>(
    repository: &Repository<S>,
    quarantine: &Quarantine,
    also: impl Future<Output = Result<(), StorageError>>,
    touched: &mut BTreeSet<String>,
) -> Result<()> {
    let storage = &repository.engine.storage;
    let objects = repository.file("objects");
    let (mut written, mut files) = (Vec::new(), Vec::new());
    let done = async {
        for (number, (oid, content)) in quarantine.held().all().into_iter().enumerate() {
            let hex = oid.to_string();
            let directory = format!("{objects}/{}", &hex[..2]);
            let to = format!("{directory}/{}", &hex[2..]);
            let from = format!("{}.obj-{number}", quarantine.path());
            let file = storage.create_new(&from).await?;
            written.push((from, directory, to));
            file.write_at(0, content.to_vec()).await?;
            files.push(file);
        }
        // Together, which a disk does faster than one after the other.
        try_join(try_join_all(files.iter().map(|file| file.sync())), also).await?;
        while let Some((from, directory, to)) = written.last() {
            if rename(storage, from, directory, to).await? {
                touched.insert(objects.clone());
            }
            touched.insert(directory.clone());
            written.pop();
        }
        Ok(())
    };
    let done = done.await;
    for (from, ..) in written {
        _ = storage.remove_file(&from).await;
    }
    done
}

/// Moves a file to its place; whether its directory had to be made.
async fn rename<S: WriteStorage>(
    storage: &S,
    from: &str,
    directory: &str,
    to: &str,
) -> Result<bool, StorageError> {
    let mut made = false;
    for _ in 0..ATTEMPTS {
        match storage.rename(from, to).await {
            Err(StorageError::NotFound) => made |= make(storage, directory).await?,
            moved => return moved.map(|()| made),
        }
    }
    Err(StorageError::NotFound)
}

/// Makes a directory; false if it is there.
async fn make<S: WriteStorage>(storage: &S, directory: &str) -> Result<bool, StorageError> {
    match storage.create_directory(directory).await {
        Ok(()) => Ok(true),
        Err(StorageError::Exists) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Gives the files of a quarantine their places.
async fn link_files<S: WriteStorage>(
    repository: &Repository<S>,
    quarantine: &str,
    touched: &mut BTreeSet<String>,
) -> Result<()> {
    let engine = &repository.engine;
    let storage = &engine.storage;
    let limit = engine.limits.directory_entries;
    let objects = repository.file("objects");
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
            Err(StorageError::NotFound) => made |= make(storage, directory).await?,
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
