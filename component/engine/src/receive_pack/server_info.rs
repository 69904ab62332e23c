//! `info/refs` and `objects/info/packs`, for clients that only get files: kept up to date where
//! they are.
//!
//! Git itself leaves them alone unless `receive.updateServerInfo` says otherwise; then they are
//! made anew. Else `info/refs` is told what has moved: to read every ref costs more than a push.
//!
//! Spec: git-update-server-info(1)

use std::cmp::Ordering;
use std::collections::BTreeMap;

use gitwasi_wire::Oid;
use gitwasi_wire::receive_pack::RefUpdate;

use crate::quarantine::Quarantine;
use crate::refs::{PeeledHex, RefLine};
use crate::storage::{StorageFile, StorageWriter as _, WriteStorage};
use crate::working_memory::Leased;
use crate::{Repository, Result};

/// Brings both files up to date, as far as they are there; makes them anew with `always`.
pub(super) async fn update<S: WriteStorage>(
    repository: &Repository<S>,
    quarantine: &Quarantine,
    moved: &[RefUpdate],
    always: bool,
) -> Result<()> {
    let storage = &repository.engine.storage;
    // What stayed in memory was no pack.
    let packs_are_the_same = quarantine.directory().is_none() && !always;
    for name in ["info/refs", "objects/info/packs"] {
        if name == "objects/info/packs" && packs_are_the_same {
            continue;
        }
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
        let told = match name {
            "info/refs" => told(repository, &path, moved, always).await?,
            _ => Some(packs(repository).await?),
        };
        let has_moved = name == "info/refs" && told.is_some();
        let content = match told {
            Some(content) => Leased::held(&repository.memory, content)?,
            None => refs(repository).await?,
        };
        let (content, _lease) = content.into_parts();
        // Not every push that went through files brought a pack.
        if !has_moved && old == Some(content.len() as u64) {
            let file = storage.open(&path).await?;
            if file.read_at(0, content.len()).await? == content {
                continue;
            }
        }
        // Not flushed, as git does not: it can be made again.
        let new = format!("{}.info", quarantine.path());
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

/// `info/refs` with what has moved; `None` if it has to be made anew.
async fn told<S: WriteStorage>(
    repository: &Repository<S>,
    path: &str,
    moved: &[RefUpdate],
    always: bool,
) -> Result<Option<Vec<u8>>> {
    let engine = &repository.engine;
    if always {
        return Ok(None);
    }
    let Ok(Some(old)) = engine.read_small(path).await else { return Ok(None) };
    let mut now = BTreeMap::new();
    for update in moved {
        let mut lines = Vec::new();
        if !update.new_oid.is_zero() {
            let peeled = repository.odb().peel(&update.new_oid).await?;
            let lines_of = |oid: &Oid, suffix| format!("{oid}\t{}{suffix}\n", update.name);
            lines.extend_from_slice(lines_of(&update.new_oid, "").as_bytes());
            lines.extend(peeled.iter().flat_map(|oid| lines_of(oid, "^{}").into_bytes()));
        }
        now.insert(update.name.as_slice(), lines);
    }
    let left = moved.iter().map(|update| update.old_oid.to_string());
    Ok(merge(&old, &now, &left.collect::<Vec<_>>()))
}

/// Puts `now`, lines by the names of refs, in the place of the lines of `old`.
///
/// `None` if `old` is not what we would have written, or if a ref that has not moved is where one
/// was that has: it may stand for it.
fn merge(old: &[u8], now: &BTreeMap<&[u8], Vec<u8>>, left: &[String]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(old.len() + now.values().map(Vec::len).sum::<usize>());
    let mut now = now.iter().peekable();
    let mut last: &[u8] = b"";
    for line in old.split_inclusive(|byte| *byte == b'\n') {
        let line_of = line.strip_suffix(b"\n")?;
        let tab = line_of.iter().position(|byte| *byte == b'\t')?;
        let (hex, name) = (&line_of[..tab], &line_of[tab + 1..]);
        let peels = name.strip_suffix(b"^{}");
        let name = peels.unwrap_or(name);
        match name.cmp(last) {
            Ordering::Less => return None,
            Ordering::Equal if peels.is_none() => return None,
            Ordering::Equal | Ordering::Greater => last = name,
        }
        while let Some((_, lines)) = now.next_if(|(next, _)| **next < name) {
            out.extend_from_slice(lines);
        }
        match now.peek() {
            Some((next, _)) if **next == name => {}
            _ if left.iter().any(|left| left.as_bytes() == hex) => return None,
            _ => out.extend_from_slice(line),
        }
    }
    now.for_each(|(_, lines)| out.extend_from_slice(lines));
    Some(out)
}

async fn refs<S: WriteStorage>(repository: &Repository<S>) -> Result<Leased<Vec<u8>>> {
    let mut out = Leased::<Vec<u8>>::new(&repository.memory);
    let mut refs = repository.refs(&[]).await?;
    let mut write = |found: RefLine<'_>| {
        if found.hex().iter().all(|digit| *digit == b'0') {
            return Ok(());
        }
        let mut line = |hex: &[u8], suffix: &[u8]| {
            out.extend_from_slice(hex)?;
            out.push(b'\t')?;
            out.extend_from_slice(found.name())?;
            out.extend_from_slice(suffix)?;
            out.push(b'\n')
        };
        line(found.hex(), b"")?;
        match found.peeled {
            PeeledHex::To(peeled) => line(peeled, b"^{}"),
            PeeledHex::Unknown | PeeledHex::No => Ok(()),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(old: &str, now: &[(&str, &str)], left: &[&str]) -> Option<String> {
        let now = now.iter().map(|(name, lines)| (name.as_bytes(), lines.as_bytes().to_vec()));
        let left: Vec<String> = left.iter().map(|left| (*left).to_owned()).collect();
        let merged = merge(old.as_bytes(), &now.collect(), &left);
        merged.map(|merged| String::from_utf8(merged).expect("text"))
    }

    #[test]
    fn what_moved_is_replaced_added_and_taken_away() {
        let old = "1\ta\n2\tb\n3\tb^{}\n4\td\n";
        let merged = |now: &[(&str, &str)]| merged(old, now, &["0"]);
        assert_eq!(merged(&[("a", "9\ta\n")]).as_deref(), Some("9\ta\n2\tb\n3\tb^{}\n4\td\n"));
        assert_eq!(merged(&[("b", "9\tb\n")]).as_deref(), Some("1\ta\n9\tb\n4\td\n"));
        assert_eq!(merged(&[("b", "")]).as_deref(), Some("1\ta\n4\td\n"));
        let added = merged(&[("c", "7\tc\n8\tc^{}\n"), ("e", "9\te\n")]);
        let expected = "1\ta\n2\tb\n3\tb^{}\n7\tc\n8\tc^{}\n4\td\n9\te\n";
        assert_eq!(added.as_deref(), Some(expected));
    }

    #[test]
    fn what_is_not_ours_or_may_stand_for_what_moved_is_made_anew() {
        let now = [("b", "9\tb\n")];
        assert_eq!(merged("1\ta\n2\tb\n", &now, &["1"]), None, "a may be b");
        for old in ["2\tb\n1\ta\n", "1\ta\n1\ta\n", "1 a\n", "1\ta"] {
            assert_eq!(merged(old, &now, &["0"]), None, "{old}");
        }
        assert_eq!(merged("", &now, &["0"]).as_deref(), Some("9\tb\n"));
    }
}
