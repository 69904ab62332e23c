//! Composition of the components that ship, at build time.
//!
//! A socket that is not filled here stays an import of the result. One that cannot be filled with
//! what was meant for it is an error: nothing is skipped.

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, NodeId};

type Error = Box<dyn std::error::Error>;

const TYPES: &str = "gitwasi:git/types@0.1.0";
const REPOSITORIES: &str = "gitwasi:git/repositories@0.1.0";
const AUTHORIZER: &str = "gitwasi:git/authorizer@0.1.0";
const OBSERVER: &str = "gitwasi:git/observer@0.1.0";
const HANDLER: &str = "wasi:http/handler@0.3.0";

/// The components, as they were built.
pub(crate) struct Parts {
    pub(crate) front: Vec<u8>,
    pub(crate) repositories: Vec<u8>,
    pub(crate) defaults: Vec<u8>,
}

/// The front with the engine behind it: the authorizer, the observer, the fallback, and the
/// `repositories` that are next in line stay open.
pub(crate) fn with_engine(parts: &Parts) -> Result<Vec<u8>, Error> {
    let mut graph = Graph::default();
    let engine = graph.instantiate("gitwasi:repositories", &parts.repositories)?;
    let front = graph.instantiate("gitwasi:front", &parts.front)?;
    graph.fill(front, REPOSITORIES, engine)?;
    graph.finish(front)
}

/// The same with every socket filled: imports nothing but WASI.
pub(crate) fn self_contained(parts: &Parts) -> Result<Vec<u8>, Error> {
    let mut graph = Graph::default();
    let defaults = graph.instantiate("gitwasi:defaults", &parts.defaults)?;
    let engine = graph.instantiate("gitwasi:repositories", &parts.repositories)?;
    let front = graph.instantiate("gitwasi:front", &parts.front)?;
    graph.fill(engine, TYPES, defaults)?;
    graph.fill(engine, REPOSITORIES, defaults)?;
    graph.fill(front, TYPES, defaults)?;
    graph.fill(front, REPOSITORIES, engine)?;
    graph.fill(front, AUTHORIZER, defaults)?;
    graph.fill(front, OBSERVER, defaults)?;
    graph.fill(front, HANDLER, defaults)?;
    graph.finish(front)
}

#[derive(Default)]
struct Graph(CompositionGraph);

impl Graph {
    fn instantiate(&mut self, name: &str, component: &[u8]) -> Result<NodeId, Error> {
        let package = Package::from_bytes(name, None, component.to_vec(), self.0.types_mut())?;
        let package = self.0.register_package(package)?;
        Ok(self.0.instantiate(package))
    }

    /// Fills the socket `interface` of `user` with what `provider` exports.
    fn fill(&mut self, user: NodeId, interface: &str, provider: NodeId) -> Result<(), Error> {
        let export = self.0.alias_instance_export(provider, interface)?;
        Ok(self.0.set_instantiation_argument(user, interface, export)?)
    }

    fn finish(mut self, front: NodeId) -> Result<Vec<u8>, Error> {
        let handler = self.0.alias_instance_export(front, HANDLER)?;
        self.0.export(handler, HANDLER)?;
        Ok(self.0.encode(EncodeOptions::default())?)
    }
}
