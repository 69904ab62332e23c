//! Tells the observer of a push, by what the service reports of it.
//!
//! The report is read as the response passes by. Its end is held back until the observer has the
//! event, so that no client takes a push for done of which nobody has been told; messages for the
//! person are not held back. If nobody is interested the response is not read at all.
//!
//! The push is announced before the service has it: if this instance ends in the middle, the observer
//! knows what may have been moved.

use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gitwasi_wire::receive_pack::{self, Head, ReportError, ReportParser, ReportProgress};
use wit_bindgen::{StreamReader, StreamResult, StreamWriter, spawn_local};

use crate::authorize::{Authorized, Write};
use crate::bindings::gitwasi::git::observer::{self, PushEvent};
use crate::bindings::gitwasi::git::repositories::Repository;
use crate::bindings::gitwasi::git::types::{ErrorCode, RefRefusal, RefUpdate};
use crate::bindings::wasi::clocks::monotonic_clock;
use crate::bindings::wasi::random::random;
use crate::bindings::wit_stream;
use crate::body::{CHUNK_BYTES, Fault};
use crate::respond::Body;

/// How long a pusher waits for the observer. Then the push is answered, and the observer goes on
/// alone.
const OBSERVER_PATIENCE: Duration = Duration::from_secs(10);

/// How long a service may take to report on a push whose client has left. Then it is ended, and the
/// event tells what was asked for.
const LEFT_ALONE: Duration = Duration::from_secs(30);

/// A push that somebody wants to be told of.
pub(crate) struct Observation {
    /// The event, without its ref updates.
    event: PushEvent,
    parser: ReportParser,
    reported: Reported,
    /// The refs that the authorizer has refused, sorted: whatever the service says, they have not
    /// been moved.
    refused: Vec<Vec<u8>>,
    /// Knows more than the report does, perhaps.
    repository: Option<Repository>,
}

/// What the service has said of the push.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reported {
    /// Nothing yet, but it will.
    Awaited,
    /// All of its report, and the event is out.
    Whole,
    /// That it failed.
    Failed,
    /// Nothing that can be read, or the client wants no report.
    Nothing,
}

/// Where the response goes, as long as anybody takes it.
struct Client {
    writer: Option<StreamWriter<u8>>,
    left: Option<u64>,
}

impl Observation {
    /// Begins to observe a push, and announces it, if anybody is interested.
    pub(crate) async fn begin(
        authorized: &Authorized<Write>,
        head: Head,
        refusals: &[RefRefusal],
    ) -> Option<Self> {
        if !observer::interested() {
            return None;
        }
        let mut refused: Vec<_> = refusals.iter().map(|refusal| refusal.name.clone()).collect();
        refused.sort_unstable();
        let reports = head.capabilities.report_status || head.capabilities.report_status_v2;
        let event = PushEvent {
            id: format!("{:016x}{:016x}", random::get_random_u64(), random::get_random_u64()),
            repository: authorized.name.as_str().to_owned(),
            requester: authorized.requester.clone(),
            ref_updates: Vec::new(),
            push_options: head.push_options.into_iter().map(Into::into).collect(),
            confirmed: false,
            time: now(),
        };
        let asked: Vec<_> = moving(&head.ref_updates, &refused).map(ref_update).collect();
        if !asked.is_empty() {
            let announced = PushEvent { ref_updates: asked, ..event.clone() };
            let id = &event.id;
            patiently(format!("the push {id} was not announced"), observer::pushing(announced))
                .await;
        }
        Some(Self {
            event,
            parser: ReportParser::new(head.ref_updates, &head.capabilities),
            reported: if reports { Reported::Awaited } else { Reported::Nothing },
            refused,
            repository: None,
        })
    }

    /// The service's response, watched. Its outcome has to be awaited: that moves its bytes.
    pub(crate) fn watch(
        mut self,
        repository: Repository,
        body: Body,
        fault: Fault,
    ) -> (StreamReader<u8>, impl Future<Output = Result<(), ErrorCode>>) {
        self.repository = Some(repository);
        let (writer, contents) = wit_stream::new();
        (contents, self.relay(body, fault, writer))
    }

    /// The service has failed before it answered: it may have been ended just after it had moved
    /// refs, if it had all of the request.
    pub(crate) fn unanswered(self, error: &ErrorCode, fault: &Fault) {
        if fault.arrived_whole() && matches!(error, ErrorCode::Aborted | ErrorCode::Internal(_)) {
            spawn_local(self.tell_unconfirmed());
        } else {
            spawn_local(self.tell_nothing_moved());
        }
    }

