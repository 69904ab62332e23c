//! Whether everything that new tips reach is there.
//!
//! What existing refs reach is there already; from where they end only what is new is walked.
//! Spec: git-rev-list(1), "--objects --not --all"

use std::collections::BTreeSet;
use std::rc::Rc;

use bstr::{BStr, BString, ByteSlice};
use gitwasi_wire::Oid;

use super::push::Command;
use crate::index_pack::NewObjects;
use crate::object::{Kind, Tag};
use crate::refs::{Resolved, is_hidden};
use crate::storage::WriteStorage;
use crate::upload_pack::Filter;
use crate::walk::{Range, Walk};
use crate::working_memory::{Lease, Leased, Share};
use crate::{Error, Repository, Result};

/// Bytes that an oid takes in a sorted set.
const EACH: usize = 64;

/// The first of the new tips that is not there, if that is why one is refused.
///
/// It is what the pusher is told of what is missing; git's words for what lies further back depend
/// on the order of its walk.
pub(super) async fn missing_tip<S: WriteStorage>(
    repository: &Repository<S>,
    commands: &[Command<'_>],
) -> Result<Option<Oid>> {
    for command in commands {
        let tip = command.update.new_oid;
        if command.refused.as_deref() == Some("missing necessary objects")
            && repository.odb().find(&tip).await?.is_none()
        {
            return Ok(Some(tip));
        }
    }
    Ok(None)
}

/// Oids in their order, each once.
struct Sorted {
    oids: BTreeSet<Oid>,
    lease: Lease,
}

impl Sorted {
    fn new(memory: &Rc<Share>) -> Self {
        Self { oids: BTreeSet::new(), lease: Lease::new(memory) }
    }

    fn insert(&mut self, oid: Oid) -> Result<()> {
        self.lease.cover((self.oids.len() + 1) * EACH)?;
        self.oids.insert(oid);
        Ok(())
    }
}

/// Checks tips against a repository that has the objects of the push.
#[derive(Debug)]
pub(super) struct Connectivity<'a, S: WriteStorage> {
    /// With the quarantine.
    pub(super) repository: &'a Repository<S>,
    /// The objects that came with the push.
    pub(super) new: &'a NewObjects,
    /// Refs that do not count as existing.
    pub(super) hidden: &'a [BString],
    /// What the refs that are updated are at; looked at first.
    pub(super) old: Vec<Oid>,
}

impl<S: WriteStorage> Connectivity<'_, S> {
    /// Whether all that `tips` reach is there, with history cut at `shallow` too.
    ///
    /// # Errors
    /// Those of the storage, and limits. An object that is missing or broken is no error.
    pub(super) async fn is_whole(&self, tips: &[Oid], shallow: &[Oid]) -> Result<bool> {
        if self.new.is_closed() && self.are_new(tips).await {
            return Ok(true);
        }
        match self.check(tips, shallow).await {
            Ok(()) => Ok(true),
            Err(Error::Corrupt(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether tips came with the push, and are no tags that stand for too many others.
    async fn are_new(&self, tips: &[Oid]) -> bool {
        for tip in tips {
            match self.new.kind(tip) {
                None => return false,
                Some(Kind::Tag) if self.repository.odb().peel(tip).await.is_err() => return false,
                Some(_) => {}
            }
        }
        true
    }

    async fn check(&self, tips: &[Oid], shallow: &[Oid]) -> Result<()> {
        let mut walk = Walk::new(self.repository).await?;
        for oid in shallow {
            if let Some(node) = walk.find(oid).await? {
                walk.cut(node)?;
            }
        }
        let edge = self.edge(&mut walk, tips).await?;
        if self.is_reachable(&mut walk, &edge.oids).await? {
            let edge = Leased::<Vec<_>>::of(walk.memory(), edge.oids.iter().copied())?;
            return walk.require_up_to(tips, &edge).await;
        }
        let known = self.existing_tips().await?;
        walk.select(tips, &known, false, &Filter::default()).await.map(drop)
    }

    /// Where the history that is new ends: commits, and tags that are no news either.
    async fn edge(&self, walk: &mut Walk<'_, S>, tips: &[Oid]) -> Result<Sorted> {
        let format = self.repository.object_format();
        let limit = self.repository.engine.limits.unpacked_objects;
        let mut edge = Sorted::new(walk.memory());
        let mut seen = crate::walk::ObjectSet::new(walk.memory());
        let mut stack = Leased::<Vec<_>>::of(walk.memory(), tips.iter().copied())?;
        while let Some(oid) = stack.pop() {
            match self.new.kind(&oid) {
                None => {
                    edge.insert(oid)?;
                    if edge.oids.len() > limit {
                        return Err(Error::LimitExceeded("unpacked_objects"));
                    }
                }
                Some(Kind::Commit) => {
                    let node = walk.require(&oid).await?;
                    if seen.insert(node)? {
                        stack.extend(walk.commit(node).await?.parents)?;
                    }
                }
                Some(Kind::Tag) => {
                    let node = walk.require(&oid).await?;
                    if seen.insert(node)? {
                        stack.push(Tag::parse(&walk.read(node).await?.content, format)?.target)?;
                    }
                }
                Some(Kind::Tree | Kind::Blob) => {}
            }
        }
        Ok(edge)
    }

    /// Whether refs reach all of `edge`, as far as that can be told without a walk from each.
    async fn is_reachable(&self, walk: &mut Walk<'_, S>, edge: &BTreeSet<Oid>) -> Result<bool> {
        let mut lease = Lease::new(walk.memory());
        lease.cover(edge.len() * EACH)?;
        let mut left = edge.clone();
        let mut known = self.old.clone();
        for oid in &known {
            left.remove(oid);
        }
        // Most branches begin where HEAD is, and there may be many others to look at.
        if !left.is_empty()
            && let Some(Resolved::Ref(head)) =
                self.repository.resolve_ref(BStr::new("HEAD")).await?
        {
            left.remove(&head.oid);
            known.push(head.oid);
        }
        if left.is_empty() {
            return Ok(true);
        }
        let mut refs = self.repository.refs(&[]).await?;
        while let Some(found) = refs.next().await? {
            if !is_hidden(found.name.as_bstr(), self.hidden)
                && left.remove(&found.oid)
                && left.is_empty()
            {
                return Ok(true);
            }
        }
        // A branch that begins somewhere in the history of what is pushed to, or of HEAD.
        let mut range = Range::new(walk.memory());
        for oid in &left {
            let Some((_, node)) = walk.peel_to_commit(oid).await? else { return Ok(false) };
            range.include.push(node)?;
        }
        for oid in known {
            range.exclude.extend(walk.peel_to_commit(&oid).await?.map(|(_, node)| node))?;
        }
        Ok(!range.exclude.is_empty() && walk.limited(&range).await?.commits.is_empty())
    }

    /// What all refs that count are at.
    async fn existing_tips(&self) -> Result<Leased<Vec<Oid>>> {
        let mut tips = Sorted::new(&self.repository.memory);
        let mut refs = self.repository.refs(&[]).await?;
        while let Some(found) = refs.next().await? {
            if !found.oid.is_zero() && !is_hidden(found.name.as_bstr(), self.hidden) {
                tips.insert(found.oid)?;
            }
        }
        Leased::<Vec<_>>::of(&self.repository.memory, tips.oids.iter().copied())
    }
}
