//! What a commit's tree has that its parents' trees do not have at the same path.
//!
//! As git's own sparse walk (`pack.useSparse`), this does not notice that an object was moved
//! from another path: it is then sent although the client has it.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::rc::Rc;

use gitwasi_wire::Oid;

use super::commits::{Found, Limited};
use super::{Node, Selection, Walk};
use crate::object::{EntryMode, Kind, Tree, TreeEntry};
use crate::storage::Storage;
use crate::upload_pack::Filter;
use crate::working_memory::{Content, Lease, Leased, Share};
use crate::{Error, Result};

/// A tree to compare with, and whether the client has it.
type Base = (Node, bool);

/// Bytes that a base takes besides its content while it is compared.
const EACH: usize = 200;

/// Trees that are still to be compared.
struct Stack {
    /// Each with the place where its bases begin, which end where those of the next do.
    trees: Leased<Vec<(Node, usize)>>,
    bases: Leased<Vec<Base>>,
}

impl Stack {
    fn new(memory: &Rc<Share>) -> Self {
        Self { trees: Leased::<Vec<_>>::new(memory), bases: Leased::<Vec<_>>::new(memory) }
    }
}

impl<S: Storage> Walk<'_, S> {
    /// Adds what is new in a commit. Its parents are added by themselves, or had by the client.
    pub(super) async fn include_new(
        &mut self,
        selection: &mut Selection,
        limited: &Limited,
        commit: Found,
        filter: &Filter,
    ) -> Result<()> {
        let root = self.require(&limited.tree_id(commit)).await?;
        let mut stack = Stack::new(self.memory());
        for (tree_id, had) in limited.parents(commit) {
            match self.find(&tree_id).await? {
                Some(base) if base == root => return Ok(()),
                base => stack.bases.extend(base.map(|base| (base, had)))?,
            }
        }
        if selection.meet_tree(root, 0, filter, false)? {
            stack.trees.push((root, 0))?;
        }
        while let Some((node, first)) = stack.trees.pop() {
            let bases = stack.bases.split_off(first);
            self.compare(selection, node, &bases, filter, &mut stack).await?;
        }
        Ok(())
    }

    async fn compare(
        &mut self,
        selection: &mut Selection,
        node: Node,
        bases: &[Base],
        filter: &Filter,
        stack: &mut Stack,
    ) -> Result<()> {
        let format = self.repository.object_format();
        let content = self.tree(node).await?;
        let mut contents = Leased::<Vec<_>>::new(self.memory());
        // A merge may have any number of parents, each with a tree that is too small to count.
        let mut lease = Lease::new(self.memory());
        let mut bytes = 0;
        for (base, had) in bases {
            let tree = self.tree(*base).await?;
            bytes += tree.capacity() + EACH;
            lease.cover(bytes)?;
            contents.push((tree, *had))?;
            if *had {
                selection.had.insert(*base)?;
            }
        }
        let mut others: Vec<(Peekable<Tree<'_>>, bool)> = contents
            .iter()
            .map(|(content, had)| (Tree::new(content, format).peekable(), *had))
            .collect();
        for entry in Tree::new(&content, format) {
            let entry = entry?;
            let mut same = entry.mode == EntryMode::Submodule;
            let mut below: Vec<(Oid, bool)> = Vec::new();
            for (other, had) in &mut others {
                if let Some(other) = at_same_name(other, &entry)? {
                    same |= other.oid == entry.oid;
                    if other.mode == entry.mode {
                        below.push((other.oid, *had));
                    }
                }
            }
            if same {
                continue;
            }
            if entry.mode == EntryMode::Blob {
                // The version before is what a delta is likely to build on.
                for (oid, had) in below {
                    if had && let Some(base) = self.find(&oid).await? {
                        selection.had.insert(base)?;
                    }
                }
                self.include_blob(selection, &entry.oid, filter).await?;
                continue;
            }
            let node = self.require(&entry.oid).await?;
            if selection.meet_tree(node, 0, filter, false)? {
                let first = stack.bases.len();
                for (oid, had) in below {
                    stack.bases.extend(self.find(&oid).await?.map(|base| (base, had)))?;
                }
                stack.trees.push((node, first))?;
            }
        }
        Ok(())
    }

    async fn tree(&self, node: Node) -> Result<Content> {
        let object = self.read(node).await?;
        if object.kind != Kind::Tree {
            return Err(Error::corrupt("an object that should be a tree"));
        }
        Ok(object.content)
    }
}

/// Moves on to where `entry` would be in another tree; what is there under its name.
fn at_same_name<'t>(
    other: &mut Peekable<Tree<'t>>,
    entry: &TreeEntry<'_>,
) -> Result<Option<TreeEntry<'t>>> {
    while let Some(found) = other.peek() {
        let Ok(found) = found else { return other.next().transpose() };
        match order(found, entry) {
            Ordering::Less => _ = other.next(),
            Ordering::Equal => return Ok(Some(*found)),
            Ordering::Greater => return Ok(None),
        }
    }
    Ok(None)
}

/// The order of entries in a tree: as if the names of trees ended with a slash.
fn order(a: &TreeEntry<'_>, b: &TreeEntry<'_>) -> Ordering {
    let shared = a.name.len().min(b.name.len());
    a.name[..shared].cmp(&b.name[..shared]).then_with(|| {
        let next = |entry: &TreeEntry<'_>| {
            let end = u8::from(entry.mode == EntryMode::Tree) * b'/';
            entry.name.get(shared).copied().unwrap_or(end)
        };
        next(a).cmp(&next(b)).then(a.name.len().cmp(&b.name.len()))
    })
}
