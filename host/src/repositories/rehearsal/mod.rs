//! A refused push leaves nothing behind: what git might refuse it is asked elsewhere first.
//!
//! `git receive-pack` moves the objects of a push out of its quarantine before it decides about each
//! ref, and leaves them there when it then refuses all of them. So a push with a pack is rehearsed
//! in a scratch git directory, with the refs, with all of the configuration, and with the
//! repository's objects as its alternate. What git refuses there because of the refs is answered with
//! its own words; on everything else git runs again, in the repository, on the same bytes.
//!
//! Hooks run in the repository alone, after a rehearsal without them. May not decide anything itself:
//! what cannot be rehearsed git gets as it is.
//!
//! Source: `execute_commands` in git's `receive-pack.c`.

mod answer;
mod config;
mod foresee;
mod head;
mod runs;
mod scratch;
mod spool;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use gitwasi_runtime::{Body, BodyError, ErrorCode, ProtocolVersion, RequestContext};
use gitwasi_sandbox::{GitCommand, Job, WorkTree};
use http_body::Frame;
use http_body_util::{BodyExt, BodyStream, StreamBody};

use super::processes::Slot;
use super::quarantine::Push;
use super::{OpenRepository, descriptor, internal, settings};
use foresee::Candidates;
use head::Begun;
use runs::{Run, Runs};
pub(super) use spool::Spool;

/// A push as it was asked for.
pub(super) struct Asked {
    pub(super) job: Job,
    pub(super) version: ProtocolVersion,
    pub(super) request: Body,
    pub(super) push: Push,
}

/// Answers a push, after a rehearsal if it needs one.
///
/// # Cancel safety
///
/// Dropping the future or the response ends git, and then removes what it worked in.
pub(super) async fn receive_pack(
    repository: &OpenRepository,
    context: &RequestContext,
    asked: Asked,
) -> Result<Body, ErrorCode> {
    let Asked { job, version, request, push } = asked;
    let processes = &repository.shared.processes;
    // Before the head is read: so many are in memory at once.
    let slot = processes.slot().await?;
    let (begun, request) = head::read(request).await;
    let settings = match &begun {
        Some(begun) => settings_if_needed(&slot, repository, context, &job, begun).await?,
        None => None,
    };
    let (Some(begun), Some(settings)) = (begun, settings) else {
        return processes.run_in(slot, context, job, Some(request), Some(push)).await;
    };
    let side_band = begun.head.capabilities.side_band_64k;
    drop(begun);
    let limit = processes.largest_request();
    let directory = repository.directory.try_clone().map_err(internal)?;
    // Begun before there is a scratch place, which is then not one of somebody else's.
    let mut rehearsed = repository.shared.pushes.begin(&directory).map_err(internal)?;
    // The slot, too, goes with it: if the client leaves, the copying goes on.
    let set_up = tokio::task::spawn_blocking(move || {
        let place = scratch::set_up(&directory, &settings, limit);
        if place.is_err() {
            rehearsed.cleaned_up();
        }
        (place, rehearsed, slot)
    });
    let (place, mut rehearsed, slot) = set_up.await.map_err(internal)?;
    let place = match place {
        Ok(place) => place,
        Err(error) => {
            tracing::debug!(request = context.id, %error, "cannot rehearse a push");
            drop(rehearsed);
            return processes.run_in(slot, context, job, Some(request), Some(push)).await;
        }
    };
    rehearsed.works_in(Arc::clone(&place.scratch));
    let mut rehearsal = repository.job(GitCommand::ReceivePack { advertise: false }, version)?;
    rehearsal.directory = descriptor(&place.directory)?;
    // To be read, not written.
    rehearsal.alternates.push(descriptor(&repository.directory)?);
    rehearsal.writable = true;
    rehearsal.hooks = false;
    rehearsal.work_tree = job.work_tree;
    rehearsal.committer.clone_from(&job.committer);
    let runs = Runs {
        shared: Arc::clone(&repository.shared),
        id: context.id,
        slot,
        request,
        side_band,
        place,
        rehearsal: Run { job: rehearsal, push: rehearsed },
        push: Run { job, push },
    };
    runs.begin().await
}

/// All of the repository's settings, if git may refuse the push after it has moved its objects, and can
/// say so beforehand.
async fn settings_if_needed(
    slot: &Slot,
    repository: &OpenRepository,
    context: &RequestContext,
    job: &Job,
    begun: &Begun,
) -> Result<Option<Vec<u8>>, ErrorCode> {
    let head = &begun.head;
    let reports = head.capabilities.report_status || head.capabilities.report_status_v2;
    if !reports || !head.expects_pack() {
        return Ok(None);
    }
    let remembered = repository.settings.receive;
    if repository.shared.serving.namespace.is_none() {
        let directory = repository.directory.try_clone().map_err(internal)?;
        let candidates = Candidates::of(head, begun.begins_with_commit(), remembered);
        let accepts = move || candidates.is_some_and(|these| these.are_accepted(&directory));
        if tokio::task::spawn_blocking(accepts).await.map_err(internal)? {
            return Ok(None);
        }
    }
    let Some(whole) = settings::read_whole(slot, repository, context).await? else {
        return Ok(None);
    };
    let now = whole.read.receive;
    // What is checked out is not copied.
    let updates = now.updates_work_tree && job.work_tree != WorkTree::Kept;
    let hook_moves_refs = now.hook_moves_refs && repository.shared.processes.runs_hooks();
    Ok((!updates && !hook_moves_refs).then_some(whole.entries))
}

/// A request whose first frames have been read already.
fn joined<S>(read: S, rest: Body) -> Body
where
    S: Stream<Item = Result<Frame<Bytes>, BodyError>> + Send + 'static,
{
    StreamBody::new(read.chain(BodyStream::new(rest))).boxed_unsync()
}
