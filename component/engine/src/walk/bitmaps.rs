//! Selecting by reachability bitmaps.

use super::{Node, Selection, Walk};
use crate::Result;
use crate::storage::Storage;

impl<S: Storage> Walk<'_, S> {
    /// Adds what the bitmaps know these commits to reach; the commits that are left to walk.
    pub(super) async fn select_by_bitmap(
        &mut self,
        selection: &mut Selection,
        commits: Vec<Node>,
    ) -> Result<Vec<Node>> {
        let odb = &self.repository.odb;
        let Some((number, pack, bitmaps)) = odb.bitmapped_pack().await? else {
            return Ok(commits);
        };
        let (idx, rev) = (pack.idx(odb).await?, pack.rev(odb).await?);
        let mut bits = vec![0u64; bitmaps.words()];
        let mut left = Vec::new();
        for node in commits {
            let known = node.as_loose().is_none() && node.pack() == number;
            if known {
                let offset = idx.offset_at(node.pos()).await?;
                let place = rev.place_of(idx, offset).await?.unwrap_or(u32::MAX);
                let word = bits.get(place as usize / 64).copied().unwrap_or(0);
                if word >> (place % 64) & 1 != 0 || bitmaps.add(node.pos(), &mut bits).await? {
                    continue;
                }
            }
            left.push(node);
        }
        for (number_of_word, word) in bits.into_iter().enumerate() {
            let mut word = word;
            while word != 0 {
                let place = number_of_word as u32 * 64 + word.trailing_zeros();
                word &= word - 1;
                let pos = rev.checked_pos(idx, place).await?;
                if let Some(node) = self.canonical(number, pos).await? {
                    selection.wanted.insert(node);
                }
            }
            self.repository.engine.worked(4).await;
        }
        Ok(left)
    }

    /// The place at which an object of a pack counts: it may be in a pack that is asked earlier.
    async fn canonical(&mut self, pack: u32, pos: u32) -> Result<Option<Node>> {
        if self.repository.odb.is_asked_first(pack) {
            return Ok(Some(Node::packed(pack, pos)));
        }
        let oid = self.repository.odb.oid_at(pack, pos).await?;
        self.find(&oid).await
    }
}
