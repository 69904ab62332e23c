//! Whether every want reaches something that the client has.

use std::collections::{HashMap, HashSet};

use super::{Node, Walk};
use crate::storage::Storage;
use crate::working_memory::Leased;
use crate::{Error, Result};

impl<S: Storage> Walk<'_, S> {
    /// Whether each of `from` reaches one of `targets`, without looking past other commits that
    /// are older than `oldest`, or that the commit-graph knows to reach none of them.
    ///
    /// # Limits
    /// [`crate::Limits::unpacked_objects`] commits.
    pub(crate) async fn all_reach(
        &mut self,
        from: &[Node],
        targets: &HashSet<Node>,
        oldest: u64,
    ) -> Result<bool> {
        // No commit of this generation reaches one of a greater or of the same, but itself.
        let mut least = (!targets.is_empty()).then_some(u64::MAX);
        for target in targets {
            let generation = self.generation(*target).await?;
            least = least.zip(generation).map(|(least, generation)| least.min(generation));
        }
        // True: reaches a target. False: looked at, and does not as far as is known.
        let mut known = Leased::<HashMap<Node, bool>>::new(self.memory());
        // Commits on the way, and where the parents begin that are still to be followed.
        let mut stack = Leased::<Vec<(Node, Option<usize>)>>::new(self.memory());
        let mut left = Leased::<Vec<Node>>::new(self.memory());
        for start in from {
            stack.push((*start, None))?;
            while let Some((node, parents)) = stack.last().copied() {
                if targets.contains(&node) || known.get(&node) == Some(&true) {
                    for (node, _) in stack.drain(..) {
                        known.insert(node, true)?;
                    }
                    left.clear();
                    break;
                }
                let Some(parents) = parents else {
                    if known.insert(node, false)?.is_some() {
                        stack.pop();
                        continue;
                    }
                    if known.len() >= self.repository.engine.limits.unpacked_objects {
                        return Err(Error::LimitExceeded("unpacked_objects"));
                    }
                    let commit = self.commit(node).await?;
                    let first = left.len();
                    let generation = match least {
                        Some(_) => self.generation(node).await?,
                        None => None,
                    };
                    let beyond = least.zip(generation).is_some_and(|(least, own)| own <= least);
                    if (commit.date >= oldest || node == *start) && !beyond {
                        for parent in commit.parents.iter().rev() {
                            left.extend(self.find(parent).await?)?;
                        }
                    }
                    if let Some((_, parents)) = stack.last_mut() {
                        *parents = Some(first);
                    }
                    continue;
                };
                let next = if left.len() > parents { left.pop() } else { None };
                match next {
                    Some(parent) => stack.push((parent, None))?,
                    None => _ = stack.pop(),
                }
            }
            if known.get(start) != Some(&true) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
