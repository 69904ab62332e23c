//! The `ls-refs` command.
//!
//! Spec: gitprotocol-v2(5), "ls-refs"

use bstr::{BStr, ByteSlice};
use gitwasi_wire::pkt_line;
use gitwasi_wire::upload_pack::v2::LsRefs;

use super::line;
use super::output::{Output, Response};
use crate::hex;
use crate::refs::{Ref, Resolved, is_hidden};
use crate::storage::Storage;
use crate::{Repository, Result};

/// Answers an `ls-refs` command.
pub(super) async fn serve<S: Storage, O: Output>(
    repository: &Repository<S>,
    arguments: &LsRefs,
    response: &mut Response<'_, O>,
) -> Result<()> {
    let config = repository.config();
    let prefixes = &arguments.ref_prefixes;
    let matches =
        |name: &[u8]| prefixes.is_empty() || prefixes.iter().any(|prefix| name.starts_with(prefix));
    let mut text = Vec::new();
    if matches(b"HEAD") && !is_hidden(BStr::new("HEAD"), &config.hide_refs) {
        match repository.resolve_ref(BStr::new("HEAD")).await? {
            Some(Resolved::Ref(head)) => {
                write(repository, arguments, &head, &mut text, response).await?
            }
            Some(Resolved::Unborn(target)) if arguments.unborn && arguments.symrefs => {
                text.extend_from_slice(b"unborn HEAD symref-target:");
                text.extend_from_slice(&target);
                text.push(b'\n');
                line(&text, response.buffer())?;
            }
            Some(Resolved::Unborn(_)) | None => {}
        }
    }
    let mut refs = repository.refs(prefixes).await?;
    while let Some(found) = refs.next().await? {
        if !is_hidden(found.name.as_bstr(), &config.hide_refs) {
            write(repository, arguments, &found, &mut text, response).await?;
        }
    }
    pkt_line::flush(response.buffer());
    Ok(())
}

async fn write<S: Storage, O: Output>(
    repository: &Repository<S>,
    arguments: &LsRefs,
    found: &Ref,
    text: &mut Vec<u8>,
    response: &mut Response<'_, O>,
) -> Result<()> {
    text.clear();
    hex::append(&found.oid, text);
    text.push(b' ');
    text.extend_from_slice(&found.name);
    if arguments.symrefs
        && let Some(target) = &found.symref_target
    {
        text.extend_from_slice(b" symref-target:");
        text.extend_from_slice(target);
    }
    if arguments.peel
        && let Some(peeled) = found.peel(repository).await?
    {
        text.extend_from_slice(b" peeled:");
        hex::append(&peeled, text);
    }
    text.push(b'\n');
    line(text, response.buffer())?;
    response.flush_if_full().await
}
