//! The first pass: every entry of the pack, once, as it arrives.
//!
//! Whole objects get their oids, deltas are only checked to inflate. Nothing is kept but what
//! [`Entries`] holds, and some content as long as there is room for it.

use std::rc::Rc;

use gitwasi_wire::Oid;

use super::blocks::PIECE;
use super::deltas::Deltas;
use super::entries::{self, Entries};
use super::entry::{self, Base, Head};
use super::input::Input;
use super::inspect::Inspector;
use super::kept::{Kept, Part};
use super::object_hasher::{ObjectHasher, oid_of};
use super::spool::Spool;
use super::{Observer, PackSource, Progress, Stage};
use crate::object::Kind;
use crate::odb::{HEADER_LEN, InflatePool};
use crate::storage::WriteStorage;
use crate::working_memory::Leased;
use crate::{Error, Repository, Result};

/// Blobs of at most this many bytes are inflated whole and hashed in one go.
const SMALL_BLOB: u64 = 512 << 10;
/// Bytes a buffer grows by, however large an object claims to become.
const MAX_RESERVE: u64 = 1 << 20;

/// What the first pass leaves to the second.
pub(super) struct Unpacked {
    pub(super) entries: Entries,
    pub(super) deltas: Deltas,
    pub(super) kept: Kept,
    /// Blobs that the repository has, too large to be compared while they arrive.
    pub(super) to_compare: Leased<Vec<u32>>,
    /// The pack's trailer.
    pub(super) checksum: Vec<u8>,
    pub(super) bytes: u64,
}

struct Unpacker<'a, 'r, S: WriteStorage, P, O> {
    input: Input<'a, P>,
    spool: &'a mut Spool<'r, S>,
    inspector: &'a mut Inspector<'r, S, O>,
    out: Unpacked,
    scratch: Leased<Vec<u8>>,
    inflated: u64,
}

/// Reads the pack's head; the number of objects.
pub(super) async fn head<S: WriteStorage, P: PackSource>(
    input: &mut Input<'_, P>,
    spool: &mut Spool<'_, S>,
    repository: &Repository<S>,
) -> Result<u32> {
    let head = loop {
        match input.available().first_chunk::<{ HEADER_LEN as usize }>() {
            Some(head) => break *head,
            None => input.more(spool).await?,
        }
    };
    let [signature @ .., v0, v1, v2, v3, n0, n1, n2, n3] = head;
    if signature != *b"PACK" {
        return Err(Error::Malformed("pack signature mismatch".into()));
    }
    let version = u32::from_be_bytes([v0, v1, v2, v3]);
    if !(2..=3).contains(&version) {
        return Err(Error::Malformed(format!("pack version {version} unsupported")));
    }
    let count = u32::from_be_bytes([n0, n1, n2, n3]);
    if count as usize > repository.engine.limits.received_objects {
        return Err(Error::LimitExceeded("received_objects"));
    }
    // What would be refused in the end is refused before it is sent.
    let each = entries::bytes_each(repository.object_format().oid_len());
    repository.memory.check((count as usize).saturating_mul(each))?;
    input.use_up(head.len())?;
    Ok(count)
}

/// Reads `count` entries and the trailer.
pub(super) async fn unpack<'r, S: WriteStorage, P: PackSource, O: Observer>(
    input: Input<'_, P>,
    spool: &mut Spool<'r, S>,
    inspector: &mut Inspector<'r, S, O>,
    count: u32,
    stage: Stage,
) -> Result<Unpacked> {
    let format = inspector.format();
    let memory = &inspector.repository.memory;
    let kept = Kept::new(inspector.engine().limits.resolve_cache, memory);
    let out = Unpacked {
        entries: Entries::new(format, memory),
        deltas: Deltas::new(memory),
        kept,
        to_compare: Leased::<Vec<_>>::new(memory),
        checksum: Vec::new(),
        bytes: 0,
    };
    let scratch = Leased::<Vec<_>>::new(memory);
    let mut unpacker = Unpacker { input, spool, inspector, out, scratch, inflated: 0 };
    for done in 0..count {
        unpacker.entry().await?;
        let bytes = unpacker.input.used();
        let progress = Progress { stage, done: done + 1, total: count, added: 0, bytes };
        unpacker.inspector.observer.progress(progress).await?;
    }
    let Unpacker { input, spool, mut out, .. } = unpacker;
    out.bytes = input.used() + format.oid_len() as u64;
    out.checksum = input.finish(format, spool).await?;
    Ok(out)
}

