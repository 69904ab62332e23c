//! The `ls-refs` command of version 2.
//!
//! Spec: gitprotocol-v2(5), "ls-refs"

use bstr::BStr;
use gitwasi_wire::pkt_line;
use gitwasi_wire::upload_pack::v2::LsRefs;

use super::line_of;
use super::output::{Output, Response};
use crate::refs::{PeeledHex, RefLine, Resolved, is_hidden};
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
    if matches(b"HEAD") && !is_hidden(BStr::new("HEAD"), &config.hide_refs) {
        match repository.resolve_ref(BStr::new("HEAD")).await? {
            Some(Resolved::Ref(head)) => {
                let peel = arguments.peel;
                head.line(repository, peel, |head| write(arguments, head, response.buffer()))
                    .await?;
            }
            Some(Resolved::Unborn(target)) if arguments.unborn && arguments.symrefs => {
                line_of([b"unborn HEAD symref-target:", &target], response.buffer())?;
            }
            Some(Resolved::Unborn(_)) | None => {}
        }
    }
    let mut refs = repository.visible_refs(prefixes, &config.hide_refs).await?;
    while refs.lines(arguments.peel, |found| write(arguments, found, response.buffer())).await? {
        response.flush_if_full().await?;
    }
    pkt_line::flush(response.buffer());
    Ok(())
}

fn write(arguments: &LsRefs, found: RefLine<'_>, out: &mut Vec<u8>) -> Result<()> {
    let target = found.symref_target.filter(|_| arguments.symrefs);
    let peeled = if arguments.peel { found.peeled } else { PeeledHex::No };
    match (target, peeled) {
        (None, PeeledHex::No | PeeledHex::Unknown) => line_of([found.text], out),
        (None, PeeledHex::To(peeled)) => line_of([found.text, b" peeled:", peeled], out),
        (Some(target), PeeledHex::No | PeeledHex::Unknown) => {
            line_of([found.text, b" symref-target:", target], out)
        }
        (Some(target), PeeledHex::To(peeled)) => {
            line_of([found.text, b" symref-target:", target, b" peeled:", peeled], out)
        }
    }
}
