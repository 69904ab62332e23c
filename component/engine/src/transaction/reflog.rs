//! Reflogs: a line for each move of a ref.
//!
//! Spec: git-config(1), "core.logAllRefUpdates"; git-reflog(1)

use bstr::{BString, ByteSlice};
use gitwasi_wire::Oid;

use super::Refusal;
use super::directories::{
    empty_directories, make_parents, parent, remove_empty_parents, remove_if_empty,
};
use crate::storage::{Kind, StorageError, StorageFile, StorageWriter, WriteStorage};
use crate::{Engine, Error, Result, hex};

/// `core.logAllRefUpdates`: which refs get a reflog. One that has a reflog already keeps it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogRefUpdates {
    /// None. The default of a bare repository.
    Never,
    /// Branches, remote-tracking branches, notes and HEAD.
    Branches,
    /// All.
    Always,
}

impl LogRefUpdates {
    pub(super) fn makes(self, name: &[u8]) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::Branches => {
                name == b"HEAD"
                    || [&b"refs/heads/"[..], b"refs/remotes/", b"refs/notes/"]
                        .iter()
                        .any(|prefix| name.starts_with(prefix))
            }
        }
    }
}

/// Who moves refs, as reflogs name them.
#[derive(Debug, Clone)]
pub struct Identity {
    pub(super) name: Vec<u8>,
    pub(super) email: Vec<u8>,
}

impl Identity {
    /// An identity; what would end a name or an address early in git's form is left out.
    pub fn new(name: &str, email: &str) -> Self {
        let clean = |text: &str| {
            let kept = text.bytes().filter(|byte| !matches!(byte, 0..=31 | b'<' | b'>' | 127));
            kept.collect::<Vec<_>>().trim_ascii().to_vec()
        };
        Self { name: clean(name), email: clean(email) }
    }
}

/// One entry of a reflog, without its name.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) old: &'a Oid,
    pub(super) new: &'a Oid,
    pub(super) identity: &'a Identity,
    pub(super) message: &'a str,
}

impl Entry<'_> {
    fn line(&self, seconds: u64) -> Vec<u8> {
        let mut line = Vec::with_capacity(256);
        hex::append(self.old, &mut line);
        line.push(b' ');
        hex::append(self.new, &mut line);
        line.push(b' ');
        line.extend_from_slice(&self.identity.name);
        line.extend_from_slice(b" <");
        line.extend_from_slice(&self.identity.email);
        line.extend_from_slice(format!("> {seconds} +0000\t{}\n", self.message).as_bytes());
        line
    }
}

/// Adds an entry to the reflog of a ref, if it has one or shall have one.
pub(super) async fn append<S: WriteStorage>(
    engine: &Engine<S>,
    repository: &str,
    name: &BString,
    log: LogRefUpdates,
    entry: &Entry<'_>,
) -> Result<()> {
    let storage = &engine.storage;
    let Ok(name) = name.to_str() else { return Ok(()) };
    let path = format!("{repository}/logs/{name}");
    match engine.look(&path).await? {
        Some(stat) if stat.kind == Kind::File => {}
        _ if !log.makes(name.as_bytes()) => return Ok(()),
        Some(_) => {
            if !remove_if_empty(engine, &path).await? {
                return Err(Error::corrupt(format!("logs/{name} is a directory")));
            }
        }
        None => _ = make_parents(storage, &path).await?,
    }
    let file = storage.open_or_create(&path).await?;
    let end = file.stat().await?.size;
    file.write_at(end, entry.line(storage.wall_clock() / 1_000_000_000)).await?;
    Ok(())
}

/// What keeps the reflog of a ref from being made, which would only be found out after the objects of
/// a push have left its quarantine.
pub(super) async fn obstacle<S: WriteStorage>(
    engine: &Engine<S>,
    repository: &str,
    name: &BString,
    log: LogRefUpdates,
) -> Result<Option<Refusal>> {
    let Some(text) = name.to_str().ok().filter(|name| log.makes(name.as_bytes())) else {
        return Ok(None);
    };
    let path = format!("{repository}/logs/{text}");
    match engine.look(&path).await? {
        Some(stat) if stat.kind == Kind::File => return Ok(None),
        Some(_) => {
            let is_free = empty_directories(engine, &path).await?.is_some();
            return Ok((!is_free).then(|| Refusal::LogsBelow(name.clone())));
        }
        None => {}
    }
    let mut directory = parent(&path);
    while directory.len() > repository.len() {
        if let Some(stat) = engine.look(directory).await? {
            let is_free = stat.kind == Kind::Directory;
            return Ok((!is_free).then(|| Refusal::LogInTheWay(name.clone())));
        }
        directory = parent(directory);
    }
    Ok(None)
}

/// Whether an entry for this ref would be written.
pub(super) async fn is_kept<S: WriteStorage>(
    engine: &Engine<S>,
    repository: &str,
    name: &str,
    log: LogRefUpdates,
) -> bool {
    log.makes(name.as_bytes())
        || matches!(engine.look(&format!("{repository}/logs/{name}")).await, Ok(Some(_)))
}

/// Removes the reflog of a ref.
pub(super) async fn remove<S: WriteStorage>(
    storage: &S,
    repository: &str,
    name: &BString,
) -> Result<(), StorageError> {
    let Ok(name) = name.to_str() else { return Ok(()) };
    let base = format!("{repository}/logs");
    match storage.remove_file(&format!("{base}/{name}")).await {
        Ok(()) => remove_empty_parents(storage, &base, name).await,
        Err(error) if error.is_absent() => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_cannot_forge_a_line() {
        let identity = Identity::new("A <x>\n B", "a@b>\t1");
        assert_eq!((&identity.name[..], &identity.email[..]), (&b"A x B"[..], &b"a@b1"[..]));
    }

    #[test]
    fn an_entry_has_git_s_form() {
        let (old, new) = (Oid::Sha1([0; 20]), Oid::Sha1([0x11; 20]));
        let identity = Identity::new("A", "a@b");
        let entry = Entry { old: &old, new: &new, identity: &identity, message: "push" };
        let zero = "0".repeat(40);
        let one = "1".repeat(40);
        assert_eq!(entry.line(17), format!("{zero} {one} A <a@b> 17 +0000\tpush\n").into_bytes());
    }
}