impl<S: WriteStorage, P: PackSource, O: Observer> Unpacker<'_, '_, S, P, O> {
    async fn entry(&mut self) -> Result<()> {
        let offset = self.input.used();
        let mut crc = flate2::Crc::new();
        let head = self.head(offset).await?;
        crc.update(&self.input.available()[..head.length]);
        self.input.use_up(head.length)?;
        match head.base {
            Base::None(Kind::Blob) if head.size > SMALL_BLOB => {
                self.large_blob(offset, &head, &mut crc).await
            }
            Base::None(kind) => self.object(offset, &head, kind, &mut crc).await,
            Base::Offset(_) | Base::Oid(_) => self.delta(offset, &head, &mut crc).await,
        }
    }

    async fn head(&mut self, offset: u64) -> Result<Head> {
        let oid_len = self.inspector.format().oid_len();
        loop {
            match entry::parse(self.input.available(), offset, oid_len) {
                Ok(head) => return Ok(head),
                Err(entry::Fault::Incomplete) => self.input.more(self.spool).await?,
                Err(entry::Fault::Bad(bad)) => return Err(bad_object(offset, &bad.to_string())),
            }
        }
    }

    async fn object(
        &mut self,
        offset: u64,
        head: &Head,
        kind: Kind,
        crc: &mut flate2::Crc,
    ) -> Result<()> {
        let content = self.inflate(offset, head.size, crc).await?;
        let oid = oid_of(self.inspector.format(), kind, &content)?;
        self.inspector.object(kind, &oid, &content, None).await?;
        self.keep(Part::Object, content);
        self.out.entries.push(offset, crc.sum(), kind, &oid)
    }

    async fn delta(&mut self, offset: u64, head: &Head, crc: &mut flate2::Crc) -> Result<()> {
        if head.size > SMALL_BLOB {
            self.skip(offset, head.size, crc).await?;
        } else {
            let delta = self.inflate(offset, head.size, crc).await?;
            self.keep(Part::Delta, delta);
        }
        let entry = self.out.entries.len();
        let base = match &head.base {
            Base::Oid(oid) => {
                self.out.deltas.add_by_oid(entry)?;
                Some(oid)
            }
            Base::Offset(base) => {
                // A base that begins nowhere leaves the delta unresolved, as in git.
                let base = self.out.entries.at_offset(*base);
                self.out.deltas.add_by_offset(base, entry)?;
                None
            }
            Base::None(_) => None,
        };
        self.out.entries.push_delta(offset, crc.sum(), base)
    }

    /// A blob that is never in memory as a whole.
    async fn large_blob(&mut self, offset: u64, head: &Head, crc: &mut flate2::Crc) -> Result<()> {
        let mut hasher = ObjectHasher::new(self.inspector.format(), Kind::Blob, head.size);
        let mut inflater = self.inspector.pool().take();
        let mut size = 0;
        loop {
            self.scratch.clear();
            self.scratch.reserve(PIECE)?;
            let ended = self.step(offset, head.size - size, &mut inflater, crc).await?;
            hasher.update(&self.scratch);
            size += self.scratch.len() as u64;
            if ended {
                break;
            }
        }
        self.inspector.pool().put_back(inflater);
        if size != head.size {
            return Err(bad_object(offset, "inflate returned 1"));
        }
        let oid = hasher.finish()?;
        if self.inspector.large_blob(&oid, size).await? {
            self.out.to_compare.push(self.out.entries.len())?;
        }
        self.out.entries.push(offset, crc.sum(), Kind::Blob, &oid)
    }

