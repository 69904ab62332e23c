//! The `fetch` command of version 2.
//!
//! Spec: gitprotocol-v2(5), "fetch"

use bstr::ByteSlice;
use gitwasi_wire::pkt_line;
use gitwasi_wire::side_band::SideBand;

use super::fetch_args::{FetchArgs, oid};
use super::negotiate::Common;
use super::output::{Output, Response};
use super::request::malformed;
use super::{line, send_pack, shallow};
use crate::refs::{Resolved, is_hidden};
use crate::storage::Storage;
use crate::walk::Walk;
use crate::{Error, Repository, Result};

/// Answers a `fetch` command.
pub(super) async fn serve<S: Storage, O: Output>(
    repository: &Repository<S>,
    lines: &[&[u8]],
    response: &mut Response<'_, O>,
) -> Result<()> {
    let arguments = parse(repository, lines).await?;
    // Without wants, waiting for `done` asks for acknowledgments only (a push that negotiates).
    if arguments.wants.is_empty() && !arguments.wait_for_done {
        return Ok(());
    }
    let mut walk = Walk::new(repository).await?;
    let mut common = Common::default();
    if !arguments.haves.is_empty() {
        for have in &arguments.haves {
            common.add(&mut walk, have).await?;
        }
        if !arguments.done {
            let ready = acknowledge(&mut walk, &arguments, &mut common, response).await?;
            if !ready {
                pkt_line::flush(response.buffer());
                return Ok(());
            }
            pkt_line::delim(response.buffer());
        }
    }
    if !arguments.wanted_refs.is_empty() {
        line(b"wanted-refs\n", response.buffer())?;
        for (name, oid) in &arguments.wanted_refs {
            line(format!("{oid} {name}\n").as_bytes(), response.buffer())?;
        }
        pkt_line::delim(response.buffer());
    }
    let mut plan = shallow::Plan::new(&arguments, common.oids);
    if arguments.deepens() || !arguments.shallow.is_empty() {
        line(b"shallow-info\n", response.buffer())?;
        plan.deepen(&mut walk, &arguments, response.buffer()).await?;
        pkt_line::delim(response.buffer());
    }
    line(b"packfile\n", response.buffer())?;
    send_pack::send(&mut walk, &arguments, &plan, response).await?;
    pkt_line::flush(response.buffer());
    Ok(())
}

/// Writes the acknowledgments; true when there is enough in common to make a pack.
async fn acknowledge<S: Storage, O: Output>(
    walk: &mut Walk<'_, S>,
    arguments: &FetchArgs,
    common: &mut Common,
    response: &mut Response<'_, O>,
) -> Result<bool> {
    line(b"acknowledgments\n", response.buffer())?;
    if common.oids.is_empty() {
        line(b"NAK\n", response.buffer())?;
    }
    for oid in &common.oids {
        line(format!("ACK {oid}\n").as_bytes(), response.buffer())?;
    }
    if !arguments.wait_for_done && common.suffices(walk, &arguments.wants).await? {
        line(b"ready\n", response.buffer())?;
        return Ok(true);
    }
    Ok(false)
}

async fn parse<S: Storage>(repository: &Repository<S>, lines: &[&[u8]]) -> Result<FetchArgs> {
    let config = repository.config();
    let mut arguments = FetchArgs { side_band: Some(SideBand::Large), ..FetchArgs::default() };
    for line in lines {
        match *line {
            b"thin-pack" => arguments.thin = true,
            b"ofs-delta" => arguments.ofs_delta = true,
            b"no-progress" => arguments.no_progress = true,
            b"include-tag" => arguments.include_tag = true,
            b"done" => arguments.done = true,
            b"wait-for-done" => arguments.wait_for_done = true,
            b"deepen-relative" => arguments.deepen_relative = true,
            line => {
                if let Some(hex) = line.strip_prefix(b"want ") {
                    let want = oid(hex, "protocol error, expected to get oid, not", repository)?;
                    if repository.odb().find(&want).await?.is_none() {
                        return Err(malformed(&format!("not our ref {want}")));
                    }
                    add_want(&mut arguments.wants, want);
                } else if let Some(hex) = line.strip_prefix(b"have ") {
                    arguments.haves.push(oid(hex, "expected SHA1 object, got", repository)?);
                } else if let Some(name) = line.strip_prefix(b"want-ref ")
                    && config.allow_ref_in_want
                {
                    let unknown = || Error::Malformed(format!("unknown ref {}", name.as_bstr()));
                    if is_hidden(name.as_bstr(), &config.hide_refs) {
                        return Err(unknown());
                    }
                    let Some(Resolved::Ref(found)) = repository.resolve_ref(name.as_bstr()).await?
                    else {
                        return Err(unknown());
                    };
                    if arguments.wanted_refs.iter().any(|(seen, _)| *seen == found.name) {
                        return Err(malformed(&format!("duplicate want-ref {}", name.as_bstr())));
                    }
                    add_want(&mut arguments.wants, found.oid);
                    arguments.wanted_refs.push((found.name, found.oid));
                } else {
                    // A line that is not known is passed over, as by git.
                    arguments.shared(line, repository).await?;
                }
            }
        }
    }
    arguments.check()?;
    Ok(arguments)
}

/// A want counts once.
fn add_want(wants: &mut Vec<gitwasi_wire::Oid>, want: gitwasi_wire::Oid) {
    if wants.last() != Some(&want) {
        wants.push(want);
    }
}
