//! `packed-refs`: searched and read block by block, never loaded whole if it is sorted.
//!
//! Refs go from the file's block to whoever takes them as they lie there: nothing is copied,
//! allocated or awaited for one of them unless it lies across the edge of a block.

mod record;
mod sound;
mod unsorted;

use std::cmp::Ordering;
use std::collections::HashMap;
use std::rc::Rc;

use bstr::{BStr, ByteSlice};
use gitwasi_wire::Oid;

use super::selector::{Judgement, Selector};
use super::{Peeled, PeeledHex, RefLine, is_valid_name};
use crate::hex;
use crate::storage::{BLOCK_SIZE, CachedFile, Stat, Storage};
use crate::working_memory::Lease;
use crate::{Engine, Error, Repository, Result};
use record::{Parsed, Record, Upper};
pub(crate) use sound::SoundRefs;

/// Bytes of a ref's lines at most: two oids and the longest name a file system would take, and
/// more.
const MAX_RECORD: usize = 8 << 10;

/// An open `packed-refs`.
#[derive(Debug)]
pub(super) struct PackedRefs<S: Storage> {
    file: Rc<PackedFile<S>>,
    engine: Rc<Engine<S>>,
}

/// What is known of a `packed-refs` once it has been opened.
#[derive(Debug)]
struct PackedFile<S: Storage> {
    content: Content<S>,
    hex_len: usize,
    fully_peeled: bool,
    tags_peeled: bool,
    /// Where the first line behind the header begins.
    start: u64,
}

/// Files that stay open between requests, by repository, and what a look at them told.
#[derive(Debug)]
pub(crate) struct KnownPackedRefs<S: Storage>(HashMap<String, (Stat, Rc<PackedFile<S>>)>);

impl<S: Storage> Default for KnownPackedRefs<S> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

/// Lines in the order of their names.
#[derive(Debug)]
enum Content<S: Storage> {
    File(CachedFile<S>),
    /// Of a file that was not sorted.
    Memory(Rc<Vec<u8>>, #[expect(dead_code, reason = "given back when dropped")] Lease),
}

/// Why [`PackedRefs::scan`] came to an end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// There may be more in the next block.
    Block,
    /// The next name is not before the bound.
    Bound,
    /// That was the last.
    End,
}

/// Why a block was left.
enum Leave {
    /// The block ends, perhaps within the lines of a ref.
    Edge,
    Bound,
    Past,
    Skip(Vec<u8>),
    /// Somebody has to look at the object before the ref, of so many bytes, can be told.
    Peel(usize),
}

/// What a stretch of refs is looked through for.
struct Scan<'s> {
    /// Whether the file ends where the bytes end.
    last: bool,
    /// For one ref only.
    one: bool,
    bound: Option<&'s [u8]>,
    selector: &'s mut Selector,
    peel: bool,
    /// Whether digits and names are known to be as git writes them; and whether they were.
    sound: bool,
}

impl<S: Storage> PackedFile<S> {
    async fn open(repository: &Repository<S>) -> Result<Option<Self>> {
        let file = match repository.engine.open_file(&repository.file("packed-refs")).await {
            Ok(file) => file,
            Err(error) if error.is_absent() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let hex_len = repository.object_format().hex_len();
        let header = if file.size() == 0 { Vec::new() } else { header(&file).await? };
        let traits = header.strip_prefix(b"# pack-refs with:").unwrap_or_default();
        let has = |name: &[u8]| {
            traits.trim_ascii_end().split(|byte| *byte == b' ').any(|word| word == name)
        };
        let (fully_peeled, tags_peeled) = (has(b"fully-peeled"), has(b"peeled"));
        let start = header.len() as u64;
        let (content, start) = if has(b"sorted") {
            (Content::File(file), start)
        } else {
            let limit = repository.engine.limits.unsorted_refs;
            let memory = &repository.memory;
            let (sorted, lease) =
                unsorted::sort(&file, start, hex_len, limit, memory).await?.into_parts();
            (Content::Memory(Rc::new(sorted), lease), 0)
        };
        Ok(Some(Self { content, hex_len, fully_peeled, tags_peeled, start }))
    }
}

impl<S: Storage> PackedFile<S> {
    /// Bytes in memory.
    fn held(&self) -> usize {
        match &self.content {
            Content::File(_) => 0,
            Content::Memory(lines, _) => lines.capacity(),
        }
    }
}

impl<S: Storage> PackedRefs<S> {
    /// Opens the file, unless it is open and has not changed; `None` if there is none.
    ///
    /// # Limits
    /// [`crate::Limits::unsorted_refs`], if it is not sorted; [`crate::Limits::open_packed_refs`].
    pub(super) async fn open(repository: &Repository<S>) -> Result<Option<Self>> {
        let engine = Rc::clone(&repository.engine);
        let Some(stat) = engine.look(&repository.file("packed-refs")).await? else {
            return Ok(None);
        };
        let known = engine.packed_refs.borrow().0.get(&repository.path).cloned();
        if let Some((seen, file)) = known
            && seen == stat
        {
            return Ok(Some(Self { file, engine }));
        }
        let Some(file) = PackedFile::open(repository).await?.map(Rc::new) else { return Ok(None) };
        if engine.is_settled(&stat) {
            let known = &mut engine.packed_refs.borrow_mut().0;
            let kept = known.values().map(|(_, file)| file.held()).sum::<usize>();
            if known.len() >= engine.limits.open_packed_refs
                || kept + file.held() > engine.limits.kept_tables
            {
                known.clear();
            }
            if file.held() <= engine.limits.kept_tables {
                known.insert(repository.path.clone(), (stat, Rc::clone(&file)));
            }
        }
        Ok(Some(Self { file, engine }))
    }