    /// Sees to it that what follows inflates to `size` bytes.
    async fn skip(&mut self, offset: u64, size: u64, crc: &mut flate2::Crc) -> Result<()> {
        let mut inflater = self.inspector.pool().take();
        let mut left = size;
        loop {
            self.scratch.clear();
            self.scratch.reserve(PIECE)?;
            let ended = self.step(offset, left, &mut inflater, crc).await?;
            left -= self.scratch.len() as u64;
            if ended {
                break;
            }
        }
        self.inspector.pool().put_back(inflater);
        if left == 0 { Ok(()) } else { Err(bad_object(offset, "inflate returned 1")) }
    }

    /// Inflates what follows, which shall have exactly `size` bytes.
    async fn inflate(
        &mut self,
        offset: u64,
        size: u64,
        crc: &mut flate2::Crc,
    ) -> Result<Leased<Vec<u8>>> {
        if size > self.inspector.engine().limits.object_size {
            return Err(Error::LimitExceeded("object_size"));
        }
        let mut inflater = self.inspector.pool().take();
        let memory = &self.inspector.repository.memory;
        self.scratch = Leased::<Vec<_>>::new(memory);
        loop {
            if self.scratch.len() == self.scratch.capacity() {
                // One byte more than it should have, to notice that it has.
                let more = (size + 1 - self.scratch.len() as u64).min(MAX_RESERVE);
                self.scratch.reserve_exact(more as usize)?;
            }
            let left = size - self.scratch.len() as u64;
            let ended = self.step(offset, left, &mut inflater, crc).await?;
            if ended {
                break;
            }
        }
        self.inspector.pool().put_back(inflater);
        if self.scratch.len() as u64 == size {
            Ok(std::mem::replace(&mut self.scratch, Leased::<Vec<_>>::new(memory)))
        } else {
            Err(bad_object(offset, "inflate returned 1"))
        }
    }

    /// Inflates some of what is there into the room that `scratch` has, `left` bytes at most;
    /// whether the stream ended.
    async fn step(
        &mut self,
        offset: u64,
        left: u64,
        inflater: &mut flate2::Decompress,
        crc: &mut flate2::Crc,
    ) -> Result<bool> {
        if self.input.available().is_empty() {
            self.input.more(self.spool).await?;
        }
        let before = self.scratch.len();
        let progress = InflatePool::step(inflater, self.input.available(), &mut self.scratch);
        let produced = (self.scratch.len() - before) as u64;
        if produced > left {
            return Err(bad_object(offset, "inflate returned -5"));
        }
        let progress = progress.map_err(|_| bad_object(offset, "inflate returned -3"))?;
        crc.update(&self.input.available()[..progress.consumed]);
        self.input.use_up(progress.consumed)?;

        self.inflated += produced;
        let limits = &self.inspector.engine().limits;
        let allowed = limits.inflation.saturating_mul(self.input.used());
        if self.inflated > limits.object_size.saturating_add(allowed) {
            return Err(Error::LimitExceeded("inflation"));
        }
        self.inspector.engine().worked(produced / 256 + 1).await;
        Ok(progress.ended)
    }

    fn keep(&mut self, part: Part, content: Leased<Vec<u8>>) {
        let content = Rc::new(content.into_parts().0);
        self.out.kept.add_if_room(self.out.entries.len(), part, content);
    }
}

/// What git says of an entry that it cannot take.
pub(super) fn bad_object(offset: u64, why: &str) -> Error {
    Error::Malformed(format!("pack has bad object at offset {offset}: {why}"))
}

/// What git says of deltas that are left over.
pub(super) fn unresolved(count: u32) -> Error {
    let plural = if count == 1 { "" } else { "s" };
    Error::Malformed(format!("pack has {count} unresolved delta{plural}"))
}

/// What git says of an object whose oid another one has.
pub(super) fn collision(oid: &Oid) -> Error {
    Error::Malformed(format!("SHA1 COLLISION FOUND WITH {oid} !"))
}
