//! The `ls-refs` command.
//!
//! Spec: gitprotocol-v2(5), "ls-refs"

use bstr::{BStr, BString, ByteSlice};
use gitwasi_wire::pkt_line;

use super::line;
use super::output::{Output, Response};
use crate::hex;
use crate::refs::{Ref, Resolved, is_hidden};
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
    let mut text = Vec::new();
    if matches(b"HEAD") && !is_hidden(BStr::new("HEAD"), &config.hide_refs) {
        match repository.resolve_ref(BStr::new("HEAD")).await? {
            Some(Resolved::Ref(head)) => {
                write(repository, &arguments, &head, &mut text, response).await?
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
    let mut refs = repository.refs(&arguments.prefixes).await?;
    while let Some(found) = refs.next().await? {
        if !is_hidden(found.name.as_bstr(), &config.hide_refs) {
            write(repository, &arguments, &found, &mut text, response).await?;
        }
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

async fn write<S: Storage, O: Output>(
    repository: &Repository<S>,
    arguments: &Arguments,
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
