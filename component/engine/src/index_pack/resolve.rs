//! The second pass: deltas, from their bases upwards.
//!
//! Goes down from each object that is stored whole, so that a base is at hand while its deltas
//! are resolved. Only the base at hand, one delta and one result are in memory besides what
//! [`Kept`] has room for, and of these no blob that is large. Of the deltas on one base the one
//! that most others build on comes last and takes the base's place: however long a chain is,
//! going back to a base happens at most as often as the number of objects can be halved, as far
//! as bases are named by offset.

use gitwasi_wire::Oid;

use super::blocks::{Blocks as _, Inflating, inflate};
use super::deltas::{Deltas, Node, Waiting};
use super::entries::Entries;
use super::entry::{Base, Head};
use super::inspect::Inspector;
use super::kept::{Kept, Part};
use super::loose::LooseWriter;
use super::object_hasher::oid_of;
use super::spill::{Spilled, Spilling};
use super::spool::Spool;
use super::unpack::bad_object;
use super::{Observer, PACK, Progress, Stage};
use crate::object::Kind;
use crate::odb::{apply_delta, delta_sizes};
use crate::quarantine::Quarantine;
use crate::storage::WriteStorage;
use crate::working_memory::{Content, FREE, Lease};
use crate::{Error, Result};

/// How many objects as large as they may be deltas come to in any pack.
const FREE_INFLATION: u64 = 64;

/// The second pass.
pub(super) struct Resolver<'a, 'r, S: WriteStorage, O> {
    pub(super) entries: Entries,
    /// How many of the entries arrived; those after them were added.
    pub(super) arrived: u32,
    pub(super) deltas: Deltas,
    pub(super) kept: Kept,
    pub(super) spool: &'a mut Spool<'r, S>,
    pub(super) inspector: &'a mut Inspector<'r, S, O>,
    /// Where objects go that become loose.
    pub(super) loose: Option<LooseWriter<'r, S>>,
    /// Where files are made that hold large blobs for a while.
    pub(super) quarantine: &'r Quarantine,
    pub(super) tally: Tally,
    pub(super) stage: Stage,
}

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Deltas that were resolved.
    pub(super) resolved: u32,
    /// Bases that were added from the repository.
    pub(super) added: u32,
    /// Bytes that these came to.
    inflated: u64,
    /// Bytes of the largest base that was taken from the repository.
    pub(super) external: u64,
    /// Files that were made for large blobs.
    spilled: u32,
    /// Bytes of those that are still there.
    spilled_bytes: u64,
}

/// A base whose deltas are being resolved.
pub(super) struct Frame<S: WriteStorage> {
    pub(super) node: Node,
    pub(super) oid: Oid,
    pub(super) held: Held<S>,
    waiting: Waiting,
    depth: usize,
    /// It builds on a blob in a file, and cannot be computed again once that is gone.
    pinned: bool,
}

/// The content of a base.
#[derive(Debug)]
pub(super) enum Held<S: WriteStorage> {
    /// To be found or computed again.
    Elsewhere,
    Memory(Content),
    /// A blob that is too large to be held in memory.
    File(Spilled<S>),
}

impl<S: WriteStorage> Held<S> {
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Elsewhere => 0,
            Self::Memory(content) => content.len() as u64,
            Self::File(file) => file.size(),
        }
    }
}

