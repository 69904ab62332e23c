//! Walking from object to object, and sets of what was met.
//!
//! What is kept per object is a bit when it is packed; loose objects and the commits of a walk
//! that has to stop somewhere are kept in tables bound by [`crate::Limits::unpacked_objects`].

mod bitmaps;
mod commits;
pub(crate) mod depth;
mod difference;
mod objects;
mod reach;
mod set;
mod sparse;
mod tree_order;
mod unreached;

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use gitwasi_wire::Oid;

pub(crate) use commits::Range;
pub(crate) use objects::Selection;
pub(crate) use set::{Node, ObjectSet};
pub(crate) use sparse::{Places, Sparse};

use crate::object::{Commit, Kind};
use crate::odb::{CommitGraph, Location, Object};
use crate::storage::Storage;
use crate::working_memory::{Content, Lease, Leased, Share};
use crate::{Error, Repository, Result};

/// The objects of a repository as nodes, with its history cut where it is shallow.
#[derive(Debug)]
pub(crate) struct Walk<'r, S: Storage> {
    pub(crate) repository: &'r Repository<S>,
    loose: Leased<HashMap<Oid, u32>>,
    loose_oids: Leased<Vec<(Oid, u32)>>,
    /// Commits that count as having no parents.
    shallow: Leased<HashSet<Node>>,
    /// Objects read so far, for whoever wants to tell.
    pub(crate) read: Rc<Cell<u64>>,
    /// Not in a repository that is shallow itself: a graph made before it was cut knows parents
    /// that are not there.
    graph: Option<&'r CommitGraph<S>>,
}

impl<'r, S: Storage> Walk<'r, S> {
    /// A walk over a repository, which may be shallow itself.
    pub(crate) async fn new(repository: &'r Repository<S>) -> Result<Self> {
        let memory = &repository.memory;
        let mut walk = Self {
            repository,
            loose: Leased::<HashMap<_, _>>::new(memory),
            loose_oids: Leased::<Vec<_>>::new(memory),
            shallow: Leased::<HashSet<_>>::new(memory),
            read: Rc::default(),
            graph: None,
        };
        for oid in repository.shallow().await?.iter() {
            if let Some(node) = walk.find(oid).await? {
                walk.cut(node)?;
            }
        }
        if !walk.is_cut() {
            walk.graph = repository.odb.commit_graph().await?;
        }
        Ok(walk)
    }

