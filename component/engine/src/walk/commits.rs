//! Commits reachable from some and not from others.

use std::collections::{BinaryHeap, HashMap};
use std::rc::Rc;

use gitwasi_wire::Oid;

use super::{Node, Walk};
use crate::quick_hash::QuickState;
use crate::storage::Storage;
use crate::working_memory::{Leased, Share};
use crate::{Error, Result};

/// What to walk.
#[derive(Debug)]
pub(crate) struct Range {
    /// Commits to begin with.
    pub(crate) include: Leased<Vec<Node>>,
    /// Commits that are left out with all they reach.
    pub(crate) exclude: Leased<Vec<Node>>,
    /// Commits older than this are left out with all they reach; seconds since 1970.
    pub(crate) since: Option<u64>,
    /// Whether all places where the range ends are in `exclude`: nothing beyond them is looked at.
    pub(crate) exact: bool,
}

impl Range {
    /// No commit.
    pub(crate) fn new(memory: &Rc<Share>) -> Self {
        let (include, exclude) = (Leased::<Vec<_>>::new(memory), Leased::<Vec<_>>::new(memory));
        Self { include, exclude, since: None, exact: false }
    }
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Limited {
    /// The commits of the range, the newest first.
    pub(crate) commits: Leased<Vec<Found>>,
    state: State,
}

/// A commit of the range.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) node: Node,
    number: u32,
}

const UNINTERESTING: u8 = 1;
const QUEUED: u8 = 2;

/// Commits of the uninteresting side that are looked at beyond the point where nothing else is
/// left, because dates lie. Git's number.
const SLOP: u32 = 5;

/// What is kept for each commit, in or out of the range: 56 bytes, and about 30 in the index.
#[derive(Debug)]
struct Seen {
    node: Node,
    tree_id: Oid,
    flags: u8,
    /// Where in [`State::parents`] its parents begin; they end where those of the next begin.
    parents: u32,
}

#[derive(Debug)]
struct State {
    memory: Rc<Share>,
    seen: Leased<Vec<Seen>>,
    parents: Leased<Vec<Node>>,
    index: Leased<HashMap<Node, u32, QuickState>>,
    queue: Leased<BinaryHeap<(u64, std::cmp::Reverse<u32>)>>,
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
        match self.limited_to(range, usize::MAX).await? {
            Some(limited) => Ok(limited),
            None => State::new(self.memory()).result(Leased::<Vec<_>>::new(self.memory())),
        }
    }

    /// As [`Self::limited`]; `None` when more than `most` commits were found that may be in the
    /// range.
    pub(super) async fn limited_to(
        &mut self,
        range: &Range,
        most: usize,
    ) -> Result<Option<Limited>> {
        let mut state = State::new(self.memory());
        for node in range.exclude.iter() {
            self.meet(&mut state, *node, UNINTERESTING, range).await?;
        }
        for node in range.include.iter() {
            self.meet(&mut state, *node, 0, range).await?;
        }
        let mut found = Leased::<Vec<_>>::new(self.memory());
        let mut slop = SLOP;
        let mut oldest = u64::MAX;
        while let Some((date, std::cmp::Reverse(number))) = state.queue.pop() {
            let commit = &mut state.seen[number as usize];
            commit.flags &= !QUEUED;
            let uninteresting = commit.flags & UNINTERESTING != 0;
            if uninteresting && range.exact {
                continue;
            }
            for at in state.parents_of(number) {
                let parent = state.parents[at];
                let flags = if uninteresting { UNINTERESTING } else { 0 };
                self.meet(&mut state, parent, flags, range).await?;
            }
            if !uninteresting {
                state.interesting -= 1;
                oldest = date;
                found.push(number)?;
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
        state.result(found).map(Some)
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
                state.exclude(*number)?;
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
        let first_parent = state.parents.len();
        for parent in &commit.parents {
            match self.find(parent).await? {
                Some(parent) => state.parents.push(parent)?,
                None if flags & UNINTERESTING != 0 => {}
                None => return Err(Error::Corrupt(format!("missing commit {parent}"))),
            }
        }
        let parents =
            u32::try_from(first_parent).map_err(|_| Error::LimitExceeded("unpacked_objects"))?;
        if range.since.is_some_and(|since| commit.date < since) {
            flags |= UNINTERESTING;
        }
        let number = state.seen.len() as u32;
        state.index.insert(node, number)?;
        state.queue.push((commit.date, std::cmp::Reverse(number)))?;
        state.interesting += usize::from(flags & UNINTERESTING == 0);
        let tree_id = commit.tree_id;
        if flags & UNINTERESTING != 0 {
            // Where dates lie, a parent may have been met before.
            for at in first_parent..state.parents.len() {
                if let Some(number) = state.index.get(&state.parents[at]) {
                    state.exclude(*number)?;
                }
            }
        }
        state.seen.push(Seen { node, tree_id, flags: flags | QUEUED, parents })
    }
}

impl Limited {
    /// The root tree of a commit of the range.
    pub(crate) fn tree_id(&self, commit: Found) -> Oid {
        self.state.seen[commit.number as usize].tree_id
    }

    /// The trees of a commit's parents, and whether these are outside of the range.
    pub(crate) fn parents(&self, commit: Found) -> impl Iterator<Item = (Oid, bool)> {
        self.state.parents_of(commit.number).filter_map(|at| {
            let number = self.state.index.get(&self.state.parents[at])?;
            let parent = &self.state.seen[*number as usize];
            Some((parent.tree_id, parent.flags & UNINTERESTING != 0))
        })
    }
}

impl State {
    fn new(memory: &Rc<Share>) -> Self {
        Self {
            memory: Rc::clone(memory),
            seen: Leased::<Vec<_>>::new(memory),
            parents: Leased::<Vec<_>>::new(memory),
            index: Leased::<HashMap<_, _, _>>::new(memory),
            queue: Leased::<BinaryHeap<_>>::new(memory),
            interesting: 0,
        }
    }

    /// The places of a commit's parents.
    fn parents_of(&self, number: u32) -> std::ops::Range<usize> {
        let start = |number: usize| self.seen.get(number).map(|commit| commit.parents as usize);
        let number = number as usize;
        let end = start(number + 1).unwrap_or(self.parents.len());
        start(number).unwrap_or(end)..end
    }

    /// Marks a commit, and what is known of its ancestors, as outside.
    fn exclude(&mut self, number: u32) -> Result<()> {
        let mut stack = Leased::<Vec<_>>::of(&self.memory, [number])?;
        while let Some(number) = stack.pop() {
            let commit = &mut self.seen[number as usize];
            if commit.flags & UNINTERESTING != 0 {
                continue;
            }
            commit.flags |= UNINTERESTING;
            if commit.flags & QUEUED != 0 {
                self.interesting -= 1;
            } else {
                let parents = self.parents_of(number);
                let parents = parents.filter_map(|at| self.index.get(&self.parents[at]));
                stack.extend(parents.copied())?;
            }
        }
        Ok(())
    }

    fn result(mut self, found: Leased<Vec<u32>>) -> Result<Limited> {
        self.queue = Leased::<BinaryHeap<_>>::new(&self.memory);
        let inside = found.iter().filter_map(|number| {
            let commit = &self.seen[*number as usize];
            let node = commit.node;
            (commit.flags & UNINTERESTING == 0).then_some(Found { node, number: *number })
        });
        let commits = Leased::<Vec<_>>::of(&self.memory, inside)?;
        Ok(Limited { commits, state: self })
    }
}