    /// The oid and the peeled value of a ref.
    pub(super) async fn find(&self, name: &BStr) -> Result<Option<(Oid, Peeled)>> {
        let mut offset = self.seek(name).await?;
        let mut found = None;
        let mut selector = Selector::default();
        let mut after = name.to_vec();
        after.push(0);
        loop {
            let mut take = |line: RefLine<'_>| {
                if line.name() == name {
                    found = Some((line.oid()?, line.peeled()?));
                }
                Ok(())
            };
            match self
                .scan(&mut offset, Some(&after), &mut selector, false, None, &mut take)
                .await?
            {
                Stop::Block => {}
                Stop::Bound | Stop::End => return Ok(found),
            }
        }
    }

    /// Where the first ref that is not before `name` begins, or one somewhat before it.
    pub(super) async fn seek(&self, name: &[u8]) -> Result<u64> {
        if name.is_empty() {
            return Ok(self.file.start);
        }
        // The last block of which the first whole ref is before the name.
        let mut offset = self.file.start;
        let (mut low, mut high) = match &self.file.content {
            Content::File(file) => (0, file.size().div_ceil(BLOCK_SIZE as u64)),
            Content::Memory(..) => (0, 0),
        };
        while low < high {
            let middle = low + (high - low) / 2;
            match self.first_in_block(middle * BLOCK_SIZE as u64, name).await? {
                Some((at, Ordering::Less)) => {
                    offset = at.max(self.file.start);
                    low = middle + 1;
                }
                Some(_) | None => high = middle,
            }
        }
        if offset >= self.size() {
            return Ok(offset);
        }
        let (block, within) = self.block_at(offset).await?;
        let last = self.ends_with(offset, &block[within..]);
        Ok(offset + search(&block[within..], self.file.hex_len, last, name)? as u64)
    }