    /// The request's working memory.
    pub(crate) fn memory(&self) -> &'r Rc<Share> {
        &self.repository.memory
    }

    /// The node of an object; `None` if there is no such object.
    pub(crate) async fn find(&mut self, oid: &Oid) -> Result<Option<Node>> {
        if let Some(number) = self.loose.get(oid) {
            return Ok(Some(Node::loose(*number)));
        }
        Ok(match self.repository.odb.find(oid).await? {
            None => None,
            Some(Location::Packed { pack, pos }) => Some(Node::packed(pack, pos)),
            Some(Location::Loose { directory }) => {
                if self.loose_oids.len() >= self.repository.engine.limits.unpacked_objects {
                    return Err(Error::LimitExceeded("unpacked_objects"));
                }
                let number = self.loose_oids.len() as u32;
                self.loose.insert(*oid, number)?;
                self.loose_oids.push((*oid, directory))?;
                Some(Node::loose(number))
            }
        })
    }

    /// The node of an object that has to be there.
    pub(crate) async fn require(&mut self, oid: &Oid) -> Result<Node> {
        self.find(oid).await?.ok_or_else(|| Error::Corrupt(format!("missing object {oid}")))
    }

    /// The oid and object directory of a loose object.
    pub(crate) fn loose_object(&self, number: u32) -> Result<(Oid, u32)> {
        let found = self.loose_oids.get(number as usize).copied();
        found.ok_or_else(|| Error::corrupt("a loose object that was not met"))
    }

    pub(crate) async fn oid(&self, node: Node) -> Result<Oid> {
        match node.as_loose() {
            Some(number) => Ok(self.loose_object(number)?.0),
            None => self.repository.odb.oid_at(node.pack(), node.pos()).await,
        }
    }

    pub(crate) async fn read(&self, node: Node) -> Result<Object> {
        self.read.set(self.read.get() + 1);
        self.repository.engine.worked(4).await;
        match node.as_loose() {
            None => self.repository.odb.read_packed(node.pack(), node.pos()).await,
            Some(number) => {
                let (oid, directory) = self.loose_object(number)?;
                self.repository.odb.read_at(&oid, Location::Loose { directory }).await
            }
        }
    }

    pub(crate) async fn header(&self, node: Node) -> Result<(Kind, u64)> {
        let oid = self.oid(node).await?;
        let location = match node.as_loose() {
            None => Location::Packed { pack: node.pack(), pos: node.pos() },
            Some(number) => Location::Loose { directory: self.loose_object(number)?.1 },
        };
        self.repository.odb.header(&oid, location).await
    }

    /// Reads a commit; without parents where history is cut.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the object is none.
    pub(crate) async fn commit(&self, node: Node) -> Result<Commit> {
        let mut commit = match self.in_graph(node).await? {
            Some((graph, pos)) => graph.commit(pos).await?,
            None => {
                let object = self.read(node).await?;
                if object.kind != Kind::Commit {
                    return Err(Error::corrupt("an object that should be a commit"));
                }
                self.parse(&object.content)?
            }
        };
        if self.shallow.contains(&node) {
            commit.parents.clear();
        }
        Ok(commit)
    }

    /// Parses a commit. Its parents take at most twice what they take in its content.
    fn parse(&self, content: &Content) -> Result<Commit> {
        let mut lease = Lease::new(&self.repository.memory);
        lease.cover(2 * content.len())?;
        let commit = Commit::parse(content, self.repository.object_format())?;
        lease.shrink_to(size_of::<Oid>() * commit.parents.capacity());
        Ok(commit.with(lease))
    }

    /// Where the commit-graph has a commit.
    async fn in_graph(&self, node: Node) -> Result<Option<(&'r CommitGraph<S>, u32)>> {
        let Some(graph) = self.graph else { return Ok(None) };
        self.repository.engine.worked(1).await;
        let oid = self.oid(node).await?;
        Ok(graph.find(&oid).await?.map(|pos| (graph, pos)))
    }

    /// A number that is greater than that of every other commit that this one reaches, where the
    /// commit-graph tells.
    pub(crate) async fn generation(&self, node: Node) -> Result<Option<u64>> {
        match self.in_graph(node).await? {
            Some((graph, pos)) => graph.generation(pos).await,
            None => Ok(None),
        }
    }

    /// What kind of object this is.
    pub(crate) async fn kind(&self, node: Node) -> Result<Kind> {
        match self.in_graph(node).await? {
            Some(_) => Ok(Kind::Commit),
            None => Ok(self.header(node).await?.0),
        }
    }

    /// Follows annotated tags to the commit they lead to; `None` if they lead elsewhere.
    pub(crate) async fn peel_to_commit(&mut self, oid: &Oid) -> Result<Option<(Oid, Node)>> {
        let Some(node) = self.find(oid).await? else { return Ok(None) };
        if self.in_graph(node).await?.is_some() {
            return Ok(Some((*oid, node)));
        }
        let oid = self.repository.odb.peel(oid).await?.unwrap_or(*oid);
        let Some(node) = self.find(&oid).await? else { return Ok(None) };
        Ok((self.kind(node).await? == Kind::Commit).then_some((oid, node)))
    }

    /// Whether history is cut at this commit.
    pub(crate) fn is_shallow(&self, node: Node) -> bool {
        self.shallow.contains(&node)
    }

    /// Whether history is cut anywhere.
    pub(crate) fn is_cut(&self) -> bool {
        !self.shallow.is_empty()
    }

    /// Cuts history at a commit.
    pub(crate) fn cut(&mut self, node: Node) -> Result<()> {
        self.shallow.insert(node).map(drop)
    }

    /// Takes back a cut.
    pub(crate) fn uncut(&mut self, node: Node) {
        self.shallow.remove(&node);
    }
}
