//! The commit-graph: parents, dates and trees of commits, without inflating one of them.
//!
//! A single file, or a chain of them, each adding commits to those before. Generation numbers
//! bound what a commit can reach: the corrected dates of version 2 where every file has them,
//! else topological levels.
//!
//! Spec: gitformat-commit-graph(5)

use gitwasi_wire::{ObjectFormat, Oid};

use super::Odb;
use super::idx::{Fanout, read_oid, search};
use crate::chunk_file::{Chunk, Chunks};
use crate::object::{Commit, Kind};
use crate::storage::{CachedFile, Storage};
use crate::{Engine, Error, Result};

/// The commits of one object directory that are in its graph.
#[derive(Debug)]
pub(crate) struct CommitGraph<S: Storage> {
    format: ObjectFormat,
    /// The base first.
    layers: Vec<Layer<S>>,
    corrected_dates: bool,
}

/// One file.
#[derive(Debug)]
struct Layer<S: Storage> {
    file: CachedFile<S>,
    fanout: Fanout,
    oids: u64,
    data: u64,
    edges: Option<Chunk>,
    generations: Option<Generations>,
    /// Position of its first commit: how many are in the layers below.
    first: u32,
}

/// Where the corrected dates are: offsets from the commit's own date, and those that do not fit.
#[derive(Debug, Clone, Copy)]
struct Generations {
    offsets: u64,
    overflow: Option<Chunk>,
}

/// Files of a chain at most. Git merges layers long before that.
const MAX_LAYERS: usize = 64;

const NO_PARENT: u32 = 0x7000_0000;
const MORE_PARENTS: u32 = 1 << 31;

impl<S: Storage> CommitGraph<S> {
    /// Opens the graph of an object directory; `None` if there is none, or none that makes sense:
    /// it only makes walks faster.
    pub(super) async fn open(
        engine: &Engine<S>,
        directory: &str,
        format: ObjectFormat,
    ) -> Result<Option<Self>> {
        match Self::open_strictly(engine, directory, format).await {
            Err(Error::Corrupt(_)) => Ok(None),
            outcome => outcome,
        }
    }

    async fn open_strictly(
        engine: &Engine<S>,
        directory: &str,
        format: ObjectFormat,
    ) -> Result<Option<Self>> {
        let mut layers = Vec::new();
        if let Some(layer) =
            Layer::open(engine, &format!("{directory}/info/commit-graph"), format, 0, 0).await?
        {
            layers.push(layer);
        } else {
            let folder = format!("{directory}/info/commit-graphs");
            let chain = engine.read_small(&format!("{folder}/commit-graph-chain")).await?;
            let chain = chain.unwrap_or_default();
            let mut first = 0u32;
            for line in chain.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let oid = Oid::from_hex(line).ok_or_else(|| Error::corrupt("a chain"))?;
                if layers.len() == MAX_LAYERS {
                    return Err(Error::corrupt("a chain"));
                }
                let path = format!("{folder}/graph-{oid}.graph");
                let layer = Layer::open(engine, &path, format, layers.len(), first).await?;
                // Git, too, goes on with the layers below one that is gone.
                let Some(layer) = layer else { break };
                let count = layer.fanout.count();
                first = first.checked_add(count).ok_or_else(|| Error::corrupt("a chain"))?;
                layers.push(layer);
            }
        }
        if layers.is_empty() {
            return Ok(None);
        }
        let corrected_dates = layers.iter().all(|layer| layer.generations.is_some());
        Ok(Some(Self { format, layers, corrected_dates }))
    }

    /// The position of a commit.
    pub(crate) async fn find(&self, oid: &Oid) -> Result<Option<u32>> {
        let stride = self.format.oid_len() as u64;
        for layer in self.layers.iter().rev() {
            let range = layer.fanout.range(oid);
            if let Some(pos) = search(&layer.file, layer.oids, stride, range, oid).await? {
                return Ok(Some(layer.first + pos));
            }
        }
        Ok(None)
    }

    /// The commit at a position.
    pub(crate) async fn commit(&self, pos: u32) -> Result<Commit> {
        let (layer, pos) = self.layer(pos)?;
        let row = layer.row(pos, self.format).await?;
        let tree_id = Oid::from_bytes(&row[..self.format.oid_len()]).ok_or_else(bad)?;
        let [first, second, high, low] = numbers(&row[self.format.oid_len()..])?;
        let mut parents = Vec::new();
        if first != NO_PARENT {
            parents.push(self.oid_at(first).await?);
        }
        if second & MORE_PARENTS != 0 {
            let edges = layer.edges.ok_or_else(bad)?;
            let mut at = 4 * u64::from(second & !MORE_PARENTS);
            loop {
                if at + 4 > edges.length {
                    return Err(bad());
                }
                let parent = layer.file.u32_at(edges.offset + at).await?;
                parents.push(self.oid_at(parent & !MORE_PARENTS).await?);
                if parent & MORE_PARENTS != 0 {
                    break;
                }
                at += 4;
            }
        } else if second != NO_PARENT {
            parents.push(self.oid_at(second).await?);
        }
        Ok(Commit::new(tree_id, parents, u64::from(high & 3) << 32 | u64::from(low)))
    }

    /// The generation of the commit at a position: less than that of every commit that reaches
    /// it. `None` where it was not computed.
    pub(crate) async fn generation(&self, pos: u32) -> Result<Option<u64>> {
        let (layer, pos) = self.layer(pos)?;
        let row = layer.row(pos, self.format).await?;
        let [_, _, high, low] = numbers(&row[self.format.oid_len()..])?;
        let Some(generations) = layer.generations.filter(|_| self.corrected_dates) else {
            let level = u64::from(high >> 2);
            // Levels past the largest that fits are all the same.
            return Ok((level != 0 && level < 0x3fff_ffff).then_some(level));
        };
        let date = u64::from(high & 3) << 32 | u64::from(low);
        let offset = layer.file.u32_at(generations.offsets + 4 * u64::from(pos)).await?;
        if offset & MORE_PARENTS == 0 {
            return Ok(Some(date + u64::from(offset)));
        }
        let overflow = generations.overflow.ok_or_else(bad)?;
        let at = 8 * u64::from(offset & !MORE_PARENTS);
        if at + 8 > overflow.length {
            return Err(bad());
        }
        let offset = layer.file.u64_at(overflow.offset + at).await?;
        date.checked_add(offset).map(Some).ok_or_else(bad)
    }

    async fn oid_at(&self, pos: u32) -> Result<Oid> {
        let (layer, pos) = self.layer(pos)?;
        let length = self.format.oid_len() as u64;
        read_oid(&layer.file, layer.oids + length * u64::from(pos), self.format).await
    }

    fn layer(&self, pos: u32) -> Result<(&Layer<S>, u32)> {
        let layer = self.layers.iter().rev().find(|layer| layer.first <= pos).ok_or_else(bad)?;
        let pos = pos - layer.first;
        if pos < layer.fanout.count() { Ok((layer, pos)) } else { Err(bad()) }
    }
}

