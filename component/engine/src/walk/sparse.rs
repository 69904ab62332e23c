//! Blobs on the paths of a sparse-checkout specification.
//!
//! Spec: git-rev-list(1), "--filter=sparse:oid"; gitignore(5), "PATTERN FORMAT"

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::rc::Rc;

use bstr::{BString, ByteSlice};
use gitwasi_wire::Oid;
use gix_glob::Pattern;
use gix_glob::pattern::{Case, Mode};

use super::{Node, Selection, Walk};
use crate::object::{EntryMode, Kind, Tree};
use crate::storage::Storage;
use crate::upload_pack::Filter;
use crate::working_memory::{Lease, Leased, Share};
use crate::{Error, Limits, Result};

/// A sparse-checkout specification.
#[derive(Debug)]
pub(crate) struct Sparse {
    patterns: Vec<Pattern>,
    _lease: Lease,
}

/// What a walk by paths has met.
#[derive(Debug)]
pub(crate) struct Places {
    /// Trees by their places: a tree may be in several, and match in one of them.
    seen: Leased<HashSet<(Node, u64)>>,
    /// What the client has, next to what it gets.
    had: Selection,
}

impl Places {
    /// Nowhere yet.
    pub(crate) fn new(memory: &Rc<Share>) -> Self {
        Self { seen: Leased::<HashSet<_>>::new(memory), had: Selection::new(memory) }
    }
}

/// A tree on the way.
struct Below {
    node: Node,
    path: BString,
    /// What each specification says of it.
    above: Vec<bool>,
    depth: u64,
}

impl Below {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.path.capacity() + self.above.capacity() + 2 * BLOCK
    }
}

/// Bytes that a piece of memory takes besides what was asked for.
const BLOCK: usize = 16;

impl Sparse {
    /// Reads the patterns, a line each.
    ///
    /// # Limits
    /// [`Limits::sparse_patterns`].
    pub(crate) fn parse(content: &[u8], limits: &Limits, memory: &Rc<Share>) -> Result<Self> {
        let mut lease = Lease::new(memory);
        let lines = content.lines().count().min(limits.sparse_patterns + 1);
        lease.cover(content.len() + lines * 2 * size_of::<Pattern>())?;
        let mut patterns = Vec::new();
        for line in content.lines() {
            if line.starts_with(b"#") {
                continue;
            }
            // Spaces at the end count when the last one is escaped.
            let trimmed = line.trim_end_with(|c| c == ' ');
            let escaped = trimmed.ends_with(b"\\") && trimmed.len() < line.len();
            let line = &line[..trimmed.len() + usize::from(escaped)];
            patterns.extend(Pattern::from_bytes(line));
            if patterns.len() > limits.sparse_patterns {
                return Err(Error::LimitExceeded("sparse_patterns"));
            }
        }
        Ok(Self { patterns, _lease: lease })
    }

    /// What the last pattern that matches says; `None` if none does.
    fn decides(&self, path: &[u8], is_directory: bool) -> Option<bool> {
        let path = path.as_bstr();
        let name = path.rfind_byte(b'/').map(|slash| slash + 1);
        let matches = |pattern: &&Pattern| {
            let mode = gix_glob::wildmatch::Mode::NO_MATCH_SLASH_LITERAL;
            let is_directory = Some(is_directory);
            pattern.matches_repo_relative_path(path, name, is_directory, Case::Sensitive, mode)
        };
        let found = self.patterns.iter().rev().find(matches);
        found.map(|pattern| !pattern.mode.contains(Mode::NEGATIVE))
    }
}

impl<S: Storage> Walk<'_, S> {
    /// Adds the blobs below a root tree whose paths all of `sparse` match, and that pass the
    /// filter.
    ///
    /// # Limits
    /// [`Limits::unpacked_objects`] places of trees, [`Limits::path_length`].
    pub(crate) async fn include_sparse(
        &mut self,
        selection: &mut Selection,
        root: &Oid,
        filter: &Filter,
        sparse: &[Sparse],
        places: &mut Places,
    ) -> Result<()> {
        let limits = self.repository.engine.limits.clone();
        let format = self.repository.object_format();
        let places_hasher = places.seen.hasher().clone();
        let above: Vec<bool> =
            sparse.iter().map(|sparse| sparse.decides(b"", true).unwrap_or(false)).collect();
        let node = self.require(root).await?;
        let mut stack = vec![Below { node, path: BString::default(), above, depth: 1 }];
        let mut lease = Lease::new(self.memory());
        let mut bytes = 0;
        while let Some(below) = stack.pop() {
            bytes -= below.bytes().min(bytes);
            let Below { node, path, above, depth } = below;
            if filter.tree_depth.is_some_and(|limit| depth >= limit)
                || !places.seen.insert((node, places_hasher.hash_one(&path)))?
            {
                continue;
            }
            if places.seen.len() > limits.unpacked_objects {
                return Err(Error::LimitExceeded("unpacked_objects"));
            }
            let object = self.read(node).await?;
            if object.kind != Kind::Tree {
                return Err(Error::corrupt("an object that should be a tree"));
            }
            for entry in Tree::new(&object.content, format) {
                let entry = entry?;
                let is_directory = match entry.mode {
                    EntryMode::Submodule => continue,
                    EntryMode::Tree => true,
                    EntryMode::Blob => false,
                };
                let mut path = path.clone();
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(entry.name);
                if path.len() > limits.path_length {
                    return Err(Error::LimitExceeded("path_length"));
                }
                let decides = |(sparse, above): (&Sparse, &bool)| {
                    sparse.decides(&path, is_directory).unwrap_or(*above)
                };
                let decided: Vec<bool> = sparse.iter().zip(&above).map(decides).collect();
                self.repository.engine.worked(1).await;
                if is_directory {
                    let node = self.require(&entry.oid).await?;
                    let below = Below { node, path, above: decided, depth: depth + 1 };
                    bytes += below.bytes();
                    lease.cover(2 * bytes)?;
                    stack.push(below);
                } else if decided.iter().all(|matches| *matches) {
                    let node = self.require(&entry.oid).await?;
                    if !places.had.had.contains(node) {
                        self.include_blob(selection, &entry.oid, filter).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Notes that the client has a tree, and all in it.
    pub(crate) async fn had_tree(&mut self, places: &mut Places, tree_id: &Oid) -> Result<()> {
        self.exclude_tree(&mut places.had, tree_id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::working_memory::WorkingMemory;

    #[test]
    fn the_last_pattern_that_matches_decides() {
        let memory = Share::new(&WorkingMemory::new(1 << 20));
        let text = b"# a comment\n/*\n!/*/\n/docs/  \n*.md\n!secret.md\n\\#x\n";
        let sparse = Sparse::parse(text, &Limits::default(), &memory).expect("patterns");
        for (path, is_directory, decision) in [
            ("README", false, Some(true)),
            ("src", true, Some(false)),
            ("docs", true, Some(true)),
            ("docs/x", false, None),
            ("src/a.md", false, Some(true)),
            ("src/secret.md", false, Some(false)),
            ("src/#x", false, Some(true)),
            ("src/x", false, None),
        ] {
            assert_eq!(sparse.decides(path.as_bytes(), is_directory), decision, "{path}");
        }
    }
}
