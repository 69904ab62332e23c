//! Where the client's history will be cut, and what that asks to be sent.
//!
//! Spec: gitprotocol-pack(5), "Packfile Negotiation"; gitprotocol-v2(5), "fetch"

use std::collections::HashSet;

use bstr::{BStr, ByteSlice};
use gitwasi_wire::Oid;

use super::fetch_args::FetchArgs;
use crate::object::Kind;
use crate::refs::{Resolved, is_hidden};
use crate::storage::Storage;
use crate::walk::depth::{Cut, INFINITE};
use crate::walk::{Node, Range, Walk};
use crate::working_memory::Leased;
use crate::{Error, Result};

/// What to walk from and what to leave out.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) wants: Leased<Vec<Oid>>,
    pub(super) haves: Leased<Vec<Oid>>,
    /// Whether history is cut anywhere.
    pub(super) shallow: bool,
}

/// What the client has to be told of where its history ends.
#[derive(Debug)]
pub(super) struct Lines {
    /// Commits at which it ends now.
    pub(super) shallow: Leased<Vec<Oid>>,
    /// Commits at which it ended, and no longer does.
    pub(super) unshallow: Leased<Vec<Oid>>,
}

/// Whether the client knows where the repository's own history is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OwnCuts {
    /// The advertisement has told it.
    Advertised,
    /// Nobody has.
    ToTell,
}

impl Plan {
    pub(super) fn new(arguments: &FetchArgs, haves: Leased<Vec<Oid>>) -> Result<Self> {
        let wants = Leased::<Vec<_>>::of(&arguments.memory, arguments.wants.iter().copied())?;
        Ok(Self { wants, haves, shallow: false })
    }

    /// Cuts the walk's history where the client's will be, and says what it has to be told.
    pub(super) async fn deepen<S: Storage>(
        &mut self,
        walk: &mut Walk<'_, S>,
        arguments: &FetchArgs,
        own: OwnCuts,
    ) -> Result<Lines> {
        let memory = walk.memory();
        let mut client = Leased::<Vec<_>>::new(memory);
        for oid in &arguments.shallow {
            // Git too passes over what it does not have: the client may be shallow elsewhere.
            if let Some(node) = walk.find(oid).await? {
                if walk.header(node).await?.0 != Kind::Commit {
                    return Err(Error::Malformed(format!("invalid shallow object {oid}")));
                }
                client.push(node)?;
            }
        }
        let cut = if arguments.deepens() {
            cut(walk, arguments, &client).await?
        } else {
            own_cuts(walk, arguments, &client, own).await?
        };
        let (shallow, unshallow) = (Leased::<Vec<_>>::new(memory), Leased::<Vec<_>>::new(memory));
        let mut lines = Lines { shallow, unshallow };
        let client_set = Leased::<HashSet<Node>>::of(memory, client.iter().copied())?;
        for node in cut.shallow.iter() {
            if !client_set.contains(node) {
                lines.shallow.push(walk.oid(*node).await?)?;
            }
        }
        if arguments.deepens() {
            for node in client.iter() {
                if cut.within.contains(node) {
                    let oid = walk.oid(*node).await?;
                    lines.unshallow.push(oid)?;
                    // The client has the commit, but not what is behind it.
                    self.wants.extend(walk.commit(*node).await?.parents)?;
                    self.haves.push(oid)?;
                }
            }
        }
        for node in cut.shallow.iter().chain(client.iter()) {
            walk.cut(*node)?;
            self.shallow = true;
        }
        Ok(lines)
    }
}

/// Where history is cut as the client asks for it.
async fn cut<S: Storage>(
    walk: &mut Walk<'_, S>,
    arguments: &FetchArgs,
    client: &[Node],
) -> Result<Cut> {
    let heads = heads(walk, arguments).await?;
    match arguments.depth {
        // All of history is here: nothing has to be walked to know.
        Some(INFINITE) if !walk.is_cut() => {
            let within = Leased::<HashSet<_>>::of(walk.memory(), client.iter().copied())?;
            Ok(Cut { within, ..Cut::new(walk.memory()) })
        }
        Some(depth) if arguments.deepen_relative => {
            let reachable = reachable(walk, client).await?;
            walk.cut_at_depth(&reachable, depth.saturating_add(1).min(INFINITE)).await
        }
        Some(depth) => walk.cut_at_depth(&heads, depth).await,
        None => by_range(walk, arguments, heads).await,
    }
}

