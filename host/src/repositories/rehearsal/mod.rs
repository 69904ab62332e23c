//! A refused push leaves nothing behind: what git might refuse it is asked elsewhere first.
//!
//! `git receive-pack` moves the objects of a push out of its quarantine before it decides about each
//! ref, and leaves them there when it then refuses all of them. So a push with a pack is rehearsed
//! in a scratch git directory, with copies of the refs and the configuration and with the
//! repository's objects as its alternate. What git refuses there is answered with its own words; on
//! everything else git runs again, in the repository, on the same bytes.
//!
//! Not with hooks, which would run twice. May not decide anything itself: what cannot be rehearsed
//! git gets as it is.
//!
//! Source: `execute_commands` in git's `receive-pack.c`.

mod answer;
mod foresee;
mod head;
mod performance;
mod scratch;
mod spool;

use gitwasi_runtime::{Body, ErrorCode, ProtocolVersion, RequestContext};
use gitwasi_sandbox::{GitCommand, Job};
use gitwasi_wire::receive_pack::Head;

use super::quarantine::Push;
use super::{OpenRepository, descriptor, internal, settings};
use performance::Performance;
pub(super) use spool::Spool;

/// Answers a push, which `job` is to do, after a rehearsal if it needs one.
///
/// # Cancel safety
///
/// Dropping the future or the response ends git, and then removes what it worked in.
pub(super) async fn receive_pack(
    repository: &OpenRepository,
    context: &RequestContext,
    version: ProtocolVersion,
    job: Job,
    request: Body,
    push: Push,
) -> Result<Body, ErrorCode> {
    let started = async {
        let (head, request) = head::read(request).await;
        let head = match head {
            Some(head) if is_needed(repository, context, &head).await? => head,
            _ => return repository.run(context, job, request, push).await,
        };
        let slot = repository.shared.processes.slot().await?;
        let directory = repository.directory.try_clone().map_err(internal)?;
        // Begun before there is a scratch place, which is then not one of somebody else's.
        let mut rehearsed = repository.shared.pushes.begin(&directory).map_err(internal)?;
        let limit = repository.shared.processes.largest_request();
        let place = tokio::task::spawn_blocking(move || scratch::set_up(&directory, limit));
        let place = match place.await.map_err(internal)? {
            Ok(place) => place,
            Err(error) => {
                tracing::debug!(request = context.id, %error, "cannot rehearse a push");
                rehearsed.cleaned_up();
                drop((rehearsed, slot));
                return repository.run(context, job, request, push).await;
            }
        };
        rehearsed.works_in(place.scratch.clone());
        let mut rehearsal =
            repository.job(GitCommand::ReceivePack { advertise: false }, version)?;
        rehearsal.directory = descriptor(&place.directory)?;
        // Readable, as for the push itself.
        rehearsal.alternates.push(descriptor(&repository.directory)?);
        rehearsal.writable = true;
        rehearsal.committer = job.committer.clone();
        Performance {
            shared: repository.shared.clone(),
            id: context.id,
            slot,
            rehearsal,
            rehearsed,
            request,
            place,
            job,
            push,
            side_band: head.capabilities.side_band_64k,
        }
        .begin()
        .await
    };
    tokio::select! {
        started = started => started,
        () = context.cancelled.cancelled() => Err(ErrorCode::Aborted),
    }
}

/// Whether git may refuse the push after it has moved its objects, and can say so beforehand.
async fn is_needed(
    repository: &OpenRepository,
    context: &RequestContext,
    head: &Head,
) -> Result<bool, ErrorCode> {
    let reports = head.capabilities.report_status || head.capabilities.report_status_v2;
    if !reports || !head.expects_pack() {
        return Ok(false);
    }
    let remembered = repository.settings.receive;
    if repository.shared.serving.namespace.is_none() {
        let directory = repository.directory.try_clone().map_err(internal)?;
        let candidates = foresee::Candidates::of(head, remembered);
        let accepts = move || candidates.is_some_and(|these| these.are_accepted(&directory));
        if tokio::task::spawn_blocking(accepts).await.map_err(internal)? {
            return Ok(false);
        }
    }
    Ok(!settings::read(repository, context).await?.receive.bound_to_place)
}
