//! Incremental multi-pack-indexes: layers, each of which tells what those below it do not.
//!
//! Git 2.47 writes no bitmaps for them. Those of later versions have bits for all layers together,
//! and are passed over.
//!
//! Spec: gitformat-pack(5), "multi-pack-index (MIDX) files"; git-multi-pack-index(1),
//! "--incremental"

use gitwasi_wire::{ObjectFormat, Oid};

use super::MultiPackIndex;
use crate::storage::Storage;
use crate::{Engine, Error, Result};

/// Layers of an object directory at most, each a file that stays open. The packs of those above
/// are looked through by their own indexes.
const MAX_LAYERS: usize = 64;

impl<S: Storage> MultiPackIndex<S> {
    /// Opens the layers of the chain in `directory`, the lowest first, up to one that is missing or
    /// makes no sense: git, too, goes on with those below.
    pub(in crate::odb) async fn open_chain(
        engine: &Engine<S>,
        directory: &str,
        format: ObjectFormat,
    ) -> Result<Vec<Self>> {
        let folder = format!("{directory}/multi-pack-index.d");
        let chain = engine.read_small(&format!("{folder}/multi-pack-index-chain")).await?;
        let chain = chain.unwrap_or_default();
        let mut layers: Vec<Self> = Vec::new();
        for line in chain.split(|byte| *byte == b'\n').take(MAX_LAYERS) {
            let oid = Oid::from_hex(line).filter(|oid| oid.object_format() == format);
            let Some(oid) = oid else { break };
            let path = format!("{folder}/multi-pack-index-{oid}.midx");
            if layers.iter().any(|layer| layer.path == path) {
                break;
            }
            match Self::open_at(engine, path, format).await {
                Ok(Some(layer)) => layers.push(Self { order: None, ..layer }),
                Ok(None) | Err(Error::Corrupt(_)) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(layers)
    }
}
