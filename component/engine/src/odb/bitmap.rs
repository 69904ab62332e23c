//! Reachability bitmaps of a pack or of a multi-pack-index: what some commits reach, a bit for
//! each object.
//!
//! The name-hash cache is of use to who searches for deltas, and pseudo-merges to who reads
//! bitmaps of many refs at once; both are passed over.
//!
//! Spec: gitformat-bitmap(5)

mod ewah;
mod order;
mod table;

use gitwasi_wire::Oid;

pub(crate) use order::BitmapView;

use super::Odb;
use super::idx::read_oid;
use crate::object::Kind;
use crate::storage::{CachedFile, Storage};
use crate::working_memory::Leased;
use crate::{Error, Result};
use table::Table;

/// The bitmaps of one pack or multi-pack-index. The bits are read when asked.
#[derive(Debug)]
pub(crate) struct Bitmaps<S: Storage> {
    file: CachedFile<S>,
    table: Table,
    /// Where the bitmaps of all commits, trees, blobs and tags begin.
    types: [u64; 4],
    /// Number of objects.
    bits: u32,
}

const FULL_DAG: u16 = 0x1;
const HASH_CACHE: u16 = 0x4;
const LOOKUP_TABLE: u16 = 0x10;

impl<S: Storage> Bitmaps<S> {
    /// Opens the bitmaps of a pack or multi-pack-index that has `bits` objects and this checksum;
    /// `None` if there are none, or none of a version that is known.
    pub(super) async fn open(odb: &Odb<S>, path: &str, bits: u32, of: Oid) -> Result<Option<Self>> {
        let file = match odb.engine.open_file(path).await {
            Ok(file) => file,
            Err(error) if error.is_absent() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut head = [0; 12];
        file.read_exact(0, &mut head).await?;
        let [b'B', b'I', b'T', b'M', 0, 1, flags @ .., a, b, c, d] = head else { return Ok(None) };
        let flags = u16::from_be_bytes(flags);
        let checksum = read_oid(&file, 12, odb.format).await?;
        if flags & FULL_DAG == 0 || checksum != of {
            return Ok(None);
        }
        let count = u32::from_be_bytes([a, b, c, d]);
        let mut offset = 12 + odb.format.oid_len() as u64;
        let mut types = [0; 4];
        for at in &mut types {
            *at = offset;
            offset = ewah::skip(&file, offset).await?;
        }
        let table = if flags & LOOKUP_TABLE == 0 {
            Table::list(odb, &file, offset, count).await?
        } else {
            let cache = if flags & HASH_CACHE == 0 { 0 } else { 4 * u64::from(bits) };
            let end = file.size().checked_sub(odb.format.oid_len() as u64 + cache);
            Table::lookup(offset, end.ok_or_else(bad)?, count)?
        };
        Ok(Some(Self { file, table, types, bits }))
    }

    /// Adds to `bits` what the commit at an index position reaches; false if it has no bitmap.
    pub(crate) async fn add(&self, odb: &Odb<S>, pos: u32, bits: &mut [u64]) -> Result<bool> {
        let Some(mut number) = self.table.find(&self.file, pos).await? else { return Ok(false) };
        let mut reached = Leased::filled(&odb.memory, 0, bits.len())?;
        for _ in 0..self.table.count() {
            let entry = self.table.entry(&self.file, number).await?;
            ewah::xor(&self.file, entry.bitmap, self.bits, &mut reached).await?;
            odb.engine.worked(bits.len() as u64 / 256 + 1).await;
            let Some(base) = entry.base else {
                for (bits, reached) in bits.iter_mut().zip(&*reached) {
                    *bits |= reached;
                }
                return Ok(true);
            };
            number = base;
        }
        Err(bad())
    }

    /// Removes all objects of a kind from `bits`.
    pub(crate) async fn remove(&self, odb: &Odb<S>, kind: Kind, bits: &mut [u64]) -> Result<()> {
        let mut removed = Leased::filled(&odb.memory, 0, bits.len())?;
        let offset = self.types[usize::from(kind.pack_type()) - 1];
        ewah::xor(&self.file, offset, self.bits, &mut removed).await?;
        for (bits, removed) in bits.iter_mut().zip(&*removed) {
            *bits &= !removed;
        }
        Ok(())
    }

    /// No bit of all.
    pub(crate) fn none(&self, odb: &Odb<S>) -> Result<Leased<Vec<u64>>> {
        Leased::filled(&odb.memory, 0, self.bits.div_ceil(64) as usize)
    }

    /// Number of objects.
    pub(crate) fn objects(&self) -> u32 {
        self.bits
    }
}

fn bad() -> Error {
    Error::corrupt("a bitmap")
}
