//! `POST git-receive-pack`: pushes.
//!
//! The head of the body is read and shown to the authorizer, typed, before a byte of the pack is
//! handed on. Refs that are refused there the service leaves alone and reports with the reason; a
//! push of which no ref may move is drained and answered with such a report here. What has moved
//! the observer is told.
//!
//! Spec: gitprotocol-http(5), "Smart Service git-receive-pack"; gitprotocol-pack(5), "Pushing Data
//! To a Server".

use gitwasi_wire::receive_pack::{Fault, Head, HeadError, HeadParser, Progress};
use gitwasi_wire::receive_pack::{RefOutcome, RefReport, Report};

use crate::authorize::{Authorized, Write, authorize};
use crate::bindings::gitwasi::git::authorizer::{self, Push};
use crate::bindings::gitwasi::git::types::{RefRefusal, RefUpdate, Service};
use crate::bindings::wasi::http::types::{Request, Response};
use crate::body::{BodyError, RequestBody};
use crate::config::Config;
use crate::info_refs::protocol_version;
use crate::name::RepositoryName;
use crate::observe::Observation;
use crate::refusal::Refusal;
use crate::respond::{self, NO_CACHE};

const CONTENT_TYPE: (&str, &str) = ("content-type", "application/x-git-receive-pack-result");

/// Answers with what `git-receive-pack` says to the request.
pub(crate) async fn answer(
    repository: RepositoryName,
    request: Request,
) -> Result<Response, Refusal> {
    let headers = request.get_headers();
    let authorized = authorize::<Write>(repository, Some(Service::ReceivePack), &headers).await?;
    let version = protocol_version(&headers);
    let mut body = RequestBody::open(request, "application/x-git-receive-pack-request")?;
    let (head, read) = read_head(&mut body).await?;
    let headers: Vec<_> = NO_CACHE.into_iter().chain([CONTENT_TYPE]).collect();
    if head.is_probe() {
        // Git asks whether it would be let in before it sends a large pack. It is.
        body.drain().await?;
        return Ok(respond::bytes(200, &headers, Vec::new()));
    }
    let reasons = refused(&authorized, &head).await?;
    let some = reasons.iter().any(Option::is_some);
    // Who wants no report would not learn of it otherwise.
    let reports = head.capabilities.report_status || head.capabilities.report_status_v2;
    let whole = !reports || head.capabilities.atomic || reasons.iter().all(Option::is_some);
    if some && (whole || !authorized.repository.takes_refusals()) {
        body.drain().await?;
        return Ok(respond::bytes(200, &headers, report(&head, &reasons)?));
    }
    let refusals: Vec<_> = head
        .ref_updates
        .iter()
        .zip(reasons)
        .filter_map(|(update, reason)| {
            Some(RefRefusal { name: update.name.to_vec(), reason: reason? })
        })
        .collect();
    let observation = Observation::begin(&authorized, head, &refusals).await;
    let body = body.hand_on(read);
    let response = authorized
        .repository
        .receive_pack(version, authorized.requester, refusals, body.stream, body.outcome)
        .await;
    match (response, observation) {
        (Ok(response), Some(observation)) => {
            let watched = observation.watch(authorized.repository, response, body.fault);
            Ok(respond::stream(200, &headers, watched))
        }
        (Ok(response), None) => Ok(respond::stream(200, &headers, response)),
        (Err(error), observation) => {
            if let Some(observation) = observation {
                observation.unanswered(&error, &body.fault);
            }
            Err(body.fault.refusal(error))
        }
    }
}

/// Reads up to the end of the head. Returns it, and all bytes that were read.
async fn read_head(body: &mut RequestBody) -> Result<(Head, Vec<u8>), Refusal> {
    let mut parser = HeadParser::new(Config::current().push_head);
    let mut read = Vec::new();
    loop {
        let chunk = body.read().await?;
        if chunk.is_empty() {
            return match read.is_empty() {
                true => Err(Refusal::bad_request("the request body is empty")),
                false => Err(BodyError::Incomplete.into()),
            };
        }
        let progress = parser.push(&chunk).map_err(refusal)?;
        read.extend(chunk);
        if let Progress::Complete { head, .. } = progress {
            return Ok((*head, read));
        }
    }
}

fn refusal(error: HeadError) -> Refusal {
    match error.fault() {
        Fault::Client => Refusal::bad_request(&error.to_string()),
        Fault::Limit => Refusal::too_large(&error.to_string()),
        Fault::Ours => Refusal::internal(),
    }
}

/// Asks the authorizer: for each ref update, why it is refused, or none.
async fn refused(
    authorized: &Authorized<Write>,
    head: &Head,
) -> Result<Vec<Option<String>>, Refusal> {
    let ref_updates = head.ref_updates.iter().map(|update| RefUpdate {
        name: update.name.to_vec(),
        old_oid: update.old_oid.to_string(),
        new_oid: update.new_oid.to_string(),
    });
    let reasons = authorizer::authorize_ref_updates(Push {
        repository: authorized.name.as_str().to_owned(),
        requester: authorized.requester.clone(),
        ref_updates: ref_updates.collect(),
        push_options: head.push_options.iter().map(|option| option.to_vec()).collect(),
        atomic: head.capabilities.atomic,
    })
    .await?;
    match reasons.len() == head.ref_updates.len() {
        true => Ok(reasons),
        // An authorizer that answers something else than it was asked has allowed nothing.
        false => Err(Refusal::internal()),
    }
}

/// The report on a push of which no ref update may be made because some are refused.
fn report(head: &Head, reasons: &[Option<String>]) -> Result<Vec<u8>, Refusal> {
    if !head.capabilities.report_status && !head.capabilities.report_status_v2 {
        let reason = reasons.iter().flatten().next().map_or("refused", String::as_str);
        return Err(Refusal::forbidden(reason));
    }
    let refs = head.ref_updates.iter().zip(reasons).map(|(update, reason)| RefReport {
        name: update.name.as_ref(),
        outcome: RefOutcome::Ng(match reason {
            Some(reason) => reason.as_str().into(),
            None => "another ref of this push was refused".into(),
        }),
    });
    let mut body = Vec::new();
    Report { unpack: Ok(()), refs: refs.collect() }
        .encode(&head.capabilities, &mut body)
        .map_err(|_| Refusal::internal())?;
    Ok(body)
}
