//! Directories of refs and reflogs: made when needed, removed when empty.

use crate::storage::{Kind, StorageError, WriteStorage, look};
use crate::{Engine, Error, Result};

/// The directory that holds `path`.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Makes the directories of `path` that are missing; those that it made, the outermost first.
///
/// # Errors
/// [`StorageError::WrongKind`] if one of them is there and no directory.
pub(crate) async fn make_parents<S: WriteStorage>(
    storage: &S,
    path: &str,
) -> Result<Vec<String>, StorageError> {
    let mut missing = Vec::new();
    let mut directory = parent(path);
    loop {
        match look(storage, directory).await? {
            Some(stat) if stat.kind == Kind::Directory => break,
            Some(_) => return Err(StorageError::WrongKind),
            None if directory.is_empty() => return Err(StorageError::NotFound),
            None => {
                missing.push(directory.to_owned());
                directory = parent(directory);
            }
        }
    }
    let mut made = Vec::new();
    for directory in missing.into_iter().rev() {
        match storage.create_directory(&directory).await {
            Ok(()) => made.push(directory),
            // Somebody else was faster.
            Err(StorageError::Exists) => {}
            Err(error) => {
                remove_made(storage, &made).await;
                return Err(error);
            }
        }
    }
    Ok(made)
}

/// Removes directories that [`make_parents`] made, unless somebody uses them by now.
pub(crate) async fn remove_made<S: WriteStorage>(storage: &S, made: &[String]) {
    for directory in made.iter().rev() {
        if storage.remove_directory(directory).await.is_err() {
            break;
        }
    }
}

/// Removes the directories of `name` below `base` that are empty now, but never the first two
/// components of the name: `refs/heads` stays.
pub(super) async fn remove_empty_parents<S: WriteStorage>(storage: &S, base: &str, name: &str) {
    let mut directory = parent(name);
    while directory.matches('/').count() >= 2 {
        if storage.remove_directory(&format!("{base}/{directory}")).await.is_err() {
            break;
        }
        directory = parent(directory);
    }
}

/// Removes a directory in which there are none but empty directories; false if there is more.
pub(super) async fn remove_if_empty<S: WriteStorage>(
    engine: &Engine<S>,
    path: &str,
) -> Result<bool> {
    let Some(directories) = empty_directories(engine, path).await? else { return Ok(false) };
    for directory in directories.iter().rev() {
        match engine.storage.remove_directory(directory).await {
            Ok(()) | Err(StorageError::NotFound) => {}
            Err(StorageError::NotEmpty) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// A directory and those in it, the outermost first; none if there is anything but directories.
pub(super) async fn empty_directories<S: WriteStorage>(
    engine: &Engine<S>,
    path: &str,
) -> Result<Option<Vec<String>>> {
    let mut directories = Vec::new();
    let mut unread = vec![path.to_owned()];
    while let Some(directory) = unread.pop() {
        let entries = match engine.storage.entries(&directory, engine.limits.refs).await {
            Ok(entries) => entries,
            Err(error) if error.is_absent() => continue,
            Err(error) => return Err(error.into()),
        };
        if entries.iter().any(|entry| entry.kind != Kind::Directory) {
            return Ok(None);
        }
        unread.extend(entries.iter().map(|entry| format!("{directory}/{}", entry.name)));
        directories.push(directory);
        if directories.len() > engine.limits.refs {
            return Err(Error::LimitExceeded("refs"));
        }
    }
    Ok(Some(directories))
}

/// Removes a directory with all that is in it. Links are removed, not followed.
pub(crate) async fn remove_tree<S: WriteStorage>(engine: &Engine<S>, path: &str) -> Result<()> {
    let storage = &engine.storage;
    let mut unread = vec![path.to_owned()];
    let mut read = Vec::new();
    while let Some(directory) = unread.pop() {
        let entries = match storage.entries(&directory, engine.limits.directory_entries).await {
            Ok(entries) => entries,
            Err(error) if error.is_absent() => continue,
            Err(error) => return Err(error.into()),
        };
        for entry in entries {
            let path = format!("{directory}/{}", entry.name);
            if entry.kind == Kind::Directory {
                unread.push(path);
                continue;
            }
            match storage.remove_file(&path).await {
                Ok(()) | Err(StorageError::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        read.push(directory);
    }
    for directory in read.iter().rev() {
        match storage.remove_directory(directory).await {
            Ok(()) | Err(StorageError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
