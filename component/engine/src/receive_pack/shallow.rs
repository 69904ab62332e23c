//! Pushes from clients whose own history is cut.
//!
//! A client names the commits at which its history ends. Most of them are none of our business:
//! below what existing refs reach, our history goes on. A ref update whose new history reaches one
//! that came with the push, or that nothing reaches any more, would cut our history, too: it is
//! refused, unless `receive.shallowUpdate` lets the commit become one of our own shallow ones.
//!
//! Spec: gitprotocol-pack(5), "Shallow"; git-config(1), "receive.shallowUpdate"

use std::collections::{HashMap, HashSet};

use bstr::BStr;
use gitwasi_wire::Oid;

use crate::index_pack::NewObjects;
use crate::refs::Resolved;
use crate::storage::WriteStorage;
use crate::transaction::ShallowFile;
use crate::walk::{Node, ObjectSet, Range, Walk};
use crate::working_memory::Leased;
use crate::{Error, Repository, Result};

/// Commits at which our own history is to be cut, by the number of the ref update.
pub(super) type Cuts = Vec<(usize, Leased<Vec<Oid>>)>;

/// The client's shallow commits, as far as we have them and are not cut there already.
#[derive(Debug)]
pub(super) struct ClientShallow {
    /// Each with whether it came with the push: then no ref can reach it.
    commits: Leased<Vec<(Oid, bool)>>,
}

impl ClientShallow {
    /// Those of `shallow` that can matter. `before` is the repository without the objects of the
    /// push, `repository` that with them, which are `new`.
    pub(super) async fn new<S: WriteStorage>(
        before: &Repository<S>,
        repository: &Repository<S>,
        new: &NewObjects,
        shallow: &[Oid],
    ) -> Result<Self> {
        let memory = &repository.memory;
        let mut commits = Leased::<Vec<_>>::new(memory);
        if shallow.is_empty() {
            return Ok(Self { commits });
        }
        let own = repository.shallow().await?;
        let own = Leased::<HashSet<Oid>>::of(memory, own.iter().copied())?;
        for oid in shallow.iter().filter(|oid| !own.contains(*oid)) {
            if repository.odb().find(oid).await?.is_some() {
                // A repack may hide from `before` for a moment what was there all along.
                let is_new = new.kind(oid).is_some() && before.odb().find(oid).await?.is_none();
                commits.push((*oid, is_new))?;
            }
        }
        Ok(Self { commits })
    }

    /// Where our history would be cut by ref updates, each given by its number and its new tip.
    ///
    /// # Errors
    /// Those of the storage, limits, and [`Error::Corrupt`] if objects are missing.
    pub(super) async fn needed<S: WriteStorage>(
        &self,
        repository: &Repository<S>,
        updates: &[(usize, Oid)],
    ) -> Result<Cuts> {
        let mut needed = Vec::new();
        if self.commits.is_empty() {
            return Ok(needed);
        }
        let mut walk = Walk::new(repository).await?;
        let mut ends = Leased::<HashMap<Node, (Oid, bool)>>::new(walk.memory());
        for (oid, is_new) in self.commits.iter() {
            if let Some(node) = walk.find(oid).await? {
                ends.insert(node, (*oid, *is_new))?;
            }
        }
        let mut range = Range::new(walk.memory());
        range.exclude = existing_commits(&mut walk).await?;
        let mut tips = Leased::<Vec<_>>::new(walk.memory());
        for (number, oid) in updates {
            tips.extend(walk.peel_to_commit(oid).await?.map(|(_, node)| (*number, node)))?;
        }
        range.include.extend(tips.iter().map(|(_, node)| *node))?;
        // Nothing below the client's cuts is walked here. So existing refs leave out what they reach
        // above these, and some commits are found that are no news.
        for node in ends.keys() {
            walk.cut(*node)?;
        }
        let found = walk.limited(&range).await?;
        for node in ends.keys() {
            walk.uncut(*node);
        }
        let mut inside = ObjectSet::new(walk.memory());
        let mut cuts = Leased::<HashSet<Node>>::new(walk.memory());
        let mut known = Leased::<HashSet<Node>>::new(walk.memory());
        for commit in found.commits.iter() {
            inside.insert(commit.node)?;
            match ends.get(&commit.node) {
                None => {}
                Some((_, true)) => _ = cuts.insert(commit.node)?,
                Some((_, false)) => _ = known.insert(commit.node)?,
            }
        }
        drop(found);
        for node in walk.unreached(&range.exclude, known).await?.iter() {
            cuts.insert(*node)?;
        }
        if cuts.is_empty() {
            return Ok(needed);
        }
        for (number, tip) in tips.iter() {
            let mut reached = Leased::<Vec<_>>::new(walk.memory());
            let mut seen = ObjectSet::new(walk.memory());
            let mut stack = Leased::<Vec<_>>::of(walk.memory(), [*tip])?;
            while let Some(node) = stack.pop() {
                if !inside.contains(node) || !seen.insert(node)? {
                    continue;
                }
                let Some((oid, _)) = ends.get(&node) else {
                    for parent in walk.commit(node).await?.parents {
                        stack.extend(walk.find(&parent).await?)?;
                    }
                    continue;
                };
                if cuts.contains(&node) {
                    reached.push(*oid)?;
                }
            }
            if !reached.is_empty() {
                needed.push((*number, reached));
            }
        }
        Ok(needed)
    }
}

/// The commits that HEAD and all refs are at, hidden ones too: their history is not to be cut
/// either.
async fn existing_commits<S: WriteStorage>(walk: &mut Walk<'_, S>) -> Result<Leased<Vec<Node>>> {
    let repository = walk.repository;
    let mut oids = Leased::<HashSet<Oid>>::new(walk.memory());
    if let Some(Resolved::Ref(head)) = repository.resolve_ref(BStr::new("HEAD")).await? {
        oids.insert(head.oid)?;
    }
    let mut refs = repository.refs(&[]).await?;
    while let Some(found) = refs.next().await? {
        oids.insert(found.oid)?;
    }
    let mut nodes = Leased::<Vec<_>>::new(walk.memory());
    for oid in oids.iter() {
        match walk.peel_to_commit(oid).await {
            Ok(commit) => nodes.extend(commit.map(|(_, node)| node))?,
            // A broken ref has no history.
            Err(Error::Corrupt(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(nodes)
}

/// Cuts our own history at `new` commits, too.
pub(super) async fn extend<S: WriteStorage>(
    repository: &Repository<S>,
    scratch: &str,
    timeout: u64,
    new: &[Oid],
) -> Result<()> {
    let Some(lock) = ShallowFile::lock(repository, scratch, timeout).await? else {
        return Err(Error::Unsupported("shallow.lock is held".into()));
    };
    lock.extend(new).await
}
