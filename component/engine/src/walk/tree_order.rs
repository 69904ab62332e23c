//! In which order the trees of a history are gone through.
//!
//! A tree that is stored as a delta to one that was met is quick to go through. In packs that git
//! made the base is the later version, in those of git-fast-import, and whatever reuses its deltas,
//! the earlier one. So trees are gone through in windows, each from the end that the bases are at.

use std::collections::HashMap;

use gitwasi_wire::Oid;

use super::{Node, Walk};
use crate::Result;
use crate::storage::Storage;

/// Trees that are put in order at once, each an oid.
pub(super) const WINDOW: usize = 1 << 14;

/// Trees of a window that are asked for their bases, and among which these are looked for.
const ASKED: usize = 32;
const LOOKED_AT: usize = 512;

impl<S: Storage> Walk<'_, S> {
    /// Turns `trees`, which begin with the latest, if most of their bases are behind them.
    pub(super) async fn bases_first(&mut self, trees: &mut [Oid]) -> Result<()> {
        let mut places = HashMap::new();
        let mut nodes = Vec::with_capacity(LOOKED_AT.min(trees.len()));
        for (place, oid) in trees.iter().take(LOOKED_AT).enumerate() {
            let node = self.require(oid).await?;
            places.entry(node).or_insert(place);
            nodes.push(node);
        }
        let (mut earlier, mut later) = (0, 0);
        for (place, node) in nodes.into_iter().enumerate().take(ASKED) {
            if node.as_loose().is_some() {
                continue;
            }
            let base = self.repository.odb.base_position(node.pack(), node.pos()).await?;
            let base = base.and_then(|pos| places.get(&Node::packed(node.pack(), pos)));
            match base {
                Some(base) if *base > place => earlier += 1,
                Some(_) => later += 1,
                None => {}
            }
        }
        if earlier > later {
            trees.reverse();
        }
        Ok(())
    }
}
