//! Which objects a fetch needs: what the wants reach less what the client has.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use gitwasi_wire::Oid;

use super::commits::Limited;
use super::tree_order::WINDOW;
use super::{Node, ObjectSet, Range as CommitRange, Walk};
use crate::object::{EntryMode, Kind, Tag, Tree, changed_entries};
use crate::odb::Object;
use crate::storage::Storage;
use crate::upload_pack::Filter;
use crate::working_memory::{Leased, Share};
use crate::{Error, Result};

/// The objects of a pack to be made.
#[derive(Debug)]
pub(crate) struct Selection {
    /// What to send.
    pub(crate) wanted: ObjectSet,
    /// What of the objects next to those the client is known to have; bases of thin packs.
    pub(crate) had: ObjectSet,
    /// Trees met, and how far from the root, where the filter asks for it.
    depths: Leased<HashMap<Node, u64>>,
    /// Objects walked but not sent, because of the filter.
    passed: ObjectSet,
    /// Whether all that a tree reaches is selected when the tree is, now or before the end.
    whole_trees: bool,
}

/// What wants and haves come to.
struct Ends {
    /// Without any commits yet.
    selection: Selection,
    range: CommitRange,
    /// What was asked for and is no commit.
    tips: Leased<Vec<(Oid, Kind)>>,
}

/// Bytes of a tree up to which it is gone through rather than compared with its base.
const SMALL_TREE: usize = 150;

