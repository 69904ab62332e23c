//! The `fetch` command of version 2.
//!
//! Spec: gitprotocol-v2(5), "fetch"
//!
//! # Deviation
//! shallow-info comes before wanted-refs, as the documents have it. Git 2.47 has it the other way
//! round, and its own client then gives up.

use bstr::ByteSlice;
use gitwasi_wire::pkt_line;
use gitwasi_wire::upload_pack::v2::{Fetch, FetchResponse};

use super::fetch_args::FetchArgs;
use super::negotiate::Common;
use super::output::{Output, Response};
use super::shallow::{OwnCuts, Plan};
use super::{does_not_fit, send_pack};
use crate::storage::Storage;
use crate::walk::Walk;
use crate::{Repository, Result};

/// Answers a `fetch` command.
pub(super) async fn serve<S: Storage, O: Output>(
    repository: &Repository<S>,
    mut fetch: Fetch,
    response: &mut Response<'_, O>,
) -> Result<()> {
    response.sideband_all = fetch.sideband_all;
    let arguments = FetchArgs::v2(repository, &mut fetch).await?;
    // Without wants, waiting for `done` asks for acknowledgments only (a push that negotiates).
    if arguments.wants.is_empty() && !fetch.wait_for_done {
        return Ok(());
    }
    let mut sections = FetchResponse::new(fetch.sideband_all);
    let mut walk = Walk::new(repository).await?;
    let mut common = Common::new(walk.memory());
    for have in &fetch.haves {
        common.add(&mut walk, have).await?;
    }
    if !fetch.haves.is_empty() && !fetch.done {
        let ready = !fetch.wait_for_done && common.suffices(&mut walk, &arguments.wants).await?;
        sections.acknowledgments(common.oids.iter().copied(), ready, response.buffer());
        if !ready {
            sections.end(response.buffer());
            return Ok(());
        }
    }
    let mut plan = Plan::new(&arguments, common.oids)?;
    if arguments.deepens() || !arguments.shallow.is_empty() || walk.is_cut() {
        let lines = plan.deepen(&mut walk, &arguments, OwnCuts::ToTell).await?;
        let (shallow, unshallow) = (lines.shallow.iter().copied(), lines.unshallow.iter().copied());
        sections.shallow_info(shallow, unshallow, response.buffer());
    }
    if !arguments.wanted_refs.is_empty() {
        let refs = arguments.wanted_refs.iter().map(|(name, oid)| (*oid, name.as_bstr()));
        sections.wanted_refs(refs, response.buffer()).map_err(does_not_fit)?;
    }
    send_pack::send(&mut walk, &arguments, &plan, Some(sections), response).await?;
    pkt_line::flush(response.buffer());
    Ok(())
}
