//! Which object each bit of a bitmap stands for.
//!
//! Bits of a pack's bitmaps are in the order of the pack. Those of a multi-pack-index are in the
//! order of its packs one after another, the preferred one first, without what an earlier one has.

use super::{Bitmaps, bad};
use crate::odb::idx::Idx;
use crate::odb::multi_pack_index::MultiPackIndex;
use crate::odb::{Odb, Rev};
use crate::storage::Storage;
use crate::walk::Node;
use crate::{Error, Result};

/// Bitmaps, and what their bits mean in one odb.
#[derive(Debug)]
pub(crate) struct BitmapView<'o, S: Storage> {
    odb: &'o Odb<S>,
    pub(crate) bitmaps: &'o Bitmaps<S>,
    order: Order<'o, S>,
}

#[derive(Debug)]
enum Order<'o, S: Storage> {
    Pack { number: u32, idx: &'o Idx<S>, rev: &'o Rev<S> },
    Multi { index: &'o MultiPackIndex<S>, packs: &'o [u32] },
}

/// The place of an object among those that have bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// In the order of the index: commits' bitmaps are found by it.
    pub(crate) index: u32,
    /// Its bit.
    pub(crate) bit: u32,
}

/// A pack that is gone through in the order of its entries.
struct Cursor<'o, S: Storage> {
    number: u32,
    idx: &'o Idx<S>,
    rev: &'o Rev<S>,
    place: u32,
}

impl<S: Storage> Odb<S> {
    /// The bitmaps to select by: those of the multi-pack-index before those of a pack, as in git.
    pub(crate) async fn bitmaps(&self) -> Result<Option<BitmapView<'_, S>>> {
        self.list().await?;
        if let Some(multi) = self.multi_pack_indexes().first() {
            let (index, packs) = (&*multi.index, multi.packs.as_slice());
            if let Some(bitmaps) = index.bitmaps(self).await? {
                let order = Order::Multi { index, packs };
                return Ok(Some(BitmapView { odb: self, bitmaps, order }));
            }
        }
        for number in 0..self.pack_count() as u32 {
            let pack = self.pack(number);
            match pack.bitmaps(self).await {
                Ok(Some(bitmaps)) => {
                    // An open pack can be read to the end, whatever a repack does.
                    pack.data(self).await?;
                    let (idx, rev) = (pack.idx(self).await?, pack.rev(self).await?);
                    let order = Order::Pack { number, idx, rev };
                    return Ok(Some(BitmapView { odb: self, bitmaps, order }));
                }
                Ok(None) => {}
                Err(error) if error.is_absent() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

impl<'o, S: Storage> BitmapView<'o, S> {
    /// The place of an object; `None` if it has no bit.
    pub(crate) async fn place(&self, node: Node) -> Result<Option<Place>> {
        if node.as_loose().is_some() {
            return Ok(None);
        }
        match &self.order {
            Order::Pack { number, idx, rev } => {
                if node.pack() != *number {
                    return Ok(None);
                }
                let offset = idx.offset_at(node.pos()).await?;
                let bit = rev.place_of(idx, offset).await?;
                Ok(bit.map(|bit| Place { index: node.pos(), bit }))
            }
            Order::Multi { index, packs } => {
                if !packs.contains(&node.pack()) {
                    return Ok(None);
                }
                let oid = self.odb.oid_at(node.pack(), node.pos()).await?;
                let Some(pos) = index.position(&oid).await? else { return Ok(None) };
                let bit = index.bit_of(pos).await?;
                Ok(bit.map(|bit| Place { index: pos, bit }))
            }
        }
    }

    /// The objects whose bits are set, as `(pack, position)` of one place where each of them is.
    ///
    /// Not always the place that [`Odb::find`] tells; see [`Self::is_canonical`].
    pub(crate) async fn nodes(
        &self,
        bits: &[u64],
        mut take: impl FnMut(Node) -> Result<()>,
    ) -> Result<()> {
        let mut cursors: Vec<Option<Cursor<'o, S>>> = Vec::new();
        for (number, word) in bits.iter().enumerate() {
            let mut word = *word;
            if word != 0 {
                self.odb.engine.worked(u64::from(word.count_ones()) / 8 + 1).await;
            }
            while word != 0 {
                let bit = number as u32 * 64 + word.trailing_zeros();
                word &= word - 1;
                match &self.order {
                    Order::Pack { number, idx, rev } => {
                        take(Node::packed(*number, rev.checked_pos(idx, bit).await?))?;
                    }
                    Order::Multi { index, packs } => {
                        let (pack, offset) = index.at_bit(bit).await?;
                        let slot = pack as usize;
                        if cursors.len() <= slot {
                            cursors.resize_with(packs.len(), || None);
                        }
                        let cursor = cursors.get_mut(slot).ok_or_else(bad)?;
                        if cursor.is_none() {
                            *cursor = Some(Cursor::open(self.odb, packs[slot]).await?);
                        }
                        if let Some(cursor) = cursor {
                            take(cursor.advance(offset).await?)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether the place that [`Self::nodes`] tells of an object is where it counts.
    pub(crate) fn is_canonical(&self) -> bool {
        match &self.order {
            Order::Pack { number, .. } => self.odb.is_asked_first(*number),
            Order::Multi { .. } => true,
        }
    }
}

impl<'o, S: Storage> Cursor<'o, S> {
    async fn open(odb: &'o Odb<S>, number: u32) -> Result<Self> {
        let pack = odb.pack(number);
        pack.data(odb).await?;
        Ok(Self { number, idx: pack.idx(odb).await?, rev: pack.rev(odb).await?, place: 0 })
    }

    /// The entry at `offset`, which is behind that of the call before.
    async fn advance(&mut self, offset: u64) -> Result<Node> {
        while self.place < self.idx.count() {
            let pos = self.rev.checked_pos(self.idx, self.place).await?;
            self.place += 1;
            if self.idx.offset_at(pos).await? == offset {
                return Ok(Node::packed(self.number, pos));
            }
        }
        Err(Error::corrupt("a bitmap's order of objects"))
    }
}
