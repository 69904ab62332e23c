//! The ref advertisement of versions 0 and 1.
//!
//! Spec: gitprotocol-pack(5), "Reference Discovery"

use bstr::{BStr, ByteSlice};
use gitwasi_wire::{Oid, pkt_line};

use super::output::{Output, Response};
use super::{capabilities, line, line_of};
use crate::refs::{PeeledHex, RefLine, Resolved, is_hidden};
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
        head.line(repository, true, |head| write(head, &mut capabilities, response.buffer()))
            .await?;
    }
    let mut refs = repository.visible_refs(&[], &config.hide_refs).await?;
    while refs.lines(true, |found| write(found, &mut capabilities, response.buffer())).await? {
        response.flush_if_full().await?;
    }
    if let Some(capabilities) = capabilities {
        let mut text = Oid::zero(config.object_format).to_string().into_bytes();
        text.extend(b" capabilities^{}\0");
        text.extend(capabilities);
        text.push(b'\n');
        line(&text, response.buffer())?;
    }
    for shallow in repository.shallow().await?.iter() {
        line(format!("shallow {shallow}\n").as_bytes(), response.buffer())?;
    }
    pkt_line::flush(response.buffer());
    Ok(())
}

fn write(found: RefLine<'_>, capabilities: &mut Option<Vec<u8>>, out: &mut Vec<u8>) -> Result<()> {
    match capabilities.take() {
        Some(capabilities) => line_of([found.text, b"\0", &capabilities], out)?,
        None => line_of([found.text], out)?,
    }
    match found.peeled {
        PeeledHex::To(peeled) => line_of([peeled, b" ", found.name(), b"^{}"], out),
        PeeledHex::Unknown | PeeledHex::No => Ok(()),
    }
}
