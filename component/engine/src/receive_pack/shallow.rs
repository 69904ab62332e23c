//! Pushes from clients whose own history is cut.
//!
//! A client names the commits at which its history ends. A ref update whose new history reaches
//! one of them would cut our history, too: it is refused, unless `receive.shallowUpdate` lets the
//! commit become one of our own shallow ones.
//!
//! Spec: gitprotocol-pack(5), "Shallow"; git-config(1), "receive.shallowUpdate"

use std::collections::HashMap;

use gitwasi_wire::Oid;

use super::connectivity::Connectivity;
use crate::storage::WriteStorage;
use crate::transaction::ShallowFile;
use crate::walk::{Range, Walk};
use crate::working_memory::Leased;
use crate::{Repository, Result};

/// The client's shallow commits that are no news to us only as far as we have them whole.
#[derive(Debug)]
pub(super) struct ClientShallow {
    commits: Leased<Vec<Oid>>,
}

impl ClientShallow {
    /// Those of `shallow` that can matter: which `repository`, with the objects of the push, has
    /// and which are not cut there already.
    pub(super) async fn new<S: WriteStorage>(
        repository: &Repository<S>,
        shallow: &[Oid],
    ) -> Result<Self> {
        let mut commits = Leased::<Vec<_>>::new(&repository.memory);
        if shallow.is_empty() {
            return Ok(Self { commits });
        }
        let own = repository.shallow().await?;
        for oid in shallow {
            if !own.contains(oid) && repository.odb().find(oid).await?.is_some() {
                commits.push(*oid)?;
            }
        }
        Ok(Self { commits })
    }

    /// Which of them the new history behind `tip` reaches.
    pub(super) async fn reached<S: WriteStorage>(
        &self,
        connectivity: &Connectivity<'_, S>,
        tip: &Oid,
    ) -> Result<Vec<Oid>> {
        if self.commits.is_empty() {
            return Ok(Vec::new());
        }
        let mut walk = Walk::new(connectivity.repository).await?;
        let mut cut = Leased::<HashMap<_, _>>::new(walk.memory());
        for oid in self.commits.iter() {
            if let Some(node) = walk.find(oid).await? {
                walk.cut(node)?;
                cut.insert(node, *oid)?;
            }
        }
        let Some((_, tip)) = walk.peel_to_commit(tip).await? else { return Ok(Vec::new()) };
        let mut range = Range::new(walk.memory());
        range.include.push(tip)?;
        for oid in connectivity.existing_tips().await?.iter() {
            range.exclude.extend(walk.peel_to_commit(oid).await?.map(|(_, node)| node))?;
        }
        let found = walk.limited(&range).await?;
        Ok(found.commits.iter().filter_map(|found| cut.get(&found.node).copied()).collect())
    }
}

/// Cuts our own history at `new` commits, too.
pub(super) async fn extend<S: WriteStorage>(
    repository: &Repository<S>,
    scratch: &str,
    timeout: u64,
    new: &[Oid],
) -> Result<()> {
    let Some(lock) = ShallowFile::lock(repository, scratch, timeout).await? else {
        return Err(crate::Error::Unsupported("shallow.lock is held".into()));
    };
    lock.extend(new).await
}
