//! What client and server have in common.
//!
//! Spec: gitprotocol-pack(5), "Packfile Negotiation"

use std::collections::HashSet;
use std::rc::Rc;

use gitwasi_wire::Oid;

use crate::Result;
use crate::object::Kind;
use crate::storage::Storage;
use crate::walk::{Node, Walk};
use crate::working_memory::{Leased, Share};

/// The client's haves that are here too.
#[derive(Debug)]
pub(super) struct Common {
    /// Those that tell something new, in the client's order.
    pub(super) oids: Leased<Vec<Oid>>,
    they_have: Leased<HashSet<Node>>,
    oldest: Option<u64>,
}

impl Common {
    /// Nothing yet.
    pub(super) fn new(memory: &Rc<Share>) -> Self {
        let (oids, they_have) = (Leased::<Vec<_>>::new(memory), Leased::<HashSet<_>>::new(memory));
        Self { oids, they_have, oldest: None }
    }

    /// Notes a have; false if there is no such object here.
    pub(super) async fn add<S: Storage>(
        &mut self,
        walk: &mut Walk<'_, S>,
        have: &Oid,
    ) -> Result<bool> {
        let Some(node) = walk.find(have).await? else { return Ok(false) };
        let mut known = false;
        if walk.kind(node).await? == Kind::Commit {
            known = !self.they_have.insert(node)?;
            let commit = walk.commit(node).await?;
            if self.oldest.is_none_or(|oldest| commit.date < oldest) {
                self.oldest = Some(commit.date);
            }
            for parent in &commit.parents {
                if let Some(parent) = walk.find(parent).await? {
                    self.they_have.insert(parent)?;
                }
            }
        }
        if !known {
            self.oids.push(*have)?;
        }
        Ok(true)
    }

    /// Whether every want reaches something in common, so that a pack can be made.
    pub(super) async fn suffices<S: Storage>(
        &self,
        walk: &mut Walk<'_, S>,
        wants: &[Oid],
    ) -> Result<bool> {
        if self.oids.is_empty() {
            return Ok(false);
        }
        let mut from = Leased::<Vec<_>>::new(walk.memory());
        for want in wants {
            // What is no commit in the end cannot be told by ancestry: not worried about.
            from.extend(walk.peel_to_commit(want).await?.map(|(_, node)| node))?;
        }
        walk.all_reach(&from, &self.they_have, self.oldest.unwrap_or(0)).await
    }
}
