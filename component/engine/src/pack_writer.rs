//! Makes packs out of what is stored.
//!
//! Packed objects are copied as they are, in stretches as long as possible; deltas too, when the
//! receiver has or gets their base. Loose objects are deflated again, because their header is
//! within their zlib stream. No new delta is computed.
//!
//! No object of a pack that is made here depends on itself: a delta is only copied when its base
//! was written before it, is stored whole, or is not in the pack at all (thin packs).
//!
//! Spec: gitformat-pack(5)

mod deflate;
mod encode;
mod runs;

use gitwasi_wire::{ObjectFormat, Oid};
use sha1::Digest as _;

use crate::odb::{EntryKind, HEADER_LEN, Location, Object, Pack};
use crate::storage::Storage;
use crate::walk::{Node, Selection, Walk};
use crate::working_memory::Leased;
use crate::{Error, Result};
pub(crate) use deflate::Deflater;
pub(crate) use encode::whole as whole_head;
use runs::Runs;

/// Takes the bytes of a pack.
pub(crate) trait PackSink {
    /// Takes the next bytes.
    async fn put(&mut self, bytes: &[u8]) -> Result<()>;
}

/// What the receiver can do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PackOptions {
    /// It has the objects in [`Selection::had`] and completes the pack with them.
    pub(crate) thin: bool,
    /// It understands bases given by their distance.
    pub(crate) ofs_delta: bool,
}

/// What was written.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Totals {
    pub(crate) objects: u64,
    pub(crate) deltas: u64,
    pub(crate) reused: u64,
    /// Objects of packs that were copied whole, and how many packs.
    pub(crate) pack_reused: u64,
    pub(crate) packs_reused: u64,
}

/// Share of a pack's objects, one in so many, from which on the whole pack is gone through
/// instead of looking up each object.
const SPARSE: u64 = 16;

/// Writes the selected objects as a pack, trailer included.
pub(crate) async fn write<S: Storage, K: PackSink>(
    walk: &mut Walk<'_, S>,
    selection: &Selection,
    options: PackOptions,
    sink: &mut K,
) -> Result<Totals> {
    let format = walk.repository.object_format();
    let count = selection.wanted.count();
    let count32 = u32::try_from(count).map_err(|_| Error::LimitExceeded("objects of a pack"))?;
    let mut out = Out { sink, hasher: Hasher::new(format), offset: 0 };
    let mut head = *b"PACK\0\0\0\x02\0\0\0\0";
    head[8..].copy_from_slice(&count32.to_be_bytes());
    out.put(&head).await?;

    let totals = Totals { objects: count, ..Totals::default() };
    let mut writer = Writer { walk, selection, options, out, deflater: Deflater::new(), totals };
    for number in selection.wanted.loose() {
        writer.loose(number).await?;
    }
    for pack in 0..writer.walk.repository.odb.pack_count() as u32 {
        writer.pack(pack).await?;
    }
    let Writer { out, totals, .. } = writer;
    let checksum = out.hasher.finish();
    out.sink.put(&checksum).await?;
    Ok(totals)
}

struct Writer<'a, 'r, S: Storage, K: PackSink> {
    walk: &'a mut Walk<'r, S>,
    selection: &'a Selection,
    options: PackOptions,
    out: Out<'a, K>,
    deflater: Deflater,
    totals: Totals,
}

/// An entry that is about to be written.
#[derive(Debug, Clone, Copy)]
struct Place {
    pos: u32,
    offset: u64,
    end: u64,
}

/// Stretches of a pack while it is being copied.
#[derive(Debug)]
struct Copying {
    runs: Runs,
    /// From here to there, to be copied as it is.
    pending: Option<(u64, u64)>,
}

/// How an entry is written.
enum How {
    Verbatim,
    Ofs { distance: u64 },
    Ref(Oid),
    Whole,
}

impl<S: Storage, K: PackSink> Writer<'_, '_, S, K> {
    async fn loose(&mut self, number: u32) -> Result<()> {
        let repository = self.walk.repository;
        let (oid, directory) = self.walk.loose_object(number)?;
        let mut reader = match repository.odb.open_loose(directory, &oid).await {
            // Packed meanwhile.
            Err(error) if error.is_absent() => {
                let object = repository.odb.read_at(&oid, Location::Loose { directory }).await?;
                return self.whole(&object).await;
            }
            reader => reader?,
        };
        let head = encode::whole(reader.kind(), reader.size());
        self.out.put(&head).await?;
        self.deflater.reset();
        loop {
            let piece = reader.next().await?;
            let deflated = self.deflater.deflate(&piece, piece.is_empty())?;
            self.out.put(deflated).await?;
            repository.engine.worked(piece.len() as u64 / 64 + 8).await;
            if piece.is_empty() {
                return Ok(());
            }
        }
    }