    /// Hands the response on, and tells what the report in it says.
    async fn relay(
        mut self,
        (mut contents, outcome): Body,
        fault: Fault,
        writer: StreamWriter<u8>,
    ) -> Result<(), ErrorCode> {
        let mut client = Client { writer: Some(writer), left: None };
        let ended = loop {
            let Some(read) = client.patiently(next(&mut contents)).await else {
                drop(contents);
                break Err(ErrorCode::Aborted);
            };
            let Some(mut chunk) = read else { break outcome.await };
            if self.reported == Reported::Awaited {
                match self.parser.push(&chunk) {
                    Ok(ReportProgress::Incomplete) => {}
                    Ok(ReportProgress::Complete { messages }) => {
                        let held = chunk.split_off(messages);
                        client.write(chunk).await;
                        self.tell_reported().await;
                        chunk = held;
                    }
                    Err(ReportError::Failed) => self.reported = Reported::Failed,
                    Err(_) => self.reported = Reported::Nothing,
                }
            }
            client.write(chunk).await;
        };
        // A service that had not all of the request, or says that it failed, has moved nothing. (But
        // git's process, if a body breaks off among bytes behind a whole pack: nobody can tell.)
        let open = matches!(self.reported, Reported::Awaited | Reported::Nothing);
        if open && (ended.is_ok() || fault.arrived_whole()) {
            self.tell_unconfirmed().await;
        } else if self.reported != Reported::Whole {
            self.tell_nothing_moved().await;
        }
        ended
    }

    async fn tell_reported(&mut self) {
        self.reported = Reported::Whole;
        let made = match self.repository.as_ref().and_then(Repository::moved) {
            Some(moved) => moved.into_iter().filter(|one| one.old_oid != one.new_oid).collect(),
            None => self.parser.take_made().iter().map(ref_update).collect(),
        };
        let event = PushEvent { confirmed: true, ..self.event.clone() };
        tell(event, made).await;
    }

    async fn tell_unconfirmed(self) {
        let commands = self.parser.into_commands();
        let asked = moving(&commands, &self.refused).map(ref_update).collect();
        tell(self.event, asked).await;
    }

    async fn tell_nothing_moved(self) {
        tell(self.event, Vec::new()).await;
    }
}

impl Client {
    async fn write(&mut self, chunk: Vec<u8>) {
        if let Some(writer) = &mut self.writer
            && !chunk.is_empty()
            && !writer.write_all(chunk).await.is_empty()
        {
            self.writer = None;
            self.left = Some(monotonic_clock::now());
        }
    }

    /// What `read` brings; none if the client has left for too long.
    async fn patiently<T>(&self, read: impl Future<Output = T>) -> Option<T> {
        let Some(left) = self.left else { return Some(read.await) };
        let gone = Duration::from_nanos(monotonic_clock::now().saturating_sub(left));
        within(LEFT_ALONE.saturating_sub(gone), pin!(read)).await
    }
}

/// The next bytes of a response, none at its end.
async fn next(contents: &mut StreamReader<u8>) -> Option<Vec<u8>> {
    let (result, chunk) = contents.read(Vec::with_capacity(CHUNK_BYTES)).await;
    match result {
        StreamResult::Complete(_) => Some(chunk),
        StreamResult::Dropped | StreamResult::Cancelled => None,
    }
}

/// Those of `updates` that may move a ref.
fn moving<'a>(
    updates: &'a [receive_pack::RefUpdate],
    refused: &'a [Vec<u8>],
) -> impl Iterator<Item = &'a receive_pack::RefUpdate> {
    updates.iter().filter(|update| {
        let is_refused = refused.binary_search_by(|name| name[..].cmp(&update.name)).is_ok();
        update.old_oid != update.new_oid && !is_refused
    })
}

fn ref_update(update: &receive_pack::RefUpdate) -> RefUpdate {
    RefUpdate {
        name: update.name.to_vec(),
        old_oid: update.old_oid.to_string(),
        new_oid: update.new_oid.to_string(),
    }
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// Tells the observer which refs have moved, or that none has.
async fn tell(mut event: PushEvent, moved: Vec<RefUpdate>) {
    let id = event.id.clone();
    let failure = format!("the observer was not told of the push {id}");
    if moved.is_empty() {
        patiently(failure, observer::not_pushed(id)).await;
    } else {
        event.ref_updates = moved;
        event.time = now();
        patiently(failure, observer::pushed(event)).await;
    }
}

/// Waits for the observer as long as a pusher may be kept waiting. Then it goes on alone.
async fn patiently(
    failure: String,
    telling: impl Future<Output = Result<(), ErrorCode>> + 'static,
) {
    let late = format!("{failure} in time; the push goes on");
    let mut told = Box::pin(async move {
        if let Err(error) = telling.await {
            eprintln!("{failure}: {error:?}");
        }
    });
    if within(OBSERVER_PATIENCE, told.as_mut()).await.is_none() {
        eprintln!("{late}");
        spawn_local(told);
    }
}

/// What `future` brings if it does within `limit`.
async fn within<F: Future>(limit: Duration, mut future: Pin<&mut F>) -> Option<F::Output> {
    let nanoseconds = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
    let mut timer = pin!(monotonic_clock::wait_for(nanoseconds));
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => timer.as_mut().poll(context).map(|()| None),
    })
    .await
}
