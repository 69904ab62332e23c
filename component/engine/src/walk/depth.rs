//! Commits within some distance of others.

use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use super::{Node, Walk};
use crate::storage::Storage;
use crate::working_memory::{Leased, Share};
use crate::{Error, Result};

/// The depth that asks for all of history.
pub(crate) const INFINITE: u32 = 0x7fff_ffff;

/// History, cut at a depth.
#[derive(Debug)]
pub(crate) struct Cut {
    /// Commits at the depth, or where the repository itself is shallow.
    pub(crate) shallow: Leased<Vec<Node>>,
    /// Commits nearer than that.
    pub(crate) within: Leased<HashSet<Node>>,
}

impl Cut {
    /// Nowhere.
    pub(crate) fn new(memory: &Rc<Share>) -> Self {
        let (shallow, within) = (Leased::<Vec<_>>::new(memory), Leased::<HashSet<_>>::new(memory));
        Self { shallow, within }
    }
}

impl<S: Storage> Walk<'_, S> {
    /// Finds where history has to be cut to have `depth` commits from each of `heads`, a head
    /// itself being the first.
    pub(crate) async fn cut_at_depth(&mut self, heads: &[Node], depth: u32) -> Result<Cut> {
        let mut cut = Cut::new(self.memory());
        let mut depths = Leased::<HashMap<Node, u32>>::new(self.memory());
        let mut queue = Leased::<VecDeque<_>>::new(self.memory());
        for head in heads {
            if depths.insert(*head, 1)?.is_none() {
                queue.push_back(*head)?;
            }
        }
        // Breadth first: a commit is first met at its least depth.
        while let Some(node) = queue.pop_front() {
            let at = depths.get(&node).copied().unwrap_or(1);
            if depth != INFINITE && at >= depth || self.is_shallow(node) {
                cut.shallow.push(node)?;
                continue;
            }
            cut.within.insert(node)?;
            if depths.len() >= self.repository.engine.limits.unpacked_objects {
                return Err(Error::LimitExceeded("unpacked_objects"));
            }
            for parent in self.commit(node).await?.parents {
                let parent = self.require(&parent).await?;
                if !depths.contains_key(&parent) {
                    depths.insert(parent, at + 1)?;
                    queue.push_back(parent)?;
                }
            }
        }
        Ok(cut)
    }
}
