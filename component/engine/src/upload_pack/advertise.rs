//! The ref advertisement of versions 0 and 1.
//!
//! Spec: gitprotocol-pack(5), "Reference Discovery"

use bstr::{BStr, ByteSlice};
use gitwasi_wire::{Oid, pkt_line};

use super::output::{Output, Response};
use super::{capabilities, line};
use crate::refs::{Ref, Resolved, is_hidden};
use crate::storage::Storage;
use crate::{Repository, Result};

/// Writes all refs that are not hidden, and the server's own shallow commits.
pub(super) async fn refs<S: Storage, O: Output>(
    repository: &Repository<S>,
    response: &mut Response<'_, O>,
) -> Result<()> {
    let config = repository.config();
    let head = repository.resolve_ref(BStr::new("HEAD")).await?;
    let target = match &head {
        Some(Resolved::Ref(head)) => head.symref_target.clone(),
        _ => None,
    };
    let mut capabilities = Some(capabilities::v0(repository, target).list());
    if let Some(Resolved::Ref(head)) = &head
        && !is_hidden(head.name.as_bstr(), &config.hide_refs)
    {
        write(repository, head, &mut capabilities, response).await?;
    }
    let mut refs = repository.refs(&[]).await?;
    while let Some(found) = refs.next().await? {
        if !is_hidden(found.name.as_bstr(), &config.hide_refs) {
            write(repository, &found, &mut capabilities, response).await?;
        }
    }
    if let Some(capabilities) = capabilities {
        let mut text = Oid::zero(config.object_format).to_string().into_bytes();
        text.extend(b" capabilities^{}\0");
        text.extend(capabilities);
        text.push(b'\n');
        line(&text, response.buffer())?;
    }
    for shallow in repository.shallow().await? {
        line(format!("shallow {shallow}\n").as_bytes(), response.buffer())?;
    }
    pkt_line::flush(response.buffer());
    Ok(())
}

async fn write<S: Storage, O: Output>(
    repository: &Repository<S>,
    found: &Ref,
    capabilities: &mut Option<Vec<u8>>,
    response: &mut Response<'_, O>,
) -> Result<()> {
    let mut text = Vec::with_capacity(100);
    found.oid.write_hex(&mut text);
    text.push(b' ');
    text.extend_from_slice(&found.name);
    if let Some(capabilities) = capabilities.take() {
        text.push(0);
        text.extend(capabilities);
    }
    text.push(b'\n');
    line(&text, response.buffer())?;
    if let Some(peeled) = found.peel(repository).await? {
        text.clear();
        peeled.write_hex(&mut text);
        text.push(b' ');
        text.extend_from_slice(&found.name);
        text.extend_from_slice(b"^{}\n");
        line(&text, response.buffer())?;
    }
    response.flush_if_full().await
}
