//! Stateless requests of versions 0 and 1.
//!
//! Spec: gitprotocol-pack(5), "Packfile Negotiation"; gitprotocol-http(5), "Smart Service
//! git-upload-pack"

use std::collections::HashSet;

use bstr::{BStr, ByteSlice};
use gitwasi_wire::Oid;
use gitwasi_wire::pkt_line;
use gitwasi_wire::upload_pack::v0::{
    self, Ack, AckMode, Capabilities, Request, RequestEnd, ack, nak,
};

use super::fetch_args::FetchArgs;
use super::negotiate::Common;
use super::output::{Output, Response};
use super::shallow::{OwnCuts, Plan};
use super::{malformed, send_pack};
use crate::refs::{Resolved, is_hidden};
use crate::storage::Storage;
use crate::walk::{Range, Walk};
use crate::working_memory::Leased;
use crate::{Repository, Result};

/// Answers one request.
pub(super) async fn serve<S: Storage, O: Output>(
    repository: &Repository<S>,
    mut request: Request,
    response: &mut Response<'_, O>,
) -> Result<()> {
    let arguments = FetchArgs::v0(repository, &mut request).await?;
    let mut walk = Walk::new(repository).await?;
    check_wants(repository, &mut walk, &arguments.wants).await?;
    let mut plan = Plan::new(&arguments, Leased::<Vec<_>>::new(walk.memory()))?;
    if arguments.deepens() || !arguments.shallow.is_empty() {
        let lines = plan.deepen(&mut walk, &arguments, OwnCuts::Advertised).await?;
        for oid in lines.shallow.iter() {
            v0::shallow(*oid, response.buffer());
        }
        for oid in lines.unshallow.iter() {
            v0::unshallow(*oid, response.buffer());
        }
        if arguments.deepens() {
            v0::end_of_shallow(response.buffer());
        }
    }
    let common = negotiate(&mut walk, &request, &plan.wants, response).await?;
    let Some(common) = common else { return Ok(()) };
    plan.haves.extend(common.oids.iter().copied())?;
    send_pack::send(&mut walk, &arguments, &plan, None, response).await?;
    if arguments.side_band.is_some() {
        pkt_line::flush(response.buffer());
    }
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
    let memory = walk.memory();
    let mut missing = Leased::<HashSet<Oid>>::of(memory, wants.iter().copied())?;
    for want in wants {
        if walk.find(want).await?.is_none() {
            return Err(malformed(&format!("not our ref {want}")));
        }
    }
    if config.allow_any_sha1_in_want {
        return Ok(());
    }
    let hidden = |name: &BStr| !hidden_too && is_hidden(name, &config.hide_refs);
    let mut tips = Leased::<Vec<_>>::new(memory);
    if let Some(Resolved::Ref(head)) = repository.resolve_ref("HEAD".into()).await?
        && !hidden("HEAD".into())
    {
        missing.remove(&head.oid);
        tips.push(head.oid)?;
    }
    let mut refs = repository.refs(&[]).await?;
    while let Some(found) = refs.next().await? {
        if !hidden(found.name.as_bstr()) {
            missing.remove(&found.oid);
            if missing.is_empty() {
                return Ok(());
            }
            tips.push(found.oid)?;
        }
    }
    // A stateless client may have chosen from refs that have moved since: what these reach counts.
    let mut range = Range::new(memory);
    for want in wants.iter().filter(|want| missing.contains(want)) {
        // Git asks its rev-list, which knows commits only: trees and blobs pass, and clients with
        // partial clones depend on it.
        range.include.extend(walk.peel_to_commit(want).await?.map(|(_, node)| node))?;
    }
    for tip in tips.iter() {
        range.exclude.extend(walk.peel_to_commit(tip).await?.map(|(_, node)| node))?;
    }
    match walk.limited(&range).await?.commits.first() {
        None => Ok(()),
        Some(found) => Err(malformed(&format!("not our ref {}", walk.oid(found.node).await?))),
    }
}

/// Acknowledges the haves; `None` when the round ends without a pack.
async fn negotiate<S: Storage, O: Output>(
    walk: &mut Walk<'_, S>,
    request: &Request,
    wants: &[Oid],
    response: &mut Response<'_, O>,
) -> Result<Option<Common>> {
    let Capabilities { ack_mode, no_done, .. } = request.capabilities;
    let mut common = Common::new(walk.memory());
    let mut last = None;
    let (mut got_common, mut got_other, mut sent_ready) = (false, false, false);
    for have in &request.haves {
        if common.add(walk, have).await? {
            got_common = true;
            last = Some(*have);
            match ack_mode {
                AckMode::Detailed => ack(*have, Ack::Common, response.buffer()),
                AckMode::Multi => ack(*have, Ack::Continue, response.buffer()),
                AckMode::Single if common.oids.len() == 1 => {
                    ack(*have, Ack::Final, response.buffer());
                }
                AckMode::Single => {}
            }
        } else {
            got_other = true;
            if ack_mode != AckMode::Single && common.suffices(walk, wants).await? {
                sent_ready |= ack_mode == AckMode::Detailed;
                let word = if ack_mode == AckMode::Detailed { Ack::Ready } else { Ack::Continue };
                ack(*have, word, response.buffer());
            }
        }
        response.flush_if_full().await?;
    }
    let out = response.buffer();
    match request.end {
        RequestEnd::AfterWants => Ok(None),
        RequestEnd::Done => {
            match last.filter(|_| !common.oids.is_empty()) {
                Some(last) if ack_mode != AckMode::Single => ack(last, Ack::Final, out),
                Some(_) => {}
                None => nak(out),
            }
            Ok(Some(common))
        }
        RequestEnd::Flush => {
            if ack_mode == AckMode::Detailed
                && got_common
                && !got_other
                && common.suffices(walk, wants).await?
                && let Some(last) = last
            {
                sent_ready = true;
                ack(last, Ack::Ready, out);
            }
            if common.oids.is_empty() || ack_mode != AckMode::Single {
                nak(out);
            }
            if let Some(last) = last.filter(|_| no_done && sent_ready) {
                ack(last, Ack::Final, out);
                return Ok(Some(common));
            }
            // Stateless: what the client says next comes with another request.
            Ok(None)
        }
    }
}
