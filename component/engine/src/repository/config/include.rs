//! Configuration files that include others.
//!
//! What is included may forbid as well as allow: whatever cannot be read here, because it is
//! outside of the repository, or depends on what is not known here, is an error and never passed
//! over.
//!
//! Spec: git-config(1), "Includes", "Conditional includes"

use bstr::{BStr, BString, ByteSlice};

use super::value::{self, Entry};
use super::{RefStorage, format};
use crate::refs::reftable::{Section, Stack, Value};
use crate::storage::Storage;
use crate::{Engine, Error, Result};

/// Files within files. Git's number; past it the configuration is corrupt, as for git.
const MAX_DEPTH: usize = 10;

/// Files that one configuration includes, each counted as often as it is: files that include each
/// other could come to very many. Past it the repository is not opened.
const MAX_FILES: usize = 100;

/// The entries of a repository's configuration, with those of files that are included in their
/// places.
#[derive(Debug)]
pub(crate) struct Entries {
    /// Of the file itself: what decides the repository's format, whatever it includes.
    pub(crate) own: Vec<Entry>,
    /// All, in the order in which they count.
    pub(crate) all: Vec<Entry>,
    /// Whether anything but `config` was looked at.
    pub(crate) in_other_files: bool,
}

/// Reads `config`, `config.worktree` where it counts, and what they include.
pub(crate) async fn read<S: Storage>(engine: &Engine<S>, repository: &str) -> Result<Entries> {
    let content = engine.recall_file(&format!("{repository}/config")).await?.unwrap_or_default();
    let own = value::entries(&content)?;
    let mut reader = Reader { engine, repository, own: &own, files: 0, all: Vec::new() };
    reader.take(own.clone(), "").await?;
    let mut in_other_files = super::has_worktree_config(&own)?;
    if in_other_files {
        let path = format!("{repository}/config.worktree");
        let content = engine.read_small(&path).await?.unwrap_or_default();
        reader.take(value::entries(&content)?, "").await?;
    }
    in_other_files |= reader.files > 0;
    let all = reader.all;
    Ok(Entries { own, all, in_other_files })
}

#[derive(Debug)]
struct Reader<'a, S: Storage> {
    engine: &'a Engine<S>,
    repository: &'a str,
    own: &'a [Entry],
    files: usize,
    all: Vec<Entry>,
}

impl<S: Storage> Reader<'_, S> {
    /// Takes the entries of a file in `directory`, below the repository, and of what it includes.
    async fn take(&mut self, entries: Vec<Entry>, directory: &str) -> Result<()> {
        // The innermost file last.
        let mut open = vec![(entries.into_iter(), directory.to_owned())];
        while let Some((entries, directory)) = open.last_mut() {
            let Some(entry) = entries.next() else {
                open.pop();
                continue;
            };
            let condition = match (&*entry.section, &entry.subsection) {
                ("include", None) if entry.name == "path" => None,
                ("includeif", Some(condition)) if entry.name == "path" => Some(condition),
                _ => {
                    self.all.push(entry);
                    continue;
                }
            };
            let path = below(directory, entry.text()?)?;
            // Even if nothing comes of it: that may change without a change of the file.
            self.files += 1;
            if self.files > MAX_FILES {
                return Err(Error::LimitExceeded("included configuration files"));
            }
            if let Some(condition) = condition
                && !self.holds(condition.as_bstr()).await?
            {
                continue;
            }
            if open.len() > MAX_DEPTH {
                return Err(Error::corrupt("a configuration that includes itself"));
            }
            let file = format!("{}/{path}", self.repository);
            // One that is not there is none, for git too.
            let Some(content) = self.engine.read_small(&file).await? else { continue };
            let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
            open.push((value::entries(&content)?.into_iter(), directory.to_owned()));
        }
        Ok(())
    }

    async fn holds(&self, condition: &BStr) -> Result<bool> {
        if let Some(pattern) = condition.strip_prefix(b"onbranch:") {
            let Some(branch) = self.branch().await? else { return Ok(false) };
            let mut pattern = BString::from(pattern);
            if pattern.ends_with(b"/") {
                pattern.extend_from_slice(b"**");
            }
            let mode = gix_glob::wildmatch::Mode::NO_MATCH_SLASH_LITERAL;
            return Ok(gix_glob::wildmatch(pattern.as_bstr(), branch.as_bstr(), mode));
        }
        let known = [&b"gitdir:"[..], b"gitdir/i:", b"hasconfig:remote.*.url:"];
        if known.iter().any(|known| condition.starts_with(known)) {
            return Err(unsupported());
        }
        // For git, too, what it does not know does not hold.
        Ok(false)
    }

    /// The branch that HEAD points to, whether it is there or not.
    async fn branch(&self) -> Result<Option<BString>> {
        let (object_format, ref_storage) = format(self.own)?;
        let target: BString = match ref_storage {
            RefStorage::Files => {
                let head = self.engine.recall_file(&format!("{}/HEAD", self.repository)).await?;
                match head.as_deref().and_then(|head| head.strip_prefix(b"ref:")) {
                    Some(target) => target.trim_ascii().into(),
                    None => return Ok(None),
                }
            }
            RefStorage::Reftable => {
                let directory = format!("{}/reftable", self.repository);
                let stack = Stack::open_at(self.engine, &directory, object_format).await?;
                match stack.seek(Section::Refs, b"HEAD").await?.at(b"HEAD") {
                    Some(Value::Symbolic(target)) => target.as_slice().into(),
                    _ => return Ok(None),
                }
            }
        };
        Ok(target.strip_prefix(b"refs/heads/").map(BString::from))
    }
}

/// Where a file lies that one in `directory` includes, both below the repository.
///
/// # Errors
/// [`Error::Unsupported`] if it is outside, or may be: a path up could pass a link.
fn below(directory: &str, path: &BString) -> Result<String> {
    let path = path.to_str().map_err(|_| unsupported())?;
    let leads_away = |component: &str| component == "..";
    if path.is_empty() || path.starts_with(['/', '~', '%']) || path.split('/').any(leads_away) {
        return Err(unsupported());
    }
    Ok(if directory.is_empty() { path.to_owned() } else { format!("{directory}/{path}") })
}

fn unsupported() -> Error {
    Error::Unsupported("a configuration that includes what lies outside of the repository".into())
}
