//! `packed-refs`: searched and read block by block, never loaded whole.

use bstr::{BStr, BString, ByteSlice};
use gitwasi_wire::Oid;

use super::Peeled;
use super::lines::Lines;
use crate::hex;
use crate::storage::{BLOCK_SIZE, CachedFile, Storage};
use crate::{Error, Repository, Result};

/// An open `packed-refs`.
#[derive(Debug)]
pub(super) struct PackedRefs<S: Storage> {
    file: CachedFile<S>,
    hex_len: usize,
    sorted: bool,
    fully_peeled: bool,
    tags_peeled: bool,
    /// Where the first line behind the header begins.
    start: u64,
}

/// Reads refs one after another.
#[derive(Debug)]
pub(super) struct Cursor {
    offset: u64,
    held: Option<(BString, Oid)>,
}

impl<S: Storage> PackedRefs<S> {
    /// Opens the file; `None` if there is none.
    pub(super) async fn open(repository: &Repository<S>) -> Result<Option<Self>> {
        let file = match repository.engine.open_file(&repository.file("packed-refs")).await {
            Ok(file) => file,
            Err(error) if error.is_absent() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let hex_len = repository.object_format().hex_len();
        let mut packed = Self {
            file,
            hex_len,
            sorted: false,
            fully_peeled: false,
            tags_peeled: false,
            start: 0,
        };
        let mut lines = Lines::new(&packed.file, 0);
        if let Some(line) = lines.next().await?
            && let Some(traits) = line.strip_prefix(b"# pack-refs with:")
        {
            let has = |name: &[u8]| traits.split(|byte| *byte == b' ').any(|word| word == name);
            let found = (has(b"sorted"), has(b"fully-peeled"), has(b"peeled"));
            packed.start = lines.offset();
            (packed.sorted, packed.fully_peeled, packed.tags_peeled) = found;
        }
        Ok(Some(packed))
    }

    /// Whether the names are in order, so that they can be searched and merged.
    pub(super) fn is_sorted(&self) -> bool {
        self.sorted
    }

    /// The oid and the peeled value of a ref.
    pub(super) async fn find(&self, name: &BStr) -> Result<Option<(Oid, Peeled)>> {
        let mut cursor = self.seek(name).await?;
        while let Some((found, oid, peeled)) = self.next(&mut cursor).await? {
            if found == name {
                return Ok(Some((oid, peeled)));
            }
            if self.sorted && found.as_bstr() > name {
                break;
            }
        }
        Ok(None)
    }

    /// A cursor at or somewhat before the first ref that is not before `name`.
    pub(super) async fn seek(&self, name: &BStr) -> Result<Cursor> {
        let mut offset = self.start;
        if self.sorted {
            // The last block of which the first whole ref line is before the name.
            let (mut low, mut high) = (0, self.file.size().div_ceil(BLOCK_SIZE as u64));
            while low < high {
                let middle = low + (high - low) / 2;
                match self.first_in_block(middle).await? {
                    Some((found, at)) if found.as_bstr() < name => {
                        offset = at.max(self.start);
                        low = middle + 1;
                    }
                    _ => high = middle,
                }
            }
        }
        Ok(Cursor { offset, held: None })
    }

    /// The next ref.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a line that is none of git's: so does git refuse the whole file.
    pub(super) async fn next(&self, cursor: &mut Cursor) -> Result<Option<(BString, Oid, Peeled)>> {
        if let Some(found) = self.next_in_block(cursor).await? {
            return Ok(Some(found));
        }
        let mut lines = Lines::new(&self.file, cursor.offset);
        loop {
            let Some(line) = lines.next().await? else {
                let Some((name, oid)) = cursor.held.take() else { return Ok(None) };
                cursor.offset = lines.offset();
                let peeled = self.unpeeled(&name);
                return Ok(Some((name, oid, peeled)));
            };
            if let Some(digits) = line.strip_prefix(b"^") {
                let peeled = hex::decode(digits).filter(|_| digits.len() == self.hex_len);
                let peeled = peeled.ok_or_else(bad)?;
                let (name, oid) = cursor.held.take().ok_or_else(bad)?;
                cursor.offset = lines.offset();
                return Ok(Some((name, oid, Peeled::To(peeled))));
            }
            if line.starts_with(b"#") {
                continue;
            }
            let (name, oid) = parse(line, self.hex_len).ok_or_else(bad)?;
            let (name, after) = (name.to_owned(), lines.offset());
            if let Some((held, oid_held)) = cursor.held.replace((name, oid)) {
                cursor.offset = after;
                let peeled = self.unpeeled(&held);
                return Ok(Some((held, oid_held, peeled)));
            }
        }
    }

    /// The next ref, if its lines and the byte behind them are in one block, as nearly all are.
    async fn next_in_block(&self, cursor: &mut Cursor) -> Result<Option<(BString, Oid, Peeled)>> {
        if cursor.held.is_some() || cursor.offset >= self.file.size() {
            return Ok(None);
        }
        let (block, within) = self.file.block_at(cursor.offset).await?;
        let rest = &block[within..];
        let Some(end) = rest.find_byte(b'\n') else { return Ok(None) };
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        if line.starts_with(b"#") || line.starts_with(b"^") {
            return Ok(None);
        }
        let (peeled, length) = match after.first() {
            None => return Ok(None),
            Some(b'^') => {
                let Some(digits) = after.get(1..=self.hex_len) else { return Ok(None) };
                if after.get(self.hex_len + 1) != Some(&b'\n') {
                    return Ok(None);
                }
                (Some(hex::decode(digits).ok_or_else(bad)?), end + self.hex_len + 3)
            }
            Some(_) => (None, end + 1),
        };
        let (name, oid) = parse(line, self.hex_len).ok_or_else(bad)?;
        let name = name.to_owned();
        cursor.offset += length as u64;
        let peeled = peeled.map_or_else(|| self.unpeeled(&name), Peeled::To);
        Ok(Some((name, oid, peeled)))
    }

    fn unpeeled(&self, name: &BString) -> Peeled {
        if self.fully_peeled || self.tags_peeled && name.starts_with(b"refs/tags/") {
            Peeled::No
        } else {
            Peeled::Unknown
        }
    }

    async fn first_in_block(&self, number: u64) -> Result<Option<(BString, u64)>> {
        let mut lines = Lines::new(&self.file, number * BLOCK_SIZE as u64);
        if number > 0 {
            // The rest of a line that began in the block before, unless one begins right here:
            // then it is skipped too, and found from the block before.
            lines.next().await?;
        }
        loop {
            let offset = lines.offset();
            let Some(line) = lines.next().await? else { return Ok(None) };
            if line.starts_with(b"^") || line.starts_with(b"#") {
                continue;
            }
            let (name, _) = parse(line, self.hex_len).ok_or_else(bad)?;
            return Ok(Some((name.to_owned(), offset)));
        }
    }
}

fn bad() -> Error {
    Error::corrupt("packed-refs")
}

fn parse(line: &[u8], hex_len: usize) -> Option<(&BStr, Oid)> {
    let (digits, rest) = line.split_at_checked(hex_len)?;
    let name = rest.strip_prefix(b" ")?.as_bstr();
    Some((name, hex::decode(digits)?))
}
