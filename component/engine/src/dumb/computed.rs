//! Files that are computed whenever they are read, as `http-backend.c` computes them.

use bstr::{BStr, ByteSlice};

use crate::hex;
use crate::refs::Resolved;
use crate::storage::{Kind, Storage};
use crate::upload_pack::Output;
use crate::{Error, Repository, Result};

/// Bytes gathered before they are handed on.
const CHUNK: usize = 64 << 10;

/// `HEAD`: the ref it points to, or the commit if it is detached; nothing as long as there is no
/// commit.
pub(super) async fn head<S: Storage>(
    repository: &Repository<S>,
    output: &mut impl Output,
) -> Result<()> {
    let mut text = Vec::new();
    if let Some(Resolved::Ref(head)) = repository.resolve_ref(BStr::new("HEAD")).await? {
        match &head.symref_target {
            Some(target) => {
                text.extend_from_slice(b"ref: ");
                text.extend_from_slice(target);
            }
            None => hex::append(&head.oid, &mut text),
        }
        text.push(b'\n');
    }
    output.write(text).await
}

/// `info/refs`: refs whose objects are there, each with what its annotated tag points to.
pub(super) async fn info_refs<S: Storage>(
    repository: &Repository<S>,
    output: &mut impl Output,
) -> Result<()> {
    let odb = repository.odb();
    let mut text = Vec::new();
    let mut refs = repository.refs(&[]).await?;
    while let Some(found) = refs.next().await? {
        // A broken ref has the zero oid, and so is none of these.
        if odb.find(&found.oid).await?.is_none() {
            continue;
        }
        let mut line = |oid, suffix: &[u8]| {
            hex::append(oid, &mut text);
            text.push(b'\t');
            text.extend_from_slice(found.name.as_bytes());
            text.extend_from_slice(suffix);
        };
        line(&found.oid, b"\n");
        match odb.peel(&found.oid).await {
            Ok(Some(peeled)) => line(&peeled, b"^{}\n"),
            // The ref is told, and whoever follows it sees what is wrong.
            Ok(None) | Err(Error::Corrupt(_)) => {}
            Err(error) => return Err(error),
        }
        if text.len() >= CHUNK {
            output.write(std::mem::take(&mut text)).await?;
        }
    }
    output.write(text).await
}

/// `objects/info/packs`: a line for each pack of the repository's own, the newest first, and an
/// empty one.
///
/// # Limits
/// [`crate::Limits::directory_entries`].
pub(super) async fn packs<S: Storage>(
    repository: &Repository<S>,
    output: &mut impl Output,
) -> Result<()> {
    let engine = &repository.engine;
    let directory = repository.file("objects/pack");
    let entries = match engine.storage.entries(&directory, engine.limits.directory_entries).await {
        Ok(entries) => entries,
        Err(error) if error.is_absent() => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let mut packs = Vec::new();
    for entry in entries {
        let Some(stem) = entry.name.strip_suffix(".idx") else { continue };
        if !stem.starts_with("pack-") {
            continue;
        }
        match engine.storage.stat(&format!("{directory}/{stem}.pack")).await {
            Ok(stat) if stat.kind == Kind::File => {
                packs.push((stat.modified / 1_000_000_000, stem.to_owned()));
            }
            Ok(_) => {}
            Err(error) if error.is_absent() => {}
            Err(error) => return Err(error.into()),
        }
    }
    packs.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let mut text = Vec::new();
    for (_, stem) in packs {
        text.extend_from_slice(format!("P {stem}.pack\n").as_bytes());
    }
    text.push(b'\n');
    output.write(text).await
}
