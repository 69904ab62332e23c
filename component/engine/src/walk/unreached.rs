//! Which commits nothing reaches.

use std::collections::{BinaryHeap, HashSet};

use super::{Node, ObjectSet, Walk};
use crate::storage::Storage;
use crate::working_memory::Leased;
use crate::{Error, Result};

impl<S: Storage> Walk<'_, S> {
    /// Those of `targets` that none of `from` reaches.
    ///
    /// What is newest is looked at first, so that little is walked where all are reached. One is
    /// only said not to be when there is nothing left to look at, whatever dates and generations
    /// say: it may be the reason to cut history. Commits that are missing or broken reach nothing.
    pub(crate) async fn unreached(
        &mut self,
        from: &[Node],
        targets: Leased<HashSet<Node>>,
    ) -> Result<Leased<HashSet<Node>>> {
        let mut left = targets;
        let mut seen = ObjectSet::new(self.memory());
        // Each with the date of the commit that led to it: its own is not known before it is read.
        let mut queue = Leased::<BinaryHeap<(u64, Node)>>::new(self.memory());
        for node in from {
            if seen.insert(*node)? {
                left.remove(node);
                queue.push((u64::MAX, *node))?;
            }
        }
        while !left.is_empty()
            && let Some((_, node)) = queue.pop()
        {
            let commit = match self.commit(node).await {
                Ok(commit) => commit,
                Err(Error::Corrupt(_)) => continue,
                Err(error) => return Err(error),
            };
            for parent in &commit.parents {
                let Some(parent) = self.find(parent).await? else { continue };
                if seen.insert(parent)? {
                    left.remove(&parent);
                    queue.push((commit.date, parent))?;
                }
            }
        }
        Ok(left)
    }
}
