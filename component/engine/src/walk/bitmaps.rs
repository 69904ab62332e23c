//! Selecting by reachability bitmaps, as far as they go; the rest is walked.

use super::{Node, ObjectSet, Selection, Walk};
use crate::Result;
use crate::object::Kind;
use crate::odb::BitmapView;
use crate::storage::Storage;
use crate::upload_pack::Filter;
use crate::working_memory::Leased;

/// Objects that can be gone through bit by bit in the time one commit takes to be compared with
/// its parents.
const OBJECTS_PER_COMMIT: usize = 500;

/// What some commits reach.
#[derive(Debug)]
struct Reached {
    bits: Leased<Vec<u64>>,
    /// Commits that no bitmap covers.
    walked: Leased<Vec<Node>>,
}

impl<S: Storage> Walk<'_, S> {
    /// Selects what `wants` reach and `haves` do not; false, and nothing was selected, when there
    /// are no bitmaps that help.
    pub(super) async fn select_by_bitmaps(
        &mut self,
        selection: &mut Selection,
        wants: &[Node],
        haves: &[Node],
        filter: &Filter,
    ) -> Result<bool> {
        if !self.takes_bitmaps(filter) {
            return Ok(false);
        }
        let Some(view) = self.repository.odb.bitmaps().await? else { return Ok(false) };
        let had = self.reach(&view, haves, None).await?;
        self.insert(&view, &had.bits, &mut selection.had).await?;
        for node in had.walked.iter() {
            selection.had.insert(*node)?;
        }
        for node in had.walked.iter() {
            let tree_id = self.commit(*node).await?.tree_id;
            self.exclude_tree(selection, &tree_id).await?;
        }
        let mut reached = self.reach(&view, wants, Some(&selection.had)).await?;
        for (bits, had) in reached.bits.iter_mut().zip(&*had.bits) {
            *bits &= !had;
        }
        if *filter == no_blobs() {
            view.bitmaps.remove(&self.repository.odb, Kind::Blob, &mut reached.bits).await?;
        }
        self.insert(&view, &reached.bits, &mut selection.wanted).await?;
        if !had.walked.is_empty() {
            selection.wanted.subtract(&selection.had);
        }
        for node in reached.walked.iter() {
            selection.wanted.insert(*node)?;
            let tree_id = self.commit(*node).await?.tree_id;
            self.include_tree(selection, &tree_id, filter, false).await?;
        }
        Ok(true)
    }

    /// Commits up to which a range is walked sooner than bitmaps are read; `None` if there are
    /// none that help.
    pub(super) async fn few_commits(&self, filter: &Filter) -> Result<Option<usize>> {
        if !self.takes_bitmaps(filter) {
            return Ok(None);
        }
        let view = self.repository.odb.bitmaps().await?;
        Ok(view.map(|view| view.bitmaps.objects() as usize / OBJECTS_PER_COMMIT))
    }

    /// Whether history is whole, and all of it or all but blobs is asked for.
    fn takes_bitmaps(&self, filter: &Filter) -> bool {
        !self.is_cut() && (*filter == Filter::default() || *filter == no_blobs())
    }

    /// What `commits` reach, without going past those in `stop`.
    async fn reach(
        &mut self,
        view: &BitmapView<'_, S>,
        commits: &[Node],
        stop: Option<&ObjectSet>,
    ) -> Result<Reached> {
        let bits = view.bitmaps.none(&self.repository.odb)?;
        let mut reached = Reached { bits, walked: Leased::<Vec<_>>::new(self.memory()) };
        let mut seen = ObjectSet::new(self.memory());
        let mut stack = Leased::<Vec<_>>::of(self.memory(), commits.iter().rev().copied())?;
        while let Some(node) = stack.pop() {
            if stop.is_some_and(|stop| stop.contains(node)) || !seen.insert(node)? {
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
            reached.walked.push(node)?;
            for parent in self.commit(node).await?.parents {
                match self.find(&parent).await? {
                    Some(parent) => stack.push(parent)?,
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
            return view.nodes(bits, |node| set.insert(node).map(drop)).await;
        }
        // It may be in a pack that is asked earlier, and then counts there.
        let mut nodes = Leased::<Vec<_>>::new(self.memory());
        view.nodes(bits, |node| nodes.push(node)).await?;
        for node in nodes.iter() {
            let oid = self.oid(*node).await?;
            if let Some(node) = self.find(&oid).await? {
                set.insert(node)?;
            }
        }
        Ok(())
    }
}

fn no_blobs() -> Filter {
    Filter { blob_limit: Some(0), ..Filter::default() }
}