    /// Hands the refs from `offset` on to `take`, as far as they lie in one block, come before
    /// `bound` and are selected; moves `offset` behind them.
    ///
    /// With `peel`, annotated tags that the file does not know the peeled value of are looked up.
    pub(super) async fn scan(
        &self,
        offset: &mut u64,
        bound: Option<&[u8]>,
        selector: &mut Selector,
        peel: bool,
        repository: Option<&Repository<S>>,
        take: &mut impl FnMut(RefLine<'_>) -> Result<()>,
    ) -> Result<Stop> {
        loop {
            if *offset >= self.size() {
                return Ok(Stop::End);
            }
            let (block, within) = self.block_at(*offset).await?;
            let rest = &block[within..];
            let last = self.ends_with(*offset, rest);
            let sound = self.is_sound(*offset);
            let mut scan = Scan { last, one: false, bound, selector, peel, sound };
            let (used, leave) = self.scan_bytes(rest, &mut scan, take)?;
            if matches!(leave, Leave::Edge) && !sound && scan.sound {
                self.note_sound(*offset);
            }
            *offset += used as u64;
            let (carry, leave) = match leave {
                Leave::Edge if !last && used < rest.len() => {
                    // The lines across the edge, and the byte behind them.
                    let length = (self.size() - *offset).min(MAX_RECORD as u64) as usize;
                    let mut carry = vec![0; length];
                    self.read_exact(*offset, &mut carry).await?;
                    let last = self.ends_with(*offset, &carry);
                    let mut scan = Scan { last, one: true, bound, selector, peel, sound: false };
                    let (used, leave) = self.scan_bytes(&carry, &mut scan, take)?;
                    if used == 0 && matches!(leave, Leave::Edge) {
                        return Err(Error::corrupt("packed-refs: a line without end"));
                    }
                    *offset += used as u64;
                    (Some(carry.split_off(used)), leave)
                }
                leave => (None, leave),
            };
            let rest = carry.as_deref().unwrap_or(&rest[used..]);
            match leave {
                Leave::Edge => {
                    return Ok(if *offset >= self.size() { Stop::End } else { Stop::Block });
                }
                Leave::Bound => return Ok(Stop::Bound),
                Leave::Past => return Ok(Stop::End),
                Leave::Skip(name) => {
                    let Parsed::Record(Record { length, .. }) =
                        record::parse(rest, self.file.hex_len, true)
                    else {
                        return Err(bad());
                    };
                    // Forward in any case: the file may only claim to be sorted.
                    *offset = self.seek(&name).await?.max(*offset + length as u64);
                }
                Leave::Peel(length) => {
                    let Parsed::Record(record) =
                        record::parse(&rest[..length], self.file.hex_len, true)
                    else {
                        return Err(bad());
                    };
                    let oid = hex::decode(&record.text[..self.file.hex_len]).ok_or_else(bad)?;
                    let peeled = match repository {
                        Some(repository) if is_valid_name(record.name.as_bstr()) => {
                            repository.odb.peel_unverified(&oid).await?
                        }
                        _ => None,
                    };
                    let mut hex = Vec::new();
                    let peeled = peeled.map_or(PeeledHex::No, |peeled| {
                        hex::append(&peeled, &mut hex);
                        PeeledHex::To(&hex)
                    });
                    self.give(&record, peeled, take)?;
                    *offset += length as u64;
                }
            }
        }
    }

    /// The part of [`Self::scan`] that needs no waiting.
    fn scan_bytes(
        &self,
        bytes: &[u8],
        scan: &mut Scan<'_>,
        take: &mut impl FnMut(RefLine<'_>) -> Result<()>,
    ) -> Result<(usize, Leave)> {
        let was_sound = scan.sound;
        scan.sound = true;
        let mut used = 0;
        while used < bytes.len() {
            let record = match record::parse(&bytes[used..], self.file.hex_len, scan.last) {
                Parsed::Record(record) => record,
                Parsed::Incomplete => break,
                Parsed::Corrupt => return Err(bad()),
            };
            if scan.bound.is_some_and(|bound| record.name >= bound) {
                return Ok((used, Leave::Bound));
            }
            match scan.selector.judge(record.name) {
                Judgement::Take => {
                    let peeled = self.peeled(&record);
                    if scan.peel && peeled == PeeledHex::Unknown {
                        return Ok((used, Leave::Peel(record.length)));
                    }
                    if was_sound {
                        take(self.line(&record, peeled))?;
                    } else {
                        scan.sound &= self.give(&record, peeled, take)?;
                    }
                }
                Judgement::Drop => scan.sound = was_sound,
                Judgement::SkipTo(name) => return Ok((used, Leave::Skip(name.to_vec()))),
                Judgement::Past => return Ok((used, Leave::Past)),
            }
            used += record.length;
            if scan.one {
                break;
            }
        }
        Ok((used, Leave::Edge))
    }

    /// Moves `offset` behind the ref of that name, if it stands there.
    pub(super) async fn pass(&self, offset: &mut u64, name: &[u8]) -> Result<()> {
        let mut after = name.to_vec();
        after.push(0);
        let mut none = |_: RefLine<'_>| Ok(());
        let mut all = Selector::default();
        self.scan(offset, Some(&after), &mut all, false, None, &mut none).await?;
        Ok(())
    }

    fn peeled<'a>(&self, record: &Record<'a>) -> PeeledHex<'a> {
        match record.peeled {
            Some(hex) => PeeledHex::To(hex),
            None if self.file.fully_peeled => PeeledHex::No,
            None if self.file.tags_peeled && record.name.starts_with(b"refs/tags/") => {
                PeeledHex::No
            }
            None => PeeledHex::Unknown,
        }
    }

    fn line<'a>(&self, record: &Record<'a>, peeled: PeeledHex<'a>) -> RefLine<'a> {
        RefLine { text: record.text, hex_len: self.file.hex_len, symref_target: None, peeled }
    }

