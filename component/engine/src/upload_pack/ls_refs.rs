//! The `ls-refs` command of version 2.
//!
//! Spec: gitprotocol-v2(5), "ls-refs"

use bstr::BStr;
use gitwasi_wire::pkt_line;
use gitwasi_wire::upload_pack::v2::LsRefs;

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
                super::line_of(&[b"unborn HEAD symref-target:", &target], response.buffer())?;
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
    let mut parts: [&[u8]; 7] = [found.hex, b" ", found.name, b"", b"", b"", b""];
    if arguments.symrefs
        && let Some(target) = found.symref_target
    {
        (parts[3], parts[4]) = (b" symref-target:", target);
    }
    if arguments.peel
        && let PeeledHex::To(peeled) = found.peeled
    {
        (parts[5], parts[6]) = (b" peeled:", peeled);
    }
    super::line_of(&parts, out)
}