/// Those of the client's shallow commits that the refs reach which it may see.
async fn reachable<S: Storage>(
    walk: &mut Walk<'_, S>,
    client: &[Node],
) -> Result<Leased<Vec<Node>>> {
    let mut range = Range::new(walk.memory());
    range.include.extend_from_slice(client)?;
    let repository = walk.repository;
    let config = repository.config();
    let hidden_too = config.allow_tip_sha1_in_want || config.allow_reachable_sha1_in_want;
    let hidden = |name: &BStr| !hidden_too && is_hidden(name, &config.hide_refs);
    if let Some(Resolved::Ref(head)) = repository.resolve_ref("HEAD".into()).await?
        && !hidden("HEAD".into())
    {
        range.exclude.extend(walk.peel_to_commit(&head.oid).await?.map(|(_, node)| node))?;
    }
    let mut refs = repository.refs(&[]).await?;
    while let Some(found) = refs.next().await? {
        if !hidden(found.name.as_bstr()) {
            range.exclude.extend(walk.peel_to_commit(&found.oid).await?.map(|(_, node)| node))?;
        }
    }
    let beyond = walk.limited(&range).await?;
    let beyond = beyond.commits.iter().map(|commit| commit.node);
    let beyond = Leased::<HashSet<Node>>::of(walk.memory(), beyond)?;
    let reachable = client.iter().copied().filter(|node| !beyond.contains(node));
    Leased::<Vec<_>>::of(walk.memory(), reachable)
}

/// The commits that are wanted.
async fn heads<S: Storage>(
    walk: &mut Walk<'_, S>,
    arguments: &FetchArgs,
) -> Result<Leased<Vec<Node>>> {
    let mut heads = Leased::<Vec<_>>::new(walk.memory());
    for want in arguments.wants.iter() {
        heads.extend(walk.peel_to_commit(want).await?.map(|(_, node)| node))?;
    }
    Ok(heads)
}

/// Where the repository's own history is cut, as far as the wants reach.
async fn own_cuts<S: Storage>(
    walk: &mut Walk<'_, S>,
    arguments: &FetchArgs,
    client: &[Node],
    own: OwnCuts,
) -> Result<Cut> {
    if own == OwnCuts::Advertised || !walk.is_cut() {
        return Ok(Cut::new(walk.memory()));
    }
    for node in client {
        walk.cut(*node)?;
    }
    let heads = heads(walk, arguments).await?;
    walk.cut_at_depth(&heads, INFINITE).await
}

/// Cuts at a date or at what some refs reach.
async fn by_range<S: Storage>(
    walk: &mut Walk<'_, S>,
    arguments: &FetchArgs,
    heads: Leased<Vec<Node>>,
) -> Result<Cut> {
    let nodes = match arguments.deepen_since {
        Some(since) if arguments.deepen_not.is_empty() => newer(walk, heads, since).await?,
        since => {
            let mut range = Range { include: heads, since, ..Range::new(walk.memory()) };
            for oid in &arguments.deepen_not {
                range.exclude.extend(walk.peel_to_commit(oid).await?.map(|(_, node)| node))?;
            }
            let limited = walk.limited(&range).await?;
            let nodes = limited.commits.iter().map(|commit| commit.node);
            Leased::<HashSet<_>>::of(walk.memory(), nodes)?
        }
    };
    if nodes.is_empty() {
        return Err(Error::Malformed("no commits selected for shallow requests".into()));
    }
    let mut cut = Cut::new(walk.memory());
    for node in nodes.iter() {
        let mut border = false;
        for parent in walk.commit(*node).await?.parents {
            border |= match walk.find(&parent).await? {
                Some(parent) => !nodes.contains(&parent),
                None => true,
            };
        }
        if border {
            cut.shallow.push(*node)?;
        } else {
            cut.within.insert(*node)?;
        }
    }
    Ok(cut)
}

/// The commits that are reached through none older than `since`. Git takes no commit for left out
/// that is reached on another way, as it does where refs cut history: clocks may lie.
async fn newer<S: Storage>(
    walk: &mut Walk<'_, S>,
    mut commits: Leased<Vec<Node>>,
    since: u64,
) -> Result<Leased<HashSet<Node>>> {
    let mut found = Leased::<HashSet<_>>::new(walk.memory());
    while let Some(node) = commits.pop() {
        if found.contains(&node) {
            continue;
        }
        let commit = walk.commit(node).await?;
        if commit.date < since {
            continue;
        }
        if found.len() >= walk.repository.engine.limits.unpacked_objects {
            return Err(Error::LimitExceeded("unpacked_objects"));
        }
        found.insert(node)?;
        for parent in commit.parents {
            commits.push(walk.require(&parent).await?)?;
        }
    }
    Ok(found)
}