    async fn pack(&mut self, number: u32) -> Result<()> {
        let selected = u64::from(self.selection.wanted.count_in_pack(number));
        if selected == 0 {
            return Ok(());
        }
        let odb = &self.walk.repository.odb;
        let pack = odb.pack(number);
        let (idx, rev) = (pack.idx(odb).await?, pack.rev(odb).await?);
        let end = pack.end(odb).await?;
        let mut copying = Copying { runs: Runs::new(&odb.memory), pending: None };
        if selected == u64::from(idx.count()) && self.options.ofs_delta {
            // All of the pack, so all bases: it is copied without a look at its entries. The
            // pack's own count is that of its index: nothing else is between the entries.
            let first = rev.checked_pos(idx, 0).await?;
            if idx.offset_at(first).await? == HEADER_LEN {
                copying.pending = Some((HEADER_LEN, end));
                self.totals.pack_reused += selected;
                self.totals.packs_reused += 1;
                return self.copy(pack, &mut copying).await;
            }
        }
        if selected * SPARSE < u64::from(idx.count()) {
            let mut places = Leased::<Vec<_>>::new(&odb.memory);
            for pos in self.selection.wanted.in_pack(number) {
                places.push((idx.offset_at(pos).await?, pos))?;
            }
            places.sort_unstable();
            for (offset, pos) in places.iter().copied() {
                let place = rev.place_of(idx, offset).await?;
                let place = place.ok_or_else(|| Error::corrupt("a reverse index"))?;
                let end = if place + 1 == idx.count() {
                    end
                } else {
                    idx.offset_at(rev.checked_pos(idx, place + 1).await?).await?
                };
                self.entry(number, pack, Place { pos, offset, end }, &mut copying).await?;
            }
        } else {
            let mut pos = rev.checked_pos(idx, 0).await?;
            let mut offset = idx.offset_at(pos).await?;
            for place in 1..=idx.count() {
                let (next_pos, next) = if place == idx.count() {
                    (0, end)
                } else {
                    let pos = rev.checked_pos(idx, place).await?;
                    (pos, idx.offset_at(pos).await?)
                };
                if self.selection.wanted.contains(Node::packed(number, pos)) {
                    let place = Place { pos, offset, end: next };
                    self.entry(number, pack, place, &mut copying).await?;
                }
                (pos, offset) = (next_pos, next);
            }
        }
        self.copy(pack, &mut copying).await
    }

    async fn entry(
        &mut self,
        number: u32,
        pack: &Pack<S>,
        place: Place,
        copying: &mut Copying,
    ) -> Result<()> {
        let repository = self.walk.repository;
        repository.engine.worked(1).await;
        let entry = pack.entry(&repository.odb, place.offset).await?;
        if entry.data_offset >= place.end {
            return Err(Error::corrupt("pack entries that overlap"));
        }
        let pending = copying.pending.map_or(0, |(start, end)| end - start);
        let position = self.out.offset + pending;
        let how = match entry.kind {
            EntryKind::Whole(_) => How::Verbatim,
            EntryKind::OfsDelta(base) => match copying.runs.find(base) {
                Some(base_at) if self.options.ofs_delta => {
                    let distance = position.checked_sub(base_at).filter(|distance| *distance > 0);
                    match distance.ok_or_else(|| Error::corrupt("a delta's base"))? {
                        distance if distance == place.offset - base => How::Verbatim,
                        distance => How::Ofs { distance },
                    }
                }
                _ => {
                    let idx = pack.idx(&repository.odb).await?;
                    let rev = pack.rev(&repository.odb).await?;
                    let place = rev.place_of(idx, base).await?;
                    let place = place.ok_or_else(|| Error::corrupt("a delta without its base"))?;
                    let base = idx.oid_at(rev.checked_pos(idx, place).await?).await?;
                    self.by_oid(number, base).await?
                }
            },
            EntryKind::RefDelta(base) => match self.by_oid(number, base).await? {
                How::Ref(_) => How::Verbatim,
                how => how,
            },
        };
        self.totals.reused += u64::from(!matches!(how, How::Whole));
        self.totals.deltas +=
            u64::from(!matches!(entry.kind, EntryKind::Whole(_)) && !matches!(how, How::Whole));
        copying.runs.push(place.offset, place.end, position)?;
        let head = match how {
            How::Verbatim => {
                if let Some((_, end)) = &mut copying.pending
                    && *end == place.offset
                {
                    *end = place.end;
                } else {
                    self.copy(pack, copying).await?;
                    copying.pending = Some((place.offset, place.end));
                }
                return Ok(());
            }
            How::Ofs { distance } => encode::ofs_delta(entry.size, distance),
            How::Ref(base) => encode::ref_delta(entry.size, &base),
            How::Whole => {
                self.copy(pack, copying).await?;
                return self.made_whole(number, pack, place).await;
            }
        };
        self.copy(pack, copying).await?;
        self.out.put(&head).await?;
        copying.pending = Some((entry.data_offset, place.end));
        self.copy(pack, copying).await
    }

