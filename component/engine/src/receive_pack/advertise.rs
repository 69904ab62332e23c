//! What a pushing client is told first: refs, `.have` lines and capabilities.
//!
//! Spec: gitprotocol-pack(5), "Reference Discovery"; gitprotocol-capabilities(5)

use std::collections::HashSet;

use bstr::ByteSlice;
use gitwasi_wire::receive_pack::Advertised;
use gitwasi_wire::{ProtocolVersion, RefAdvertisement};

use super::AGENT;
use super::config::ReceiveConfig;
use crate::refs::is_hidden;
use crate::storage::WriteStorage;
use crate::upload_pack::Output;
use crate::{Error, Repository, Result};

/// Bytes gathered before they are handed on.
const CHUNK: usize = 128 << 10;

/// Writes the ref advertisement. There is no version 2 of pushes: a client that asks for it gets
/// version 0.
pub async fn advertise<S: WriteStorage>(
    repository: &Repository<S>,
    version: ProtocolVersion,
    output: &mut impl Output,
) -> Result<()> {
    let config = ReceiveConfig::read(repository).await?;
    let mut out = Vec::new();
    let format = repository.object_format();
    let too_long = |_| Error::corrupt("a name that fits no pkt-line");
    let capabilities = capabilities(repository, &config);
    let mut refs = RefAdvertisement::new(version, format, capabilities, &mut out);
    let alternates = repository.alternates().await?;
    let mut seen = HashSet::new();
    let mut own = repository.refs(&[]).await?;
    while let Some(found) = own.next().await? {
        if is_hidden(found.name.as_bstr(), &config.hide_refs) {
            continue;
        }
        if !alternates.is_empty() {
            seen.insert(found.oid);
        }
        refs.reference(found.oid, &found.name, &mut out).map_err(too_long)?;
        if out.len() >= CHUNK {
            output.write(std::mem::take(&mut out)).await?;
        }
    }
    for alternate in alternates {
        let mut borrowed = alternate.refs(&[]).await?;
        while let Some(found) = borrowed.next().await? {
            // A broken ref is not told: `for-each-ref`, which git asks, leaves it out.
            if !found.oid.is_zero() && seen.insert(found.oid) {
                refs.reference(found.oid, b".have", &mut out).map_err(too_long)?;
            }
        }
    }
    refs.finish(repository.shallow().await?.iter().copied(), &mut out).map_err(too_long)?;
    output.write(out).await
}

fn capabilities<S: WriteStorage>(repository: &Repository<S>, config: &ReceiveConfig) -> Vec<u8> {
    let mut advertised = Advertised::new(AGENT, repository.object_format());
    advertised.atomic = config.advertise_atomic;
    advertised.push_options = config.advertise_push_options;
    if config.advertise_session_id {
        let storage = &repository.engine.storage;
        advertised.session_id =
            Some(format!("{:016x}{:016x}", storage.random(), storage.random()).into());
    }
    let list = advertised.list();
    match config.advertise_ofs_delta {
        true => list,
        false => list.replacen(" ofs-delta", "", 1),
    }
}
