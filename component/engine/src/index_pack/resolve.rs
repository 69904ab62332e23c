//! The second pass: deltas, from their bases upwards.
//!
//! Goes down from each object that is stored whole, so that a base is at hand while its deltas
//! are resolved. Only the base at hand, one delta and one result are in memory besides what
//! [`Kept`] has room for. Of the deltas on one base the one that most others build on comes last
//! and takes the base's place: however long a chain is, going back to a base happens at most as
//! often as the number of objects can be halved, as far as bases are named by offset.

use std::rc::Rc;

use gitwasi_wire::Oid;

use super::blocks::{Blocks as _, inflate};
use super::deltas::{Deltas, Node, Waiting};
use super::entries::Entries;
use super::entry::{Base, Head};
use super::inspect::Inspector;
use super::kept::{Kept, Part};
use super::loose::LooseWriter;
use super::object_hasher::oid_of;
use super::spool::Spool;
use super::unpack::bad_object;
use super::{Observer, Progress, Stage};
use crate::object::Kind;
use crate::odb::apply_delta;
use crate::storage::WriteStorage;
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
    pub(super) resolved: u32,
    /// Bytes that deltas came to.
    pub(super) inflated: u64,
}

/// A base whose deltas are being resolved.
struct Frame {
    node: Node,
    oid: Oid,
    waiting: Waiting,
    depth: usize,
}

impl<S: WriteStorage, O: Observer> Resolver<'_, '_, S, O> {
    /// Resolves what can be without the repository's objects.
    pub(super) async fn resolve(&mut self) -> Result<()> {
        self.deltas.sort(&self.entries);
        for entry in 0..self.arrived {
            let Some(kind) = self.entries.whole(entry) else { continue };
            let node = Node::Entry(entry);
            let waiting = self.deltas.claim(node, self.entries.oid_bytes(entry));
            if !waiting.is_empty() {
                let oid = self.entries.oid(entry);
                let content = self.content(node, &oid).await?;
                self.descend(kind, content, Frame { node, oid, waiting, depth: 0 }).await?;
            }
        }
        Ok(())
    }

    /// Resolves what builds on an object of the repository.
    pub(super) async fn resolve_external(
        &mut self,
        kind: Kind,
        oid: Oid,
        content: Rc<Vec<u8>>,
    ) -> Result<()> {
        let node = Node::External;
        let waiting = self.deltas.claim(node, oid.as_bytes());
        self.descend(kind, content, Frame { node, oid, waiting, depth: 0 }).await
    }

    async fn descend(&mut self, kind: Kind, content: Rc<Vec<u8>>, root: Frame) -> Result<()> {
        let limits = &self.inspector.engine().limits;
        let mut stack = vec![root];
        let mut at_hand = Some(content);
        while let Some(frame) = stack.last_mut() {
            let Some(entry) = self.deltas.next(&mut frame.waiting) else {
                stack.pop();
                at_hand = None;
                continue;
            };
            let (node, base_oid, depth) = (frame.node, frame.oid, frame.depth + 1);
            let last = frame.waiting.is_empty();
            if depth > limits.delta_depth {
                return Err(Error::LimitExceeded("delta_depth"));
            }
            let base = match at_hand.take() {
                Some(base) => base,
                None => self.content(node, &base_oid).await?,
            };
            let content = self.apply(entry, &base).await?;
            let oid = oid_of(self.inspector.format(), kind, &content)?;
            self.inspector.object(kind, &oid, &content).await?;
            self.entries.resolve(entry, kind, &oid);
            if let Some(loose) = &mut self.loose {
                loose.write(kind, &oid, &content).await?;
            }
            self.told().await?;

            let waiting = self.deltas.claim(Node::Entry(entry), oid.as_bytes());
            if waiting.is_empty() {
                at_hand = Some(base);
                continue;
            }
            if last {
                stack.pop();
            } else if let Node::Entry(entry) = node {
                self.kept.add(entry, Part::Object, &base);
            }
            stack.push(Frame { node: Node::Entry(entry), oid, waiting, depth });
            at_hand = Some(content);
        }
        Ok(())
    }

    async fn told(&mut self) -> Result<()> {
        self.resolved += 1;
        let total = self.deltas.count();
        let bytes = self.spool.len();
        let progress = Progress { stage: Stage::Resolving, done: self.resolved, total, bytes };
        self.inspector.observer.progress(progress).await
    }

    /// Applies the delta of `entry`.
    async fn apply(&mut self, entry: u32, base: &[u8]) -> Result<Rc<Vec<u8>>> {
        let delta = match self.kept.find(entry, Part::Delta) {
            Some(delta) => delta,
            None => {
                let head = self.head(entry).await?;
                self.inflate(entry, &head).await?
            }
        };
        let limits = &self.inspector.engine().limits;
        let content = match apply_delta(base, &delta, limits.object_size) {
            Ok(content) => content,
            Err(Error::Corrupt(_)) => {
                return Err(bad_object(self.entries.offset(entry), "failed to apply delta"));
            }
            Err(error) => return Err(error),
        };
        self.inflated += content.len() as u64;
        let free = limits.object_size.saturating_mul(FREE_INFLATION);
        let allowed = limits.delta_inflation.saturating_mul(self.spool.len());
        if self.inflated > free.saturating_add(allowed) {
            return Err(Error::LimitExceeded("delta_inflation"));
        }
        self.inspector.engine().worked(content.len() as u64 / 256 + 1).await;
        Ok(Rc::new(content))
    }

    /// The content of an object that is stored whole or was resolved.
    pub(super) async fn content(&mut self, mut node: Node, oid: &Oid) -> Result<Rc<Vec<u8>>> {
        let lost = || Error::corrupt("a base that was there before");
        let mut oid = *oid;
        let mut chain = Vec::new();
        let mut content = loop {
            let entry = match node {
                Node::External => break self.inspector.repository.odb.read(&oid).await?.content,
                Node::Entry(entry) => entry,
            };
            if let Some(content) = self.kept.find(entry, Part::Object) {
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
            chain.push(entry);
        };
        while let Some(entry) = chain.pop() {
            content = self.apply(entry, &content).await?;
        }
        Ok(content)
    }

    async fn head(&self, entry: u32) -> Result<Head> {
        let oid_len = self.inspector.format().oid_len();
        self.spool.head(self.entries.offset(entry), oid_len).await
    }

    async fn inflate(&self, entry: u32, head: &Head) -> Result<Rc<Vec<u8>>> {
        let limit = self.inspector.engine().limits.object_size;
        let offset = self.entries.offset(entry) + head.length as u64;
        let content =
            inflate(&*self.spool, self.inspector.pool(), offset, head.size, limit).await?;
        self.inspector.engine().worked(head.size / 256 + 1).await;
        Ok(Rc::new(content))
    }
}