impl<'r, S: WriteStorage, O: Observer> Resolver<'_, 'r, S, O> {
    /// Resolves what can be without the repository's objects.
    pub(super) async fn resolve(&mut self) -> Result<()> {
        self.deltas.sort(&self.entries)?;
        for entry in 0..self.arrived {
            let Some(kind) = self.entries.whole(entry) else { continue };
            let node = Node::Entry(entry);
            let waiting = self.deltas.claim(node, self.entries.oid_bytes(entry));
            if waiting.is_empty() {
                continue;
            }
            let oid = self.entries.oid(entry);
            let head = self.head(entry).await?;
            let held = if self.is_large(kind, head.size) {
                let offset = self.entries.offset(entry) + head.length as u64;
                let mut file = self.spill(head.size).await?;
                let mut stream = Inflating::new(&*self.spool, self.inspector.pool(), offset);
                file.put_all(head.size, &mut stream).await?;
                Held::File(file.finish().await?)
            } else {
                Held::Memory(self.content(node, &oid).await?)
            };
            let frame = Frame { node, oid, held, waiting, depth: 0, pinned: false };
            self.descend(kind, frame).await?;
        }
        Ok(())
    }

    /// Resolves what builds on an object of the repository.
    pub(super) async fn resolve_external(
        &mut self,
        kind: Kind,
        oid: Oid,
        held: Held<S>,
    ) -> Result<()> {
        let node = Node::External;
        let waiting = self.deltas.claim(node, oid.as_bytes());
        let frame = Frame { node, oid, held, waiting, depth: 0, pinned: false };
        self.descend(kind, frame).await
    }

    /// Whether an object is not to be held in memory.
    pub(super) fn is_large(&self, kind: Kind, size: u64) -> bool {
        kind == Kind::Blob && size > self.inspector.engine().limits.held_blob
    }

    /// A file for a blob of `size` bytes.
    pub(super) async fn spill(&mut self, size: u64) -> Result<Spilling<'r, S>> {
        self.tally.spilled_bytes += size;
        if self.tally.spilled_bytes > self.inspector.engine().limits.spilled {
            return Err(Error::LimitExceeded("spilled"));
        }
        let engine = self.inspector.engine();
        self.quarantine.make(&engine.storage, PACK).await?;
        let directory = self.quarantine.path();
        let path = format!("{directory}/{PACK}/tmp_blob_{}", self.tally.spilled);
        self.tally.spilled += 1;
        Spilling::create(engine, path).await
    }

    /// Removes the file, if it is one.
    pub(super) async fn discard(&mut self, held: Held<S>) -> Result<()> {
        match held {
            Held::File(file) => {
                self.tally.spilled_bytes = self.tally.spilled_bytes.saturating_sub(file.size());
                file.remove(self.inspector.engine()).await
            }
            Held::Memory(_) | Held::Elsewhere => Ok(()),
        }
    }

    async fn descend(&mut self, kind: Kind, root: Frame<S>) -> Result<()> {
        let mut stack = vec![root];
        let mut lease = Lease::new(&self.inspector.repository.memory);
        while let Some(frame) = stack.last_mut() {
            let Some(entry) = self.deltas.next(&mut frame.waiting) else {
                let held = std::mem::replace(&mut frame.held, Held::Elsewhere);
                stack.pop();
                self.discard(held).await?;
                continue;
            };
            let depth = frame.depth + 1;
            if depth > self.inspector.engine().limits.delta_depth {
                return Err(Error::LimitExceeded("delta_depth"));
            }
            if let Held::Elsewhere = frame.held {
                frame.held = Held::Memory(self.content(frame.node, &frame.oid).await?);
            }
            let (oid, held) = self.resolve_one(kind, entry, frame).await?;
            self.entries.resolve(entry, kind, &oid);
            self.told().await?;

            let waiting = self.deltas.claim(Node::Entry(entry), oid.as_bytes());
            if waiting.is_empty() {
                self.discard(held).await?;
                continue;
            }
            let pinned = frame.pinned || matches!(frame.held, Held::File(_));
            if frame.waiting.is_empty() {
                let held = std::mem::replace(&mut frame.held, Held::Elsewhere);
                stack.pop();
                self.discard(held).await?;
            } else if let Held::Memory(content) = &frame.held
                && !frame.pinned
            {
                if let Node::Entry(entry) = frame.node {
                    self.kept.add(entry, Part::Object, content.bytes());
                }
                frame.held = Held::Elsewhere;
            }
            if pinned {
                // All on the way stay in memory, which are too small to be leased one by one.
                lease.cover(stack.len() * FREE)?;
            }
            let node = Node::Entry(entry);
            stack.push(Frame { node, oid, held, waiting, depth, pinned });
        }
        Ok(())
    }

    async fn told(&mut self) -> Result<()> {
        self.tally.resolved += 1;
        self.tell().await
    }

    pub(super) async fn tell(&mut self) -> Result<()> {
        let Tally { resolved: done, added, .. } = self.tally;
        let (stage, total, bytes) = (self.stage, self.deltas.count(), self.spool.len());
        let progress = Progress { stage, done, total, added, bytes };
        self.inspector.observer.progress(progress).await
    }

    async fn resolve_one(
        &mut self,
        kind: Kind,
        entry: u32,
        base: &Frame<S>,
    ) -> Result<(Oid, Held<S>)> {
        let mut delta = self.kept(entry, Part::Delta)?;
        if delta.is_none() && matches!(base.held, Held::Memory(_)) {
            let head = self.head(entry).await?;
            if !self.is_large(kind, head.size) {
                delta = Some(self.inflate(entry, &head).await?);
            }
        }
        match (&base.held, delta) {
            (Held::Memory(content), Some(delta))
                if delta_sizes(&delta).is_none_or(|sizes| !self.is_large(kind, sizes.result)) =>
            {
                let within = matches!(base.node, Node::Entry(_)).then_some(content.as_slice());
                let content = self.apply(entry, content, &delta).await?;
                let oid = self.accept(kind, &content, within).await?;
                Ok((oid, Held::Memory(content)))
            }
            _ => self.resolve_large(entry, &base.held).await,
        }
    }

    /// Names an object that is in memory, and looks at it.
    async fn accept(&mut self, kind: Kind, content: &[u8], base: Option<&[u8]>) -> Result<Oid> {
        let oid = oid_of(self.inspector.format(), kind, content)?;
        self.inspector.object(kind, &oid, content, base).await?;
        if let Some(loose) = &mut self.loose {
            loose.write(kind, &oid, content).await?;
        }
        Ok(oid)
    }

    async fn apply(&mut self, entry: u32, base: &[u8], delta: &[u8]) -> Result<Content> {
        let limit = self.inspector.engine().limits.object_size;
        let content = apply_delta(base, delta, limit, &self.inspector.repository.memory);
        let content = content.map_err(|error| self.not_applied(entry, error))?;
        self.inflated(content.len() as u64)?;
        self.inspector.engine().worked(content.len() as u64 / 256 + 1).await;
        Ok(content.into())
    }

    /// Why a delta could not be applied, as git says it.
    pub(super) fn not_applied(&self, entry: u32, error: Error) -> Error {
        match error {
            Error::Corrupt(_) => bad_object(self.entries.offset(entry), "failed to apply delta"),
            error => error,
        }
    }

    /// Counts what a delta came to.
    pub(super) fn inflated(&mut self, bytes: u64) -> Result<()> {
        self.tally.inflated += bytes;
        let limits = &self.inspector.engine().limits;
        let free = limits.object_size.max(self.tally.external).saturating_mul(FREE_INFLATION);
        let allowed = limits.delta_inflation.saturating_mul(self.spool.len());
        if self.tally.inflated > free.saturating_add(allowed) {
            return Err(Error::LimitExceeded("delta_inflation"));
        }
        Ok(())
    }

    /// The content of an object that is stored whole or was resolved.
    pub(super) async fn content(&mut self, mut node: Node, oid: &Oid) -> Result<Content> {
        let lost = || Error::corrupt("a base that was there before");
        let mut oid = *oid;
        let mut chain = Vec::new();
        let mut content = loop {
            let entry = match node {
                Node::External => break self.inspector.repository.odb.read(&oid).await?.content,
                Node::Entry(entry) => entry,
            };
            if let Some(content) = self.kept(entry, Part::Object)? {
                break content;
            }
            let head = self.head(entry).await?;
            match head.base {
                Base::None(_) => break self.inflate(entry, &head).await?,
                Base::Offset(offset) => {
                    node = Node::Entry(self.entries.at_offset(offset).ok_or_else(lost)?);
                }
                Base::Oid(base) => {
                    node = self.deltas.base(&base).ok_or_else(lost)?;
                    oid = base;
                }
            }
            chain.push((entry, head));
        };
        while let Some((entry, head)) = chain.pop() {
            let delta = match self.kept(entry, Part::Delta)? {
                Some(delta) => delta,
                None => self.inflate(entry, &head).await?,
            };
            content = self.apply(entry, &content, &delta).await?;
        }
        Ok(content)
    }

    /// Content that is kept.
    fn kept(&mut self, entry: u32, part: Part) -> Result<Option<Content>> {
        let memory = &self.inspector.repository.memory;
        self.kept.find(entry, part).map(|bytes| Content::shared(memory, bytes)).transpose()
    }

    pub(super) async fn head(&self, entry: u32) -> Result<Head> {
        let oid_len = self.inspector.format().oid_len();
        self.spool.head(self.entries.offset(entry), oid_len).await
    }

    async fn inflate(&self, entry: u32, head: &Head) -> Result<Content> {
        let limit = self.inspector.engine().limits.object_size;
        let offset = self.entries.offset(entry) + head.length as u64;
        let (pool, memory) = (self.inspector.pool(), &self.inspector.repository.memory);
        let content = inflate(&*self.spool, pool, offset, head.size, limit, memory).await?;
        self.inspector.engine().worked(head.size / 256 + 1).await;
        Ok(content.into())
    }
}
