//! Selecting by reachability bitmaps, as far as they go; the rest is walked.

use super::{Node, ObjectSet, Selection, Walk};
use crate::Result;
use crate::object::Kind;
use crate::odb::BitmapView;
use crate::storage::Storage;
use crate::upload_pack::Filter;

/// Objects that can be gone through bit by bit in the time one commit takes to be compared with
/// its parents.
const OBJECTS_PER_COMMIT: usize = 500;

/// What some commits reach.
#[derive(Debug)]
struct Reached {
    bits: Vec<u64>,
    /// Commits that no bitmap covers.
    walked: Vec<Node>,
}

impl<S: Storage> Walk<'_, S> {
    /// Selects what `wants` reach and `haves` do not; false, and nothing was selected, when there
    /// are no bitmaps that help.
    ///
    /// `commits` is how many commits are to be sent if that is known; a few are found sooner
    /// without bitmaps.
    pub(super) async fn select_by_bitmaps(
        &mut self,
        selection: &mut Selection,
        wants: &[Node],
        haves: &[Node],
        filter: &Filter,
        commits: Option<usize>,
    ) -> Result<bool> {
        let no_blobs = *filter == Filter { blob_limit: Some(0), ..Filter::default() };
        if self.is_cut() || !no_blobs && *filter != Filter::default() {
            return Ok(false);
        }
        let odb = &self.repository.odb;
        let Some(view) = odb.bitmaps().await? else { return Ok(false) };
        let objects = view.bitmaps.objects() as usize;
        if commits.is_some_and(|commits| commits.saturating_mul(OBJECTS_PER_COMMIT) < objects) {
            return Ok(false);
        }
        let had = self.reach(&view, haves, None).await?;
        self.insert(&view, &had.bits, &mut selection.had).await?;
        for node in &had.walked {
            selection.had.insert(*node);
        }
        for node in &had.walked {
            let tree_id = self.commit(*node).await?.tree_id;
            self.exclude_tree(selection, &tree_id).await?;
        }
        let mut reached = self.reach(&view, wants, Some(&selection.had)).await?;
        for (bits, had) in reached.bits.iter_mut().zip(&had.bits) {
            *bits &= !had;
        }
        if no_blobs {
            view.bitmaps.remove(Kind::Blob, &mut reached.bits).await?;
        }
        self.insert(&view, &reached.bits, &mut selection.wanted).await?;
        if !had.walked.is_empty() {
            selection.wanted.subtract(&selection.had);
        }
        for node in reached.walked {
            selection.wanted.insert(node);
            let tree_id = self.commit(node).await?.tree_id;
            self.include_tree(selection, &tree_id, filter, false).await?;
        }
        Ok(true)
    }

    /// What `commits` reach, without going past those in `stop`.
    async fn reach(
        &mut self,
        view: &BitmapView<'_, S>,
        commits: &[Node],
        stop: Option<&ObjectSet>,
    ) -> Result<Reached> {
        let mut reached = Reached { bits: view.bitmaps.none(), walked: Vec::new() };
        let mut seen = ObjectSet::default();
        let mut stack: Vec<Node> = commits.iter().rev().copied().collect();
        while let Some(node) = stack.pop() {
            if stop.is_some_and(|stop| stop.contains(node)) || !seen.insert(node) {
                continue;
            }
            if let Some(place) = view.place(node).await? {
                let word = reached.bits.get(place.bit as usize / 64).copied().unwrap_or(0);
                if word >> (place.bit % 64) & 1 != 0
                    || view
                        .bitmaps
                        .add(&self.repository.odb, place.index, &mut reached.bits)
                        .await?
                {
                    continue;
                }
            }
            reached.walked.push(node);
            for parent in self.commit(node).await?.parents {
                match self.find(&parent).await? {
                    Some(parent) => stack.push(parent),
                    // What the client has need not be whole here.
                    None if stop.is_none() => {}
                    None => _ = self.require(&parent).await?,
                }
            }
        }
        Ok(reached)
    }

    /// Adds the objects whose bits are set.
    async fn insert(
        &mut self,
        view: &BitmapView<'_, S>,
        bits: &[u64],
        set: &mut ObjectSet,
    ) -> Result<()> {
        if view.is_canonical() {
            return view.nodes(bits, |node| _ = set.insert(node)).await;
        }
        // It may be in a pack that is asked earlier, and then counts there.
        let mut nodes = Vec::new();
        view.nodes(bits, |node| nodes.push(node)).await?;
        for node in nodes {
            let oid = self.oid(node).await?;
            if let Some(node) = self.find(&oid).await? {
                set.insert(node);
            }
        }
        Ok(())
    }
}
