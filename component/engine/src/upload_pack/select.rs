//! Which objects a response holds.

use bstr::ByteSlice;

use super::Filter;
use super::fetch_args::FetchArgs;
use super::revision;
use super::shallow::Plan;
use crate::Result;
use crate::refs::Peeled;
use crate::storage::Storage;
use crate::walk::{Places, Range, Selection, Sparse, Walk};

/// Selects what the wants reach and the client lacks.
pub(super) async fn select<S: Storage>(
    walk: &mut Walk<'_, S>,
    arguments: &FetchArgs,
    plan: &Plan,
) -> Result<Selection> {
    let filter = &arguments.filter;
    let mut selection = if filter.sparse.is_empty() {
        walk.select(&plan.wants, &plan.haves, plan.shallow, filter).await?
    } else {
        select_sparse(walk, plan, filter).await?
    };
    if arguments.include_tag {
        let mut refs = walk.repository.refs(&["refs/tags/".into()]).await?;
        while let Some(found) = refs.next().await? {
            if found.peeled != Peeled::No {
                walk.include_tag(&mut selection, &found.oid).await?;
            }
        }
    }
    Ok(selection)
}

/// Selects all but the blobs first, and then these path by path.
async fn select_sparse<S: Storage>(
    walk: &mut Walk<'_, S>,
    plan: &Plan,
    filter: &Filter,
) -> Result<Selection> {
    let mut sparse = Vec::new();
    for name in &filter.sparse {
        let specification = revision::blob(walk.repository, name.as_bstr()).await?;
        let limits = &walk.repository.engine.limits;
        sparse.push(Sparse::parse(&specification.content, limits, walk.memory())?);
    }
    let without = Filter { blob_limit: Some(0), sparse: Vec::new(), ..filter.clone() };
    let mut selection = walk.select(&plan.wants, &plan.haves, plan.shallow, &without).await?;
    let mut range = Range::new(walk.memory());
    for oid in plan.haves.iter() {
        range.exclude.extend(walk.peel_to_commit(oid).await?.map(|(_, node)| node))?;
    }
    for oid in plan.wants.iter() {
        range.include.extend(walk.peel_to_commit(oid).await?.map(|(_, node)| node))?;
    }
    let limited = walk.limited(&range).await?;
    let mut places = Places::new(walk.memory());
    for have in range.exclude.iter() {
        let tree_id = walk.commit(*have).await?.tree_id;
        walk.had_tree(&mut places, &tree_id).await?;
    }
    for commit in limited.commits.iter() {
        for (tree_id, _) in limited.parents(*commit).filter(|(_, outside)| *outside) {
            walk.had_tree(&mut places, &tree_id).await?;
        }
    }
    for commit in limited.commits.iter() {
        let root = limited.tree_id(*commit);
        walk.include_sparse(&mut selection, &root, filter, &sparse, &mut places).await?;
    }
    Ok(selection)
}
