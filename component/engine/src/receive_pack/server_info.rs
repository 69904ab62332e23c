//! `info/refs` and `objects/info/packs`, for clients that only get files: kept up to date where
//! they are.
//!
//! Spec: git-update-server-info(1)

use crate::refs::{PeeledHex, RefLine};
use crate::storage::{StorageFile, StorageWriter as _, WriteStorage};
use crate::{Repository, Result};

/// Writes both files anew, as far as they are there; in any case with `always`.
pub(super) async fn update<S: WriteStorage>(
    repository: &Repository<S>,
    scratch: &str,
    always: bool,
) -> Result<()> {
    let storage = &repository.engine.storage;
    for name in ["info/refs", "objects/info/packs"] {
        let path = repository.file(name);
        let old = match repository.engine.look(&path).await? {
            Some(stat) => Some(stat.size),
            None if always => {
                let (directory, _) = path.rsplit_once('/').unwrap_or_default();
                _ = storage.create_directory(directory).await;
                None
            }
            None => continue,
        };
        let content = match name {
            "info/refs" => refs(repository).await?,
            _ => packs(repository).await?,
        };
        // Most pushes add no pack.
        if old == Some(content.len() as u64) {
            let file = storage.open(&path).await?;
            if file.read_at(0, content.len()).await? == content {
                continue;
            }
        }
        // Not flushed, as git does not: it can be made again.
        let new = format!("{scratch}.info");
        let file = storage.create_new(&new).await?;
        let written = async {
            file.write_at(0, content).await?;
            storage.rename(&new, &path).await
        };
        if let Err(error) = written.await {
            _ = storage.remove_file(&new).await;
            return Err(error.into());
        }
    }
    Ok(())
}

async fn refs<S: WriteStorage>(repository: &Repository<S>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut refs = repository.refs(&[]).await?;
    let mut write = |found: RefLine<'_>| {
        if found.hex().iter().all(|digit| *digit == b'0') {
            return Ok(());
        }
        let mut line = |hex: &[u8], suffix: &[u8]| {
            out.extend_from_slice(hex);
            out.push(b'\t');
            out.extend_from_slice(found.name());
            out.extend_from_slice(suffix);
            out.push(b'\n');
        };
        line(found.hex(), b"");
        if let PeeledHex::To(peeled) = found.peeled {
            line(peeled, b"^{}");
        }
        Ok(())
    };
    while refs.lines(true, &mut write).await? {}
    Ok(out)
}

async fn packs<S: WriteStorage>(repository: &Repository<S>) -> Result<Vec<u8>> {
    let engine = &repository.engine;
    let directory = repository.file("objects/pack");
    let mut entries = engine.storage.entries(&directory, engine.limits.directory_entries).await?;
    entries.retain(|entry| entry.name.starts_with("pack-") && entry.name.ends_with(".pack"));
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let mut out = String::new();
    for entry in entries {
        out.push_str(&format!("P {}\n", entry.name));
    }
    out.push('\n');
    Ok(out.into_bytes())
}
