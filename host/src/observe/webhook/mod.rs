//! A web hook: every push is told to an HTTP server, at least once, in order, over restarts.
//!
//! A push is on disk before its service has it, and its event before it is answered. That is delivered by a task per repository that
//! has any, so that one repository's events keep their order.

mod delivery;
mod json;
mod limits;
mod queue;

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gitwasi_runtime::{BoxFuture, ErrorCode, Observer, PushEvent};
use http::Uri;
use http::uri::Scheme;
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};

use delivery::{Attempt, Receiver};
use limits::{DELIVERIES, FIRST_DELAY, MAX_AGE, MAX_DELAY};
use queue::{AppendError, Entry, Lane, OpenError, Queue};

/// Tells an HTTP server of every push. Dropping it stops deliveries; what waits stays queued.
#[derive(Debug)]
pub struct Webhook {
    shared: Arc<Shared>,
    _stop: DropGuard,
}

#[derive(Debug)]
struct Shared {
    queue: Queue,
    receiver: Receiver,
    slots: Semaphore,
    stop: CancellationToken,
}

/// A web hook could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// Its URL is not one.
    #[error("a web hook is http://HOST[:PORT][/PATH], without credentials: {0:?}")]
    Url(String),
    /// Its secret is empty, which anybody could guess.
    #[error("the secret of the web hook is empty")]
    EmptySecret,
    /// Another process has its queue.
    #[error("the queue of the web hook {} is used by another process", .0.display())]
    InUse(PathBuf),
    /// Its queue cannot be read or made.
    #[error("cannot use {} as the queue of the web hook: {source}", path.display())]
    Queue {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Webhook {
    /// Sets up a web hook, and begins to deliver what was left in its queue. Must be called within
    /// a tokio runtime.
    ///
    /// Events go to `url` by POST, signed with HMAC-SHA256 if there is a `secret`. They wait in the
    /// directory `queue`, which this web hook has for itself.
    ///
    /// # Errors
    ///
    /// One clear line each: see [`WebhookError`].
    pub fn open(url: &str, secret: Option<Vec<u8>>, queue: &Path) -> Result<Self, WebhookError> {
        let uri = receiver(url).ok_or_else(|| WebhookError::Url(url.to_owned()))?;
        if secret.as_ref().is_some_and(Vec::is_empty) {
            return Err(WebhookError::EmptySecret);
        }
        let opened = Queue::open(queue).map_err(|error| match error {
            OpenError::InUse => WebhookError::InUse(queue.to_owned()),
            OpenError::Io(source) => WebhookError::Queue { path: queue.to_owned(), source },
        })?;
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            queue: opened,
            receiver: Receiver::new(uri, secret),
            slots: Semaphore::new(DELIVERIES),
            stop: stop.clone(),
        });
        for lane in shared.queue.lanes() {
            Arc::clone(&shared).work(lane);
        }
        Ok(Self { shared, _stop: stop.drop_guard() })
    }
}

impl Observer for Webhook {
    fn pushing(&self, event: PushEvent) -> BoxFuture<'_, Result<(), ErrorCode>> {
        self.on_disk(move |shared| {
            let (id, repository) = (event.id.clone(), &event.repository);
            shared.queue.announce(id, repository, |out| json::write(&event, out))
        })
    }

    fn not_pushed(&self, id: String) -> BoxFuture<'_, Result<(), ErrorCode>> {
        self.on_disk(move |shared| Ok(shared.queue.withdraw(&id)?))
    }

    fn pushed(&self, event: PushEvent) -> BoxFuture<'_, Result<(), ErrorCode>> {
        self.on_disk(move |shared| {
            let repository = &event.repository;
            let (lane, began) = shared
                .queue
                .append(repository, |out| json::write(&event, out))
                .inspect_err(|error| {
                    tracing::error!(event = event.id, repository, %error, "EVENT LOST");
                })?;
            if began {
                Arc::clone(shared).work(lane);
            }
            Ok(shared.queue.withdraw(&event.id)?)
        })
    }
}

impl Webhook {
    /// Does what waits for the disk.
    fn on_disk(
        &self,
        work: impl FnOnce(&Arc<Shared>) -> Result<(), AppendError> + Send + 'static,
    ) -> BoxFuture<'_, Result<(), ErrorCode>> {
        let shared = Arc::clone(&self.shared);
        let done = tokio::task::spawn_blocking(move || work(&shared));
        Box::pin(async {
            let done = done.await.map_err(|error| ErrorCode::Internal(error.to_string()))?;
            done.map_err(|error| match error {
                AppendError::Full => ErrorCode::LimitExceeded("the web hook's queue".to_owned()),
                AppendError::Io(error) => ErrorCode::Internal(error.to_string()),
            })
        })
    }
}

impl Shared {
    /// Delivers the events of a lane until there are none.
    fn work(self: Arc<Self>, lane: Lane) {
        tokio::spawn(async move {
            let stop = self.stop.clone();
            let delivered = async {
                while let Some(entry) = self.queue.first(lane) {
                    self.deliver(entry).await;
                }
            };
            let _ = stop.run_until_cancelled(delivered).await;
        });
    }

    /// Delivers one event, or gives it up.
    async fn deliver(&self, entry: Entry) {
        let path = self.queue.path(&entry);
        let event = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut delay = FIRST_DELAY;
        loop {
            let slot = self.slots.acquire().await;
            let attempt = self.receiver.deliver(path.clone()).await;
            drop(slot);
            let given_up = match attempt {
                Attempt::Delivered => {
                    tracing::info!(event, "told the web hook");
                    if let Err(error) = self.queue.remove(&entry) {
                        tracing::error!(event, %error, "cannot remove an event that is delivered");
                    }
                    return;
                }
                Attempt::Gone => {
                    let _ = self.queue.remove(&entry);
                    return;
                }
                Attempt::Refused(status) => status.to_string(),
                Attempt::Failed(error) if entry.age() > MAX_AGE => error,
                Attempt::Failed(error) => {
                    // Half to one and a half: receivers are not hit by all at once.
                    let pause = delay.mul_f64(0.5 + fastrand::f64());
                    tracing::warn!(event, error, ?pause, "cannot tell the web hook; trying again");
                    tokio::time::sleep(pause).await;
                    delay = (delay * 2).min(MAX_DELAY);
                    continue;
                }
            };
            match self.queue.give_up(&entry) {
                Ok(Some(_)) => tracing::error!(event, given_up, "event put aside in failed/"),
                Ok(None) => tracing::error!(event, given_up, "EVENT LOST: failed/ is full"),
                Err(error) => tracing::error!(event, given_up, %error, "cannot put an event aside"),
            }
            return;
        }
    }
}

/// Where events go.
fn receiver(url: &str) -> Option<Uri> {
    let uri: Uri = url.parse().ok()?;
    let plain = uri.scheme() == Some(&Scheme::HTTP);
    let named = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    (plain && named).then_some(uri)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
