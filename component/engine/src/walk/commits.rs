//! Commits reachable from some and not from others.

use std::collections::{BinaryHeap, HashMap};

use gitwasi_wire::Oid;

use super::{Node, Walk};
use crate::quick_hash::QuickState;
use crate::storage::Storage;
use crate::{Error, Result};

/// What to walk.
#[derive(Debug, Default)]
pub(crate) struct Range {
    /// Commits to begin with.
    pub(crate) include: Vec<Node>,
    /// Commits that are left out with all they reach.
    pub(crate) exclude: Vec<Node>,
    /// Commits older than this are left out with all they reach; seconds since 1970.
    pub(crate) since: Option<u64>,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Limited {
    /// The commits of the range, the newest first.
    pub(crate) commits: Vec<Found>,
}

/// A commit of the range.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) node: Node,
    pub(crate) tree_id: Oid,
    /// The trees of its parents, and whether these are outside of the range.
    pub(crate) parents: Vec<(Oid, bool)>,
}

const UNINTERESTING: u8 = 1;
const QUEUED: u8 = 2;

/// Commits of the uninteresting side that are looked at beyond the point where nothing else is
/// left, because dates lie. Git's number.
const SLOP: u32 = 5;

#[derive(Debug)]
struct Seen {
    node: Node,
    tree_id: Oid,
    parents: Vec<Node>,
    flags: u8,
}

#[derive(Debug, Default)]
struct State {
    seen: Vec<Seen>,
    index: HashMap<Node, u32, QuickState>,
    queue: BinaryHeap<(u64, std::cmp::Reverse<u32>)>,
    /// Commits in the queue that are still in the range.
    interesting: usize,
}

impl<S: Storage> Walk<'_, S> {
    /// Finds the commits of a range.
    ///
    /// # Limits
    /// [`crate::Limits::unpacked_objects`] commits, those outside that had to be looked at
    /// included.
    pub(crate) async fn limited(&mut self, range: &Range) -> Result<Limited> {
        let limited = self.limited_to(range, usize::MAX).await?;
        Ok(limited.unwrap_or_default())
    }

    /// As [`Self::limited`]; `None` when more than `most` commits were found that may be in the
    /// range.
    pub(super) async fn limited_to(
        &mut self,
        range: &Range,
        most: usize,
    ) -> Result<Option<Limited>> {
        let mut state = State::default();
        for node in &range.exclude {
            self.meet(&mut state, *node, UNINTERESTING, range).await?;
        }
        for node in &range.include {
            self.meet(&mut state, *node, 0, range).await?;
        }
        let mut found = Vec::new();
        let mut slop = SLOP;
        let mut oldest = u64::MAX;
        while let Some((date, std::cmp::Reverse(number))) = state.queue.pop() {
            let commit = &mut state.seen[number as usize];
            commit.flags &= !QUEUED;
            let uninteresting = commit.flags & UNINTERESTING != 0;
            let parents = commit.parents.clone();
            for parent in parents {
                let flags = if uninteresting { UNINTERESTING } else { 0 };
                self.meet(&mut state, parent, flags, range).await?;
            }
            if !uninteresting {
                state.interesting -= 1;
                oldest = date;
                found.push(number);
                if found.len() > most {
                    return Ok(None);
                }
            } else if state.interesting == 0 {
                let front = state.queue.peek().map(|(date, _)| *date);
                slop = if front.is_some_and(|front| front >= oldest) { SLOP } else { slop - 1 };
                if slop == 0 {
                    break;
                }
            } else {
                slop = SLOP;
            }
        }
        Ok(Some(state.result(&found)))
    }

    async fn meet(
        &mut self,
        state: &mut State,
        node: Node,
        mut flags: u8,
        range: &Range,
    ) -> Result<()> {
        if let Some(number) = state.index.get(&node) {
            if flags & UNINTERESTING != 0 {
                state.exclude(*number);
            }
            return Ok(());
        }
        if state.seen.len() >= self.repository.engine.limits.unpacked_objects {
            return Err(Error::LimitExceeded("unpacked_objects"));
        }
        let commit = match self.commit(node).await {
            Ok(commit) => commit,
            // What lies beyond what the client has need not be whole: git's walk, too, goes on.
            Err(Error::Corrupt(_)) if flags & UNINTERESTING != 0 => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut parents = Vec::with_capacity(commit.parents.len());
        for parent in &commit.parents {
            match self.find(parent).await? {
                Some(parent) => parents.push(parent),
                None if flags & UNINTERESTING != 0 => {}
                None => return Err(Error::Corrupt(format!("missing commit {parent}"))),
            }
        }
        if range.since.is_some_and(|since| commit.date < since) {
            flags |= UNINTERESTING;
        }
        let number = state.seen.len() as u32;
        state.index.insert(node, number);
        state.queue.push((commit.date, std::cmp::Reverse(number)));
        state.interesting += usize::from(flags & UNINTERESTING == 0);
        let tree_id = commit.tree_id;
        if flags & UNINTERESTING != 0 {
            // Where dates lie, a parent may have been met before.
            for parent in &parents {
                if let Some(number) = state.index.get(parent) {
                    state.exclude(*number);
                }
            }
        }
        state.seen.push(Seen { node, tree_id, parents, flags: flags | QUEUED });
        Ok(())
    }
}

impl State {
    /// Marks a commit, and what is known of its ancestors, as outside.
    fn exclude(&mut self, number: u32) {
        let mut stack = vec![number];
        while let Some(number) = stack.pop() {
            let commit = &mut self.seen[number as usize];
            if commit.flags & UNINTERESTING != 0 {
                continue;
            }
            commit.flags |= UNINTERESTING;
            if commit.flags & QUEUED != 0 {
                self.interesting -= 1;
            } else {
                stack.extend(commit.parents.iter().filter_map(|parent| self.index.get(parent)));
            }
        }
    }

    fn result(&self, found: &[u32]) -> Limited {
        let mut limited = Limited::default();
        for number in found {
            let commit = &self.seen[*number as usize];
            if commit.flags & UNINTERESTING != 0 {
                continue;
            }
            let parents = commit.parents.iter().filter_map(|parent| {
                let parent = &self.seen[*self.index.get(parent)? as usize];
                Some((parent.tree_id, parent.flags & UNINTERESTING != 0))
            });
            let parents = parents.collect();
            limited.commits.push(Found { node: commit.node, tree_id: commit.tree_id, parents });
        }
        limited
    }
}
