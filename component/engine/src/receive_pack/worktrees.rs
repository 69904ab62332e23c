//! Which branches are checked out: in the repository itself and in its linked worktrees.
//!
//! A branch that is being rebased or bisected counts, although HEAD is detached meanwhile: the
//! end of either goes back to it.
//!
//! Spec: gitrepository-layout(5), "worktrees"; git-rebase(1); git-bisect(1)

use bstr::{BStr, BString, ByteSlice};
use gitwasi_wire::Oid;

use super::config::ReceiveConfig;
use super::push::Command;
use crate::refs::Resolved;
use crate::refs::reftable::{Section, Stack, Value};
use crate::repository::RefStorage;
use crate::storage::{Kind as FileKind, WriteStorage};
use crate::{Repository, Result};

/// The branches that are checked out somewhere.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// What the repository's own HEAD points to, if a ref update may depend on it.
    pub(super) own: Option<BString>,
    /// Those of all worktrees. A bare repository's own HEAD is none.
    pub(super) checked_out: Vec<BString>,
}

/// What a HEAD holds.
enum Head {
    Branch(BString),
    Detached,
    Nothing,
}

impl Heads {
    /// Reads those that `commands` have to be compared with.
    pub(super) async fn read<S: WriteStorage>(
        repository: &Repository<S>,
        config: &ReceiveConfig,
        commands: &[Command<'_>],
    ) -> Result<Self> {
        let mut heads = Self::default();
        // Nothing is checked out of a bare repository's own HEAD: it may be updated.
        if !config.is_bare || commands.iter().any(Command::is_delete) {
            let own = match repository.resolve_ref(BStr::new("HEAD")).await? {
                Some(Resolved::Ref(head)) => {
                    head.symref_target.map_or(Head::Detached, Head::Branch)
                }
                Some(Resolved::Unborn(target)) => Head::Branch(target),
                None => Head::Nothing,
            };
            if let Head::Branch(branch) = &own {
                heads.own = Some(branch.clone());
            }
            if !config.is_bare {
                heads.add(repository, &repository.path, own).await?;
            }
        }
        let engine = &repository.engine;
        let directory = repository.file("worktrees");
        let entries =
            match engine.storage.entries(&directory, engine.limits.directory_entries).await {
                Ok(entries) => entries,
                Err(error) if error.is_absent() => return Ok(heads),
                Err(error) => return Err(error.into()),
            };
        for entry in entries.iter().filter(|entry| entry.kind == FileKind::Directory) {
            let worktree = format!("{directory}/{}", entry.name);
            // Git knows no worktree that does not tell where it is.
            let place = engine.read_small(&format!("{worktree}/gitdir")).await?;
            if place.is_none_or(|place| place.is_empty()) {
                continue;
            }
            let head = head_of(repository, &worktree).await?;
            heads.add(repository, &worktree, head).await?;
        }
        Ok(heads)
    }

    async fn add<S: WriteStorage>(
        &mut self,
        repository: &Repository<S>,
        worktree: &str,
        head: Head,
    ) -> Result<()> {
        match head {
            Head::Branch(branch) => self.checked_out.push(branch),
            Head::Detached => {
                self.checked_out.extend(rebased(repository, worktree).await?);
                self.checked_out.extend(bisected(repository, worktree).await?);
            }
            Head::Nothing => {}
        }
        Ok(())
    }
}

/// What the HEAD of a linked worktree holds.
async fn head_of<S: WriteStorage>(repository: &Repository<S>, worktree: &str) -> Result<Head> {
    let engine = &repository.engine;
    if repository.config().ref_storage == RefStorage::Reftable {
        let directory = format!("{worktree}/reftable");
        if engine.look(&directory).await?.is_none() {
            return Ok(Head::Nothing);
        }
        let stack = Stack::open_at(engine, &directory, repository.object_format()).await?;
        let found = stack.seek(Section::Refs, b"HEAD").await?;
        return Ok(match found.at(b"HEAD") {
            Some(Value::Symbolic(target)) => Head::Branch(target.as_slice().into()),
            Some(Value::Direct(_) | Value::Tag(..)) => Head::Detached,
            _ => Head::Nothing,
        });
    }
    let head = engine.read_small(&format!("{worktree}/HEAD")).await?.unwrap_or_default();
    if let Some(target) = head.strip_prefix(b"ref:") {
        return Ok(Head::Branch(target.trim_ascii().into()));
    }
    let oid = head.get(..repository.object_format().hex_len()).and_then(Oid::from_hex);
    Ok(if oid.is_some() { Head::Detached } else { Head::Nothing })
}

/// The branch that a rebase in a worktree is about.
async fn rebased<S: WriteStorage>(
    repository: &Repository<S>,
    worktree: &str,
) -> Result<Option<BString>> {
    let engine = &repository.engine;
    let apply = format!("{worktree}/rebase-apply");
    if engine.look(&apply).await?.is_none() {
        return branch_in(repository, &format!("{worktree}/rebase-merge/head-name")).await;
    }
    // `git am` has a directory of the same name, and leaves HEAD where it is.
    match engine.look(&format!("{apply}/applying")).await? {
        Some(_) => Ok(None),
        None => branch_in(repository, &format!("{apply}/head-name")).await,
    }
}

/// The branch that a bisection in a worktree goes back to.
async fn bisected<S: WriteStorage>(
    repository: &Repository<S>,
    worktree: &str,
) -> Result<Option<BString>> {
    match repository.engine.look(&format!("{worktree}/BISECT_LOG")).await? {
        Some(_) => branch_in(repository, &format!("{worktree}/BISECT_START")).await,
        None => Ok(None),
    }
}

/// The branch that a file names, in full or by its last part.
async fn branch_in<S: WriteStorage>(
    repository: &Repository<S>,
    path: &str,
) -> Result<Option<BString>> {
    let content = repository.engine.read_small(path).await?.unwrap_or_default();
    let name = content.trim_end_with(|end| end == '\n');
    if name.is_empty() {
        return Ok(None);
    }
    let short = name.strip_prefix(b"refs/heads/").unwrap_or(name);
    Ok(Some([b"refs/heads/", short].concat().into()))
}
