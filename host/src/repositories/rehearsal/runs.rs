//! A push in two runs of git: the rehearsal, and what it was for.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use gitwasi_runtime::{Body, BodyError, BoxFuture, ErrorCode};
use gitwasi_sandbox::{Exit, Job};
use gitwasi_wire::side_band::KEEP_ALIVE;
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::super::Shared;
use super::super::output::{Ended, Output};
use super::super::processes::{Slot, failed};
use super::super::quarantine::Push;
use super::answer::Answer;
use super::scratch::Place;

/// How often the client is told that git still reads. Once git has said something, it does so itself.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(5);

/// The rehearsal and the run that it is for.
pub(super) struct Runs {
    pub(super) shared: Arc<Shared>,
    /// The request's, for the log.
    pub(super) id: u64,
    /// Held for both.
    pub(super) slot: Slot,
    pub(super) request: Body,
    pub(super) side_band: bool,
    pub(super) place: Place,
    pub(super) rehearsal: Run,
    pub(super) push: Run,
}

/// What git is to do, and what is noted as long as it does.
pub(super) struct Run {
    pub(super) job: Job,
    pub(super) push: Push,
}

impl Runs {
    /// Returns the response once it has begun, or what went wrong before.
    pub(super) async fn begin(self) -> Result<Body, ErrorCode> {
        let id = self.id;
        let (sender, chunks) = mpsc::channel(1);
        let work: BoxFuture<'static, _> = Box::pin(self.run(sender));
        let mut response = Response { work: Some(work), chunks, ended: None, first: None, id };
        response.first = std::future::poll_fn(|cx| response.poll_chunk(cx)).await?;
        Ok(response.boxed_unsync())
    }

    async fn run(self, response: mpsc::Sender<Bytes>) -> Result<(), ErrorCode> {
        let Self { shared, id, slot, request, side_band, place, rehearsal, push } = self;
        let Place { scratch, spool, kept, .. } = place;
        let Run { job, mut push } = push;
        let processes = &shared.processes;
        let output = processes.start(
            id,
            Arc::clone(&slot),
            rehearsal.job,
            Some(request),
            Some(spool),
            Some(rehearsal.push),
        )?;
        let arriving = output.request();
        let mut answer = Answer::new(side_band);
        let ended = rehearse(output, &mut answer, &response).await;
        // Before the response ends: who has read it finds the repository as it is to be.
        if let Some(scratch) = Arc::into_inner(scratch) {
            scratch.remove().await;
        }
        match ended {
            Ok(()) => {
                if let Some(refusal) = answer.into_refusal() {
                    push.cleaned_up();
                    drop(push);
                    let _ = response.send(refusal.into()).await;
                    return Ok(());
                }
            }
            // What made it die may be the scratch place.
            Err(Ended::Exit(Exit::Code(_))) => {}
            Err(ended) => return Err(failed(id, ended, true)),
        }
        let rest = match &arriving {
            Some(pump) => pump.rest().await,
            None => None,
        };
        let request = Some(kept.body(rest)?);
        let mut output = processes.start(id, slot, job, request, None, Some(push))?;
        let mut silent = side_band;
        loop {
            let Ok(chunk) = timeout(KEEP_ALIVE_EVERY, output.chunk()).await else {
                if silent {
                    let _ = response.send(Bytes::from_static(KEEP_ALIVE)).await;
                }
                continue;
            };
            let Some(chunk) = chunk.map_err(|ended| failed(id, ended, true))? else {
                return Ok(());
            };
            silent = false;
            let _ = response.send(chunk).await;
        }
    }
}

/// Reads what the rehearsal says to its end.
async fn rehearse(
    mut output: Output,
    answer: &mut Answer,
    response: &mpsc::Sender<Bytes>,
) -> Result<(), Ended> {
    while let Some(chunk) = output.chunk().await? {
        let at_once = answer.push(&chunk);
        if !at_once.is_empty() {
            let _ = response.send(at_once.into()).await;
        }
    }
    Ok(())
}

/// The response, which does the work while it is read. Dropping it ends whichever git runs.
struct Response {
    work: Option<BoxFuture<'static, Result<(), ErrorCode>>>,
    chunks: mpsc::Receiver<Bytes>,
    /// How the work ended, until all chunks have been read.
    ended: Option<Result<(), ErrorCode>>,
    /// The first chunk, read before the body was given away.
    first: Option<Bytes>,
    id: u64,
}

impl Response {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ErrorCode>> {
        if let Some(work) = &mut self.work
            && let Poll::Ready(ended) = work.as_mut().poll(cx)
        {
            self.work = None;
            self.ended = Some(ended);
        }
        Poll::Ready(match ready!(self.chunks.poll_recv(cx)) {
            Some(chunk) => Ok(Some(chunk)),
            None => self.ended.take().unwrap_or(Ok(())).map(|()| None),
        })
    }
}

impl http_body::Body for Response {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        Poll::Ready(match ready!(self.poll_chunk(cx)) {
            Ok(chunk) => chunk.map(|chunk| Ok(Frame::data(chunk))),
            Err(error) => {
                match error {
                    ErrorCode::Internal(error) => {
                        tracing::error!(request = self.id, error, "a push broke off");
                    }
                    error => tracing::debug!(request = self.id, ?error, "a push broke off"),
                }
                Some(Err(BodyError::Incomplete))
            }
        })
    }
}