    /// Hands a ref on, its digits in lower case; false if it is not as git writes it.
    fn give(
        &self,
        record: &Record<'_>,
        peeled: PeeledHex<'_>,
        take: &mut impl FnMut(RefLine<'_>) -> Result<()>,
    ) -> Result<bool> {
        let line = self.line(record, peeled);
        let upper = record.digits(self.file.hex_len).ok_or_else(bad)?;
        let valid = is_valid_name(record.name.as_bstr());
        if upper == Upper::None && valid {
            return take(line).map(|()| true);
        }
        let mut text = record.text.to_vec();
        text[..self.file.hex_len].make_ascii_lowercase();
        if !valid {
            text[..self.file.hex_len].fill(b'0');
            take(RefLine { text: &text, peeled: PeeledHex::No, ..line })?;
            return Ok(false);
        }
        match peeled {
            PeeledHex::To(hex) => {
                let hex = hex.to_ascii_lowercase();
                take(RefLine { text: &text, peeled: PeeledHex::To(&hex), ..line })?;
            }
            PeeledHex::Unknown | PeeledHex::No => take(RefLine { text: &text, ..line })?,
        }
        Ok(false)
    }

    /// Whether all refs from `offset` to the end of its block were found before to be as git
    /// writes them.
    fn is_sound(&self, offset: u64) -> bool {
        match &self.file.content {
            Content::File(file) => self.engine.sound_refs.borrow().is_sound(file.id(), offset),
            Content::Memory(..) => false,
        }
    }

    fn note_sound(&self, offset: u64) {
        if let Content::File(file) = &self.file.content {
            self.engine.sound_refs.borrow_mut().note(file.id(), offset);
        }
    }

    /// Where the first whole line of a ref in the block at `offset` begins, and how its name
    /// compares; `None` if the block has none.
    async fn first_in_block(&self, offset: u64, name: &[u8]) -> Result<Option<(u64, Ordering)>> {
        let (block, _) = self.block_at(offset).await?;
        let mut at = 0;
        if offset > 0 {
            // The rest of a line that began in the block before, unless one begins right here:
            // then it is skipped too, and found from the block before.
            at = block.find_byte(b'\n').map_or(block.len(), |end| end + 1);
        }
        while matches!(block.get(at), Some(b'^' | b'#')) {
            at += block[at..].find_byte(b'\n').map_or(block.len() - at, |end| end + 1);
        }
        let Some(end) = block[at..].find_byte(b'\n') else { return Ok(None) };
        let found = name_of(&block[at..at + end], self.file.hex_len)?;
        Ok(Some((offset + at as u64, found.cmp(name))))
    }

    fn size(&self) -> u64 {
        match &self.file.content {
            Content::File(file) => file.size(),
            Content::Memory(lines, _) => lines.len() as u64,
        }
    }

    async fn block_at(&self, offset: u64) -> Result<(Rc<Vec<u8>>, usize)> {
        match &self.file.content {
            Content::File(file) => file.block_at(offset).await,
            Content::Memory(lines, _) => Ok((Rc::clone(lines), offset as usize)),
        }
    }

    async fn read_exact(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        match &self.file.content {
            Content::File(file) => file.read_exact(offset, out).await,
            Content::Memory(..) => Err(bad()),
        }
    }

    /// Whether the file ends where these bytes of it end.
    fn ends_with(&self, offset: u64, bytes: &[u8]) -> bool {
        offset + bytes.len() as u64 >= self.size()
    }
}

/// The first line with its line feed, if it is a header; nothing otherwise.
async fn header<S: Storage>(file: &CachedFile<S>) -> Result<Vec<u8>> {
    let (block, _) = file.block_at(0).await?;
    match block.find_byte(b'\n') {
        Some(end) if block.starts_with(b"#") => Ok(block[..=end].to_vec()),
        _ => Ok(Vec::new()),
    }
}

/// Where in `bytes`, which begin with a ref, the first ref begins that is not before `name`, or
/// the one of which not all is there.
fn search(bytes: &[u8], hex_len: usize, last: bool, name: &[u8]) -> Result<usize> {
    // Lines from `low` on are not known to be before the name, those from `high` on are not.
    let (mut low, mut high) = (0, bytes.len());
    if !last {
        high = bytes.rfind_byte(b'\n').map_or(0, |end| end + 1);
    }
    while low < high {
        let middle = low + (high - low) / 2;
        let mut at = bytes[low..middle].rfind_byte(b'\n').map_or(low, |end| low + end + 1);
        while at > low && bytes[at] == b'^' {
            at = bytes[low..at - 1].rfind_byte(b'\n').map_or(low, |end| low + end + 1);
        }
        let end = bytes[at..high].find_byte(b'\n').ok_or_else(bad)?;
        if bytes[at] == b'^' {
            // Only the peeled value of what was skipped is left.
            low = at + end + 1;
            continue;
        }
        if name_of(&bytes[at..at + end], hex_len)? < name {
            low = at + end + 1;
        } else {
            high = at;
        }
    }
    // The peeled value belongs to the ref before.
    while bytes.get(low) == Some(&b'^') {
        low += bytes[low..].find_byte(b'\n').ok_or_else(bad)? + 1;
    }
    Ok(low)
}

fn name_of(line: &[u8], hex_len: usize) -> Result<&[u8]> {
    line.get(hex_len..).and_then(|rest| rest.strip_prefix(b" ")).ok_or_else(bad)
}

fn bad() -> Error {
    Error::corrupt("packed-refs")
}