impl<S: Storage> Layer<S> {
    async fn open(
        engine: &Engine<S>,
        path: &str,
        format: ObjectFormat,
        below: usize,
        first: u32,
    ) -> Result<Option<Self>> {
        let file = match engine.open_file(path).await {
            Ok(file) => file.in_small_blocks(),
            Err(error) if error.is_absent() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut head = [0; 8];
        file.read_exact(0, &mut head).await?;
        let hash = if format == ObjectFormat::Sha1 { 1 } else { 2 };
        let [b'C', b'G', b'P', b'H', 1, found, chunks, bases] = head else { return Err(bad()) };
        if found != hash || usize::from(bases) != below {
            return Err(bad());
        }
        let chunks = Chunks::read(&file, 8, chunks).await?;
        let fanout = Fanout::read(&file, chunks.require(*b"OIDF", 1024)?).await?;
        let count = u64::from(fanout.count());
        let length = format.oid_len() as u64;
        let oids = chunks.require(*b"OIDL", count * length)?;
        let data = chunks.require(*b"CDAT", count * (length + 16))?;
        let generations = match chunks.find(*b"GDA2") {
            Some(_) => Some(Generations {
                offsets: chunks.require(*b"GDA2", count * 4)?,
                overflow: chunks.find(*b"GDO2"),
            }),
            None => None,
        };
        let edges = chunks.find(*b"EDGE");
        Ok(Some(Self { file, fanout, oids, data, edges, generations, first }))
    }

    async fn row(&self, pos: u32, format: ObjectFormat) -> Result<[u8; 48]> {
        let length = format.oid_len() + 16;
        let mut row = [0; 48];
        let at = self.data + length as u64 * u64::from(pos);
        self.file.read_exact(at, &mut row[..length]).await?;
        Ok(row)
    }
}

fn numbers(bytes: &[u8]) -> Result<[u32; 4]> {
    let (numbers, _) = bytes.as_chunks::<4>();
    let [a, b, c, d, ..] = numbers else { return Err(bad()) };
    Ok([*a, *b, *c, *d].map(u32::from_be_bytes))
}

fn bad() -> Error {
    Error::corrupt("a commit-graph")
}

impl<S: Storage> Odb<S> {
    /// The first commit-graph there is.
    pub(crate) async fn commit_graph(&self) -> Result<Option<&CommitGraph<S>>> {
        self.list().await?;
        for directory in self.pack_directories() {
            if let Some(graph) = directory.commit_graph(&self.engine, self.format).await? {
                return Ok(Some(graph));
            }
        }
        Ok(None)
    }

    /// The commit of that name, from the commit-graph if it is in there.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if there is no such commit or if it cannot be read.
    pub async fn commit(&self, oid: &Oid) -> Result<Commit> {
        if let Some(graph) = self.commit_graph().await?
            && let Some(pos) = graph.find(oid).await?
        {
            return graph.commit(pos).await;
        }
        let object = self.read(oid).await?;
        if object.kind != Kind::Commit {
            return Err(Error::corrupt("an object that should be a commit"));
        }
        Commit::parse(&object.content, self.format)
    }

    /// A number that is greater than that of every other commit that this one reaches, where the
    /// commit-graph tells.
    pub async fn generation(&self, oid: &Oid) -> Result<Option<u64>> {
        let Some(graph) = self.commit_graph().await? else { return Ok(None) };
        match graph.find(oid).await? {
            Some(pos) => graph.generation(pos).await,
            None => Ok(None),
        }
    }
}
