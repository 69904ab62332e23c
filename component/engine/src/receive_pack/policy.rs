//! What git itself refuses of a ref update, whoever pushes.
//!
//! Spec: git-config(1), "receive.deny*"; git-check-ref-format(1)

use bstr::{BStr, ByteSlice};
use gitwasi_wire::Oid;

use super::config::{Deny, ReceiveConfig};
use super::push::Command;
use super::response::Response;
use super::worktrees::Heads;
use crate::object::Kind;
use crate::refs::is_valid_name;
use crate::repository::RefStorage;
use crate::storage::WriteStorage;
use crate::upload_pack::Output;
use crate::walk::{Range, Walk};
use crate::{Repository, Result};

/// What git explains to who updates a branch that is checked out.
const CURRENT_BRANCH: &str = "\
By default, updating the current branch in a non-bare repository
is denied, because it will make the index and work tree inconsistent
with what you pushed, and will require 'git reset --hard' to match
the work tree to HEAD.

You can set the 'receive.denyCurrentBranch' configuration variable
to 'ignore' or 'warn' in the remote repository to allow pushing into
its current branch; however, this is not recommended unless you
arranged to update its work tree to match what you pushed in some
other way.

To squelch this message and still keep the default behaviour, set
'receive.denyCurrentBranch' configuration variable to 'refuse'.";

/// What git explains to who deletes the branch that HEAD points to.
const DELETE_CURRENT: &str = "\
By default, deleting the current branch is denied, because the next
'git clone' won't result in any file checked out, causing confusion.

You can set 'receive.denyDeleteCurrent' configuration variable to
'warn' or 'ignore' in the remote repository to allow deleting the
current branch, with or without a warning message.

To squelch this message, you can set it to 'refuse'.";

/// Why a ref update is refused, as the client sees it; `None` if it may be made.
///
/// `repository` has the objects of the push.
pub(super) async fn refusal<S: WriteStorage, O: Output>(
    repository: &Repository<S>,
    config: &ReceiveConfig,
    heads: &Heads,
    command: &mut Command<'_>,
    response: &mut Response<'_, S, O>,
) -> Result<Option<&'static str>> {
    let update = command.update;
    let name = update.name.as_bstr();
    let is_delete = command.is_delete();
    let is_branch = name.starts_with(b"refs/heads/");
    if !may_be_named(name, is_delete) {
        response.error(&format!("refusing to update funny ref '{name}' remotely"));
        return Ok(Some("funny refname"));
    }
    let is_own_head = heads.own.as_ref().is_some_and(|head| head == name);
    let is_checked_out = heads.checked_out.iter().any(|branch| branch == name);
    if is_checked_out {
        match config.deny_current_branch {
            Deny::Ignore => {}
            Deny::Warn => response.warning("updating the current branch"),
            deny => {
                response.error(&format!("refusing to update checked out branch: {name}"));
                if deny == Deny::Unconfigured {
                    response.error(CURRENT_BRANCH);
                }
                return Ok(Some("branch is currently checked out"));
            }
        }
    }
    if !is_delete && repository.odb().find(&update.new_oid).await?.is_none() {
        return Ok(Some("bad pack"));
    }
    if is_delete && !update.old_oid.is_zero() {
        if config.deny_deletes && is_branch {
            response.error(&format!("denying ref deletion for {name}"));
            return Ok(Some("deletion prohibited"));
        }
        if is_own_head || is_checked_out {
            match config.deny_delete_current {
                Deny::Ignore => {}
                Deny::Warn => response.warning("deleting the current branch"),
                deny => {
                    if deny == Deny::Unconfigured {
                        response.error(DELETE_CURRENT);
                    }
                    response.error(&format!("refusing to delete the current branch: {name}"));
                    return Ok(Some("deletion of the current branch prohibited"));
                }
            }
        }
    }
    let is_update = !is_delete && !update.old_oid.is_zero();
    if config.deny_non_fast_forwards && is_update && is_branch {
        match is_fast_forward(repository, command).await? {
            None => return Ok(Some("bad ref")),
            Some(true) => {}
            Some(false) => {
                response.error(&format!("denying non-fast-forward {name} (you should pull first)"));
                return Ok(Some("non-fast-forward"));
            }
        }
    }
    if is_delete && kind(repository, &update.old_oid).await?.is_none() {
        response.warning(match repository.resolve_ref(name).await? {
            Some(_) => "allowing deletion of corrupt ref",
            None => "deleting a non-existent ref",
        });
    }
    Ok(None)
}

/// What is wrong with a ref update that moves a branch to what is no commit.
///
/// Git finds it out when it writes the ref, so that it is the transaction that fails.
pub(super) async fn no_commit<S: WriteStorage>(
    repository: &Repository<S>,
    command: &Command<'_>,
) -> Result<Option<String>> {
    let (name, new) = (command.update.name.as_bstr(), &command.update.new_oid);
    if command.is_delete()
        || !name.starts_with(b"refs/heads/")
        || kind(repository, new).await? == Some(Kind::Commit)
    {
        return Ok(None);
    }
    let asked = match repository.config().ref_storage {
        RefStorage::Files => format!("cannot update ref '{name}': "),
        RefStorage::Reftable => String::new(),
    };
    Ok(Some(format!("{asked}trying to write non-commit object {new} to branch '{name}'")))
}

/// Only refs below `refs/` may be pushed to, and directly in it only deletes are allowed.
fn may_be_named(name: &BStr, is_delete: bool) -> bool {
    let Some(rest) = name.strip_prefix(b"refs/") else { return false };
    is_valid_name(name) && (is_delete || rest.contains(&b'/'))
}

async fn kind<S: WriteStorage>(repository: &Repository<S>, oid: &Oid) -> Result<Option<Kind>> {
    let odb = repository.odb();
    match odb.find(oid).await? {
        Some(location) => Ok(Some(odb.header(oid, location).await?.0)),
        None => Ok(None),
    }
}

/// Whether the old commit is an ancestor of the new one; `None` if they are no commits.
async fn is_fast_forward<S: WriteStorage>(
    repository: &Repository<S>,
    command: &Command<'_>,
) -> Result<Option<bool>> {
    let mut walk = Walk::new(repository).await?;
    let mut nodes = [None; 2];
    for (slot, oid) in nodes.iter_mut().zip([command.update.old_oid, command.update.new_oid]) {
        if kind(repository, &oid).await? == Some(Kind::Commit) {
            *slot = walk.find(&oid).await?;
        }
    }
    let [Some(old), Some(new)] = nodes else { return Ok(None) };
    let mut range = Range::new(walk.memory());
    range.include.push(old)?;
    range.exclude.push(new)?;
    let ahead = walk.limited(&range).await?;
    Ok(Some(!ahead.commits.iter().any(|found| found.node == old)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_as_git_checks_them() {
        for name in ["refs/heads/a", "refs/x/y", "refs/heads/a@b"] {
            assert!(may_be_named(name.into(), false), "{name}");
        }
        for name in
            ["HEAD", "refs/heads/a..b", "refs/heads/.a", "refs/heads/a.lock", "refs/", "refs/a"]
        {
            assert!(!may_be_named(name.into(), false), "{name}");
        }
        assert!(may_be_named("refs/a".into(), true));
    }
}
