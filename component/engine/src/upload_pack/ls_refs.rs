//! The `ls-refs` command.
//!
//! Spec: gitprotocol-v2(5), "ls-refs"

use bstr::{BStr, BString, ByteSlice};
use gitwasi_wire::pkt_line;

use super::line_of;
use super::output::{Output, Response};
use crate::refs::{PeeledHex, RefLine, Resolved, is_hidden};
use crate::repository::LsRefsUnborn;
use crate::storage::Storage;
use crate::{Error, Repository, Result};

/// Prefixes from which on all of them are ignored and every ref is sent, as git does.
const MAX_PREFIXES: usize = 65536;

#[derive(Debug, Default)]
struct Arguments {
    peel: bool,
    symrefs: bool,
    unborn: bool,
    prefixes: Vec<BString>,
}

/// Answers an `ls-refs` command.
pub(super) async fn serve<S: Storage, O: Output>(
    repository: &Repository<S>,
    lines: &[&[u8]],
    response: &mut Response<'_, O>,
) -> Result<()> {
    let config = repository.config();
    let arguments = parse(lines, config.ls_refs_unborn)?;
    let matches = |name: &[u8]| {
        arguments.prefixes.is_empty()
            || arguments.prefixes.iter().any(|prefix| name.starts_with(prefix))
    };
    if matches(b"HEAD") && !is_hidden(BStr::new("HEAD"), &config.hide_refs) {
        match repository.resolve_ref(BStr::new("HEAD")).await? {
            Some(Resolved::Ref(head)) => {
                let peel = arguments.peel;
                head.line(repository, peel, |head| arguments.write(head, response.buffer()))
                    .await?;
            }
            Some(Resolved::Unborn(target)) if arguments.unborn && arguments.symrefs => {
                line_of([b"unborn HEAD symref-target:", &target], response.buffer())?;
            }
            Some(Resolved::Unborn(_)) | None => {}
        }
    }
    let mut refs = repository.visible_refs(&arguments.prefixes, &config.hide_refs).await?;
    while refs.lines(arguments.peel, |found| arguments.write(found, response.buffer())).await? {
        response.flush_if_full().await?;
    }
    pkt_line::flush(response.buffer());
    Ok(())
}

fn parse(lines: &[&[u8]], unborn: LsRefsUnborn) -> Result<Arguments> {
    let mut arguments = Arguments::default();
    for line in lines {
        match *line {
            b"peel" => arguments.peel = true,
            b"symrefs" => arguments.symrefs = true,
            b"unborn" => arguments.unborn = unborn != LsRefsUnborn::Ignore,
            line => match line.strip_prefix(b"ref-prefix ") {
                Some(prefix) if arguments.prefixes.len() < MAX_PREFIXES => {
                    arguments.prefixes.push(prefix.into());
                }
                Some(_) => {}
                None => {
                    let line = line.as_bstr();
                    return Err(Error::Malformed(format!("unexpected line: '{line}'")));
                }
            },
        }
    }
    if arguments.prefixes.len() >= MAX_PREFIXES {
        arguments.prefixes.clear();
    }
    Ok(arguments)
}

impl Arguments {
    fn write(&self, found: RefLine<'_>, out: &mut Vec<u8>) -> Result<()> {
        let target = found.symref_target.filter(|_| self.symrefs);
        let peeled = if self.peel { found.peeled } else { PeeledHex::No };
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
}
