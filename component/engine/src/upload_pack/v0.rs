//! Stateless requests of versions 0 and 1.
//!
//! Spec: gitprotocol-pack(5), "Packfile Negotiation"; gitprotocol-http(5), "Smart Service
//! git-upload-pack"

use std::collections::HashSet;

use bstr::ByteSlice;
use gitwasi_wire::Oid;
use gitwasi_wire::pkt_line::{self, PktLine, chomp};
use gitwasi_wire::side_band::SideBand;

use super::fetch_args::{FetchArgs, oid};
use super::negotiate::Common;
use super::output::{Output, Response};
use super::request::{Lines, malformed};
use super::{line, send_pack, shallow};
use crate::refs::is_hidden;
use crate::storage::Storage;
use crate::walk::{Range, Walk};
use crate::{Repository, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MultiAck {
    No,
    Yes,
    Detailed,
}

/// Answers one request.
pub(super) async fn serve<S: Storage, O: Output>(
    repository: &Repository<S>,
    request: &[u8],
    response: &mut Response<'_, O>,
) -> Result<()> {
    let mut lines = Lines(request);
    let mut arguments = FetchArgs::default();
    let mut capabilities = Vec::new();
    loop {
        match lines.next()? {
            None if arguments.wants.is_empty() => return Ok(()),
            None | Some(PktLine::Flush) => break,
            Some(PktLine::Data(data)) => {
                want_or_shallow(repository, chomp(data), &mut arguments, &mut capabilities).await?;
            }
            Some(_) => return Err(malformed("unexpected delim-pkt or response-end-pkt")),
        }
    }
    if arguments.wants.is_empty() {
        return Ok(());
    }
    let has = |name: &[u8]| capabilities.split(|byte| *byte == b' ').any(|word| word == name);
    let multi_ack = match () {
        () if has(b"multi_ack_detailed") => MultiAck::Detailed,
        () if has(b"multi_ack") => MultiAck::Yes,
        () => MultiAck::No,
    };
    arguments.side_band = match () {
        () if has(b"side-band-64k") => Some(SideBand::Large),
        () if has(b"side-band") => Some(SideBand::Small),
        () => None,
    };
    arguments.thin = has(b"thin-pack");
    arguments.ofs_delta = has(b"ofs-delta");
    arguments.no_progress = has(b"no-progress");
    arguments.include_tag = has(b"include-tag");
    arguments.deepen_relative = has(b"deepen-relative");
    arguments.check()?;

    let mut walk = Walk::new(repository).await?;
    check_wants(repository, &mut walk, &arguments.wants).await?;
    let mut plan = shallow::Plan::new(&arguments, Vec::new());
    if arguments.deepens() || !arguments.shallow.is_empty() {
        plan.deepen(&mut walk, &arguments, response.buffer()).await?;
        if arguments.deepens() {
            pkt_line::flush(response.buffer());
        }
    }
    let no_done = has(b"no-done");
    let common =
        negotiate(&mut walk, &mut lines, &arguments, (multi_ack, no_done), response).await?;
    let Some(common) = common else { return Ok(()) };
    plan.haves.extend(common.oids);
    send_pack::send(&mut walk, &arguments, &plan, response).await?;
    if arguments.side_band.is_some() {
        pkt_line::flush(response.buffer());
    }
    Ok(())
}

async fn want_or_shallow<S: Storage>(
    repository: &Repository<S>,
    line: &[u8],
    arguments: &mut FetchArgs,
    capabilities: &mut Vec<u8>,
) -> Result<()> {
    if arguments.shared(line, repository).await? {
        return Ok(());
    }
    let bad = || {
        malformed(&format!("protocol error, expected to get object ID, not '{}'", line.as_bstr()))
    };
    let rest = line.strip_prefix(b"want ").ok_or_else(bad)?;
    let (hex, rest) =
        rest.split_at_checked(repository.object_format().hex_len()).ok_or_else(bad)?;
    if !rest.is_empty() && capabilities.is_empty() {
        capabilities.extend_from_slice(rest.trim_ascii());
    }
    arguments.wants.push(oid(hex, "protocol error, expected to get object ID, not", repository)?);
    Ok(())
}

/// Lets pass what was advertised, or what the configuration allows besides.
async fn check_wants<S: Storage>(
    repository: &Repository<S>,
    walk: &mut Walk<'_, S>,
    wants: &[Oid],
) -> Result<()> {
    let config = repository.config();
    let hidden_too = config.allow_tip_sha1_in_want || config.allow_reachable_sha1_in_want;
    let mut missing: HashSet<Oid> = wants.iter().copied().collect();
    if config.allow_any_sha1_in_want {
        let mut absent = None;
        for want in wants {
            if walk.find(want).await?.is_none() {
                absent = Some(want);
            }
        }
        return absent.map_or(Ok(()), |want| Err(malformed(&format!("not our ref {want}"))));
    }
    if let Some(crate::refs::Resolved::Ref(head)) = repository.resolve_ref("HEAD".into()).await? {
        missing.remove(&head.oid);
    }
    let mut tips = Vec::new();
    let mut refs = repository.refs(&[]).await?;
    while let Some(found) = refs.next().await? {
        if hidden_too || !is_hidden(found.name.as_bstr(), &config.hide_refs) {
            missing.remove(&found.oid);
            if missing.is_empty() {
                return Ok(());
            }
            tips.push(found.oid);
        }
    }
    // A stateless client may have chosen from refs that have moved since: what these reach counts.
    let mut range = Range::default();
    for want in wants.iter().filter(|want| missing.contains(want)) {
        let refused = || malformed(&format!("not our ref {want}"));
        walk.find(want).await?.ok_or_else(refused)?;
        // Git asks its rev-list, which knows commits only: trees and blobs pass, and clients with
        // partial clones depend on it.
        range.include.extend(walk.peel_to_commit(want).await?.map(|(_, node)| node));
    }
    for tip in tips {
        range.exclude.extend(walk.peel_to_commit(&tip).await?.map(|(_, node)| node));
    }
    match walk.limited(&range).await?.commits.first() {
        None => Ok(()),
        Some(found) => Err(malformed(&format!("not our ref {}", walk.oid(found.node).await?))),
    }
}

/// Reads the haves and acknowledges them; `None` when the round ends without a pack.
async fn negotiate<S: Storage, O: Output>(
    walk: &mut Walk<'_, S>,
    lines: &mut Lines<'_>,
    arguments: &FetchArgs,
    (multi_ack, no_done): (MultiAck, bool),
    response: &mut Response<'_, O>,
) -> Result<Option<Common>> {
    let mut common = Common::default();
    let mut last = None;
    let (mut got_common, mut got_other, mut sent_ready) = (false, false, false);
    loop {
        let out = response.buffer();
        match lines.next()? {
            None => return Ok(None),
            Some(PktLine::Flush) => {
                if multi_ack == MultiAck::Detailed
                    && got_common
                    && !got_other
                    && common.suffices(walk, &arguments.wants).await?
                    && let Some(last) = last
                {
                    sent_ready = true;
                    line(format!("ACK {last} ready\n").as_bytes(), out)?;
                }
                if common.oids.is_empty() || multi_ack != MultiAck::No {
                    line(b"NAK\n", out)?;
                }
                if let Some(last) = last.filter(|_| no_done && sent_ready) {
                    line(format!("ACK {last}\n").as_bytes(), out)?;
                    return Ok(Some(common));
                }
                // Stateless: what the client says next comes with another request.
                return Ok(None);
            }
            Some(PktLine::Data(data)) => {
                let data = chomp(data);
                if data == b"done" {
                    match last {
                        Some(last) if !common.oids.is_empty() => {
                            if multi_ack != MultiAck::No {
                                line(format!("ACK {last}\n").as_bytes(), out)?;
                            }
                        }
                        _ => line(b"NAK\n", out)?,
                    }
                    return Ok(Some(common));
                }
                let expected =
                    || malformed(&format!("expected SHA1 list, got '{}'", data.as_bstr()));
                let hex = data.strip_prefix(b"have ").ok_or_else(expected)?;
                let have = oid(hex, "expected SHA1 object, got", walk.repository)?;
                if common.add(walk, &have).await? {
                    got_common = true;
                    last = Some(have);
                    match multi_ack {
                        MultiAck::Detailed => line(format!("ACK {have} common\n").as_bytes(), out)?,
                        MultiAck::Yes => line(format!("ACK {have} continue\n").as_bytes(), out)?,
                        MultiAck::No if common.oids.len() == 1 => {
                            line(format!("ACK {have}\n").as_bytes(), out)?;
                        }
                        MultiAck::No => {}
                    }
                } else {
                    got_other = true;
                    if multi_ack != MultiAck::No && common.suffices(walk, &arguments.wants).await? {
                        sent_ready |= multi_ack == MultiAck::Detailed;
                        let word =
                            if multi_ack == MultiAck::Detailed { "ready" } else { "continue" };
                        line(format!("ACK {have} {word}\n").as_bytes(), out)?;
                    }
                }
            }
            Some(_) => return Err(malformed("unexpected delim-pkt or response-end-pkt")),
        }
    }
}