    /// Writes an object that is stored as a delta.
    async fn made_whole(&mut self, number: u32, pack: &Pack<S>, place: Place) -> Result<()> {
        let odb = &self.walk.repository.odb;
        if odb.packed_size(pack, place.offset).await? <= odb.engine.limits.object_size {
            match odb.read_packed(number, place.pos).await {
                Ok(object) => return self.whole(&object).await,
                // Something that it is made of is larger.
                Err(Error::LimitExceeded("object_size" | "working_memory") | Error::Busy) => {}
                Err(error) => return Err(error),
            }
        }
        let mut reader = odb.open_large(pack, place.offset).await?;
        self.out.put(&encode::whole(reader.kind(), reader.size())).await?;
        self.deflater.reset();
        loop {
            let piece = reader.next().await?;
            self.out.put(self.deflater.deflate(&piece, piece.is_empty())?).await?;
            odb.engine.worked(piece.len() as u64 / 64).await;
            if piece.is_empty() {
                return Ok(());
            }
        }
    }

    /// Writes an object that is in memory.
    async fn whole(&mut self, object: &Object) -> Result<()> {
        let engine = &self.walk.repository.engine;
        self.out.put(&encode::whole(object.kind, object.content.len() as u64)).await?;
        self.deflater.reset();
        for piece in object.content.chunks(64 << 10) {
            self.out.put(self.deflater.deflate(piece, false)?).await?;
            engine.worked(piece.len() as u64 / 64).await;
        }
        self.out.put(self.deflater.deflate(&[], true)?).await
    }

    /// How a delta is written whose base is not in the part of its pack that was written.
    async fn by_oid(&mut self, number: u32, base: Oid) -> Result<How> {
        let Some(node) = self.walk.find(&base).await? else { return Ok(How::Whole) };
        if self.selection.wanted.contains(node) {
            let written = match node.as_loose() {
                Some(_) => true,
                None if node.pack() < number => true,
                None => {
                    let odb = &self.walk.repository.odb;
                    let pack = odb.pack(node.pack());
                    let offset = pack.idx(odb).await?.offset_at(node.pos()).await?;
                    matches!(pack.entry(odb, offset).await?.kind, EntryKind::Whole(_))
                }
            };
            return Ok(if written { How::Ref(base) } else { How::Whole });
        }
        let known = self.options.thin && self.selection.had.contains(node);
        Ok(if known { How::Ref(base) } else { How::Whole })
    }

    /// Copies what is pending.
    async fn copy(&mut self, pack: &Pack<S>, copying: &mut Copying) -> Result<()> {
        let Some((mut offset, end)) = copying.pending.take() else { return Ok(()) };
        let engine = &self.walk.repository.engine;
        let data = pack.data(&self.walk.repository.odb).await?;
        let is_long = end - offset > engine.limits.block_cache as u64 / 4;
        while offset < end {
            let (block, within) = match is_long {
                true => data.passing_block_at(offset).await?,
                false => data.block_at(offset).await?,
            };
            let length = (block.len() - within).min((end - offset) as usize);
            self.out.put(&block[within..within + length]).await?;
            offset += length as u64;
            engine.worked(length as u64 / 1024).await;
        }
        Ok(())
    }
}

struct Out<'a, K: PackSink> {
    sink: &'a mut K,
    hasher: Hasher,
    offset: u64,
}

impl<K: PackSink> Out<'_, K> {
    async fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.offset += bytes.len() as u64;
        self.sink.put(bytes).await
    }
}

/// What checksums of files are made with.
pub(crate) enum Hasher {
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
}

impl Hasher {
    pub(crate) fn new(format: ObjectFormat) -> Self {
        match format {
            ObjectFormat::Sha1 => Self::Sha1(sha1::Sha1::new()),
            ObjectFormat::Sha256 => Self::Sha256(sha2::Sha256::new()),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        match self {
            Self::Sha1(hasher) => hasher.finalize().to_vec(),
            Self::Sha256(hasher) => hasher.finalize().to_vec(),
        }
    }
}