impl<S: Storage> Walk<'_, S> {
    /// Selects what `wants` reach and `haves` do not.
    ///
    /// With `all_edges` the trees of all `haves` count as had, not only those next to what is
    /// sent: a shallow client may have them without having their history.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if an object that is needed is missing.
    pub(crate) async fn select(
        &mut self,
        wants: &[Oid],
        haves: &[Oid],
        all_edges: bool,
        filter: &Filter,
    ) -> Result<Selection> {
        let Ends { mut selection, range, tips } = self.ends(wants, haves).await?;
        if range.exclude.is_empty() {
            let given = Leased::<Vec<_>>::of(self.memory(), range.include.iter().copied())?;
            self.select_all(&mut selection, range.include, filter).await?;
            // What was asked for by its oid is sent whatever the filter says.
            for node in given.iter() {
                selection.wanted.insert(*node)?;
            }
        } else {
            let (wants, haves) = (&range.include, &range.exclude);
            let mut few = None;
            if !all_edges && let Some(most) = self.few_commits(filter).await? {
                few = self.limited_to(&range, most).await?;
                if few.is_none() {
                    self.select_by_bitmaps(&mut selection, wants, haves, filter).await?;
                    return self.select_tips(selection, tips, filter).await;
                }
            }
            let limited = match few {
                Some(few) => few,
                None => self.limited(&range).await?,
            };
            for commit in limited.commits.iter() {
                if filter.sends(Kind::Commit) || range.include.contains(&commit.node) {
                    selection.wanted.insert(commit.node)?;
                }
            }
            if all_edges || filter.tree_depth.is_some() {
                self.exclude_edges(&mut selection, &limited, &range, all_edges).await?;
                for commit in limited.commits.iter() {
                    let tree_id = limited.tree_id(*commit);
                    self.include_tree(&mut selection, &tree_id, filter, false).await?;
                }
            } else {
                // The oldest first, so that what they share is met where it was new.
                for commit in limited.commits.iter().rev() {
                    self.include_new(&mut selection, &limited, *commit, filter).await?;
                }
            }
        }
        self.select_tips(selection, tips, filter).await
    }

    /// Looks for all that `tips` reach up to `edge`. That is all of what is there already that
    /// they come upon, so that nothing beyond it has to be looked at.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if an object is missing.
    pub(crate) async fn require_up_to(&mut self, tips: &[Oid], edge: &[Oid]) -> Result<()> {
        let filter = Filter::default();
        let Ends { mut selection, mut range, tips } = self.ends(tips, edge).await?;
        if range.exclude.is_empty() {
            self.select_all(&mut selection, range.include, &filter).await?;
        } else {
            range.exact = true;
            let limited = self.limited(&range).await?;
            for commit in limited.commits.iter().rev() {
                self.include_new(&mut selection, &limited, *commit, &filter).await?;
            }
        }
        self.select_tips(selection, tips, &filter).await.map(drop)
    }

    /// Where a selection begins and where it ends.
    async fn ends(&mut self, wants: &[Oid], haves: &[Oid]) -> Result<Ends> {
        let mut selection = Selection::new(self.memory());
        let mut range = CommitRange::new(self.memory());
        let mut tips = Leased::<Vec<_>>::new(self.memory());
        for oid in haves {
            match self.peel_to_commit(oid).await? {
                Some((_, node)) => range.exclude.push(node)?,
                None => self.exclude_tip(&mut selection, oid).await?,
            }
        }
        for oid in wants {
            self.include_tip(&mut selection, oid, &mut range, &mut tips).await?;
        }
        Ok(Ends { selection, range, tips })
    }

    /// Adds what was asked for by its oid and is no commit.
    async fn select_tips(
        &mut self,
        mut selection: Selection,
        tips: Leased<Vec<(Oid, Kind)>>,
        filter: &Filter,
    ) -> Result<Selection> {
        for (oid, kind) in tips.iter() {
            match kind {
                Kind::Tree => self.include_tree(&mut selection, oid, filter, true).await?,
                _ => {
                    let node = self.require(oid).await?;
                    if !selection.had.contains(node) {
                        selection.wanted.insert(node)?;
                    }
                }
            }
        }
        Ok(selection)
    }

    /// Adds an annotated tag, and tags it points to, if what it points to is being sent.
    pub(crate) async fn include_tag(&mut self, selection: &mut Selection, oid: &Oid) -> Result<()> {
        let mut chain = Vec::new();
        let mut current = *oid;
        for _ in 0..=self.repository.engine.limits.tag_depth {
            let Some(node) = self.find(&current).await? else { return Ok(()) };
            if self.header(node).await?.0 != Kind::Tag {
                if selection.wanted.contains(node) {
                    for node in chain {
                        selection.wanted.insert(node)?;
                    }
                }
                return Ok(());
            }
            chain.push(node);
            let object = self.read(node).await?;
            current = Tag::parse(&object.content, self.repository.object_format())?.target;
        }
        Ok(())
    }

    async fn include_tip(
        &mut self,
        selection: &mut Selection,
        oid: &Oid,
        range: &mut CommitRange,
        tips: &mut Leased<Vec<(Oid, Kind)>>,
    ) -> Result<()> {
        let mut current = *oid;
        for _ in 0..=self.repository.engine.limits.tag_depth {
            let node = self.require(&current).await?;
            match self.kind(node).await? {
                Kind::Commit => {
                    return range.include.push(node);
                }
                Kind::Tag => {
                    if !selection.had.contains(node) {
                        selection.wanted.insert(node)?;
                    }
                    let object = self.read(node).await?;
                    current = Tag::parse(&object.content, self.repository.object_format())?.target;
                }
                kind => return tips.push((current, kind)),
            }
        }
        Err(Error::LimitExceeded("tag_depth"))
    }

    async fn exclude_tip(&mut self, selection: &mut Selection, oid: &Oid) -> Result<()> {
        let oid = self.repository.odb.peel(oid).await?.unwrap_or(*oid);
        let Some(node) = self.find(&oid).await? else { return Ok(()) };
        match self.header(node).await?.0 {
            Kind::Tree => self.exclude_tree(selection, &oid).await,
            _ => selection.had.insert(node).map(drop),
        }
    }

    /// Everything that is reachable: no commit has to be remembered but by its bit.
    async fn select_all(
        &mut self,
        selection: &mut Selection,
        mut commits: Leased<Vec<Node>>,
        filter: &Filter,
    ) -> Result<()> {
        if self.select_by_bitmaps(selection, &commits, &[], filter).await? {
            return Ok(());
        }
        selection.whole_trees = true;
        commits.reverse();
        let mut trees = Leased::<Vec<_>>::new(self.memory());
        while let Some(node) = commits.pop() {
            let new = if filter.sends(Kind::Commit) {
                selection.wanted.insert(node)?
            } else {
                selection.passed.insert(node)?
            };
            if !new {
                continue;
            }
            let commit = self.commit(node).await?;
            for parent in &commit.parents {
                let parent = self.require(parent).await?;
                if !selection.wanted.contains(parent) && !selection.passed.contains(parent) {
                    commits.push(parent)?;
                }
            }
            trees.push(commit.tree_id)?;
            if trees.len() == WINDOW {
                self.include_trees(selection, &mut trees, filter).await?;
            }
        }
        self.include_trees(selection, &mut trees, filter).await
    }

    /// Adds trees that are all in one history, the latest first.
    async fn include_trees(
        &mut self,
        selection: &mut Selection,
        trees: &mut Leased<Vec<Oid>>,
        filter: &Filter,
    ) -> Result<()> {
        if filter.tree_depth == Some(0) {
            trees.clear();
            return Ok(());
        }
        self.bases_first(trees).await?;
        for tree_id in trees.drain(..) {
            self.include_tree(selection, &tree_id, filter, false).await?;
        }
        Ok(())
    }

    async fn exclude_edges(
        &mut self,
        selection: &mut Selection,
        limited: &Limited,
        range: &CommitRange,
        all_edges: bool,
    ) -> Result<()> {
        for node in range.exclude.iter().filter(|_| all_edges) {
            let tree_id = self.commit(*node).await?.tree_id;
            self.exclude_tree(selection, &tree_id).await?;
        }
        let parents = limited.commits.iter().flat_map(|commit| limited.parents(*commit));
        for (tree_id, _) in parents.filter(|(_, outside)| *outside) {
            self.exclude_tree(selection, &tree_id).await?;
        }
        Ok(())
    }

    pub(super) async fn exclude_tree(
        &mut self,
        selection: &mut Selection,
        oid: &Oid,
    ) -> Result<()> {
        let Some(root) = self.find(oid).await? else { return Ok(()) };
        let format = self.repository.object_format();
        let mut stack = Leased::<Vec<_>>::new(self.memory());
        if selection.had.insert(root)? {
            stack.push(root)?;
        }
        while let Some(node) = stack.pop() {
            let object = self.read(node).await?;
            if object.kind != Kind::Tree {
                return Err(Error::corrupt("an object that should be a tree"));
            }
            for entry in Tree::new(&object.content, format) {
                let entry = entry?;
                if entry.mode == EntryMode::Submodule {
                    continue;
                }
                // The client may have a partial clone, and so may we.
                let Some(node) = self.find(&entry.oid).await? else { continue };
                if selection.had.insert(node)? && entry.mode == EntryMode::Tree {
                    stack.push(node)?;
                }
            }
        }
        Ok(())
    }

    /// Adds a tree with all it reaches. One that was asked for by its oid (`given`) is sent
    /// whatever the filter says.
    pub(super) async fn include_tree(
        &mut self,
        selection: &mut Selection,
        oid: &Oid,
        filter: &Filter,
        given: bool,
    ) -> Result<()> {
        if filter.tree_depth == Some(0) && !given {
            return Ok(());
        }
        let root = self.require(oid).await?;
        let format = self.repository.object_format();
        let mut stack = Leased::<Vec<_>>::new(self.memory());
        if selection.meet_tree(root, 0, filter, given)? {
            stack.push((root, 0u64))?;
        }
        while let Some((node, depth)) = stack.pop() {
            let object = self.read(node).await?;
            if object.kind != Kind::Tree {
                return Err(Error::corrupt("an object that should be a tree"));
            }
            let depth = depth + 1;
            if filter.tree_depth.is_some_and(|limit| depth >= limit) {
                continue;
            }
            let new = self.new_in_tree(selection, node, &object, filter).await?;
            for entry in Tree::new(&object.content[new], format) {
                let entry = entry?;
                match entry.mode {
                    EntryMode::Submodule => {}
                    EntryMode::Tree => {
                        let node = self.require(&entry.oid).await?;
                        if selection.meet_tree(node, depth, filter, false)? {
                            stack.push((node, depth))?;
                        }
                    }
                    EntryMode::Blob => self.include_blob(selection, &entry.oid, filter).await?,
                }
            }
        }
        Ok(())
    }

    /// The part of a tree that has to be looked at. What it has in common with the base that it
    /// is stored as a delta to was met there, if the walk goes by trees as a whole.
    async fn new_in_tree(
        &self,
        selection: &Selection,
        node: Node,
        tree: &Object,
        filter: &Filter,
    ) -> Result<Range<usize>> {
        let all = 0..tree.content.len();
        let by_whole_trees = selection.whole_trees && filter.tree_depth.is_none();
        if !by_whole_trees || node.as_loose().is_some() || all.len() < SMALL_TREE {
            return Ok(all);
        }
        let found = self.repository.odb.base_at_hand(node.pack(), node.pos()).await?;
        let Some((pos, base)) = found else { return Ok(all) };
        let seen = Node::packed(node.pack(), pos);
        let seen = selection.wanted.contains(seen) || selection.passed.contains(seen);
        if !seen || base.kind != Kind::Tree {
            return Ok(all);
        }
        let oid_len = self.repository.object_format().oid_len();
        Ok(changed_entries(&tree.content, &base.content, oid_len).unwrap_or(all))
    }

    pub(super) async fn include_blob(
        &mut self,
        selection: &mut Selection,
        oid: &Oid,
        filter: &Filter,
    ) -> Result<()> {
        if filter.blob_limit == Some(0) || !filter.sends(Kind::Blob) {
            return Ok(());
        }
        let node = self.require(oid).await?;
        if selection.had.contains(node) || selection.wanted.contains(node) {
            return Ok(());
        }
        if let Some(limit) = filter.blob_limit
            && (selection.passed.contains(node) || self.header(node).await?.1 >= limit)
        {
            return selection.passed.insert(node).map(drop);
        }
        selection.wanted.insert(node).map(drop)
    }
}

impl Selection {
    /// Nothing yet.
    pub(super) fn new(memory: &Rc<Share>) -> Self {
        Self {
            wanted: ObjectSet::new(memory),
            had: ObjectSet::new(memory),
            depths: Leased::<HashMap<_, _>>::new(memory),
            passed: ObjectSet::new(memory),
            whole_trees: false,
        }
    }

    /// Notes a tree; true if what is in it has to be looked at.
    pub(super) fn meet_tree(
        &mut self,
        node: Node,
        depth: u64,
        filter: &Filter,
        given: bool,
    ) -> Result<bool> {
        if self.had.contains(node) {
            return Ok(false);
        }
        let new = if given || filter.sends(Kind::Tree) {
            self.wanted.insert(node)?
        } else {
            self.passed.insert(node)?
        };
        if filter.tree_depth.is_none() {
            return Ok(new);
        }
        // Met before, but deeper, so that less of it was looked at.
        let nearer = self.depths.get(&node).is_none_or(|before| depth < *before);
        if nearer {
            self.depths.insert(node, depth)?;
        }
        Ok(nearer)
    }
}
