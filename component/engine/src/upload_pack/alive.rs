//! Signs of life while objects are selected: progress, or else keep-alives.
//!
//! A proxy gives up after a minute or so of silence, and a person earlier.
//!
//! Spec: git-config(1), "uploadpack.keepAlive"

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use gitwasi_wire::side_band::{Band, KEEP_ALIVE, SideBand, encode};

use super::output::{Output, Response};
use crate::Result;
use crate::storage::Storage;

/// How often progress is told, at most.
const BETWEEN_PROGRESS: Duration = Duration::from_millis(500);

/// What is told, and when.
#[derive(Debug)]
pub(super) struct Signs<'s, S: Storage> {
    /// Has the clock.
    pub(super) storage: &'s S,
    /// Without one, nothing can be told.
    pub(super) side_band: Option<SideBand>,
    /// How many objects were looked at, if progress is to be told.
    pub(super) progress: Option<Rc<Cell<u64>>>,
    /// Silence after which a keep-alive is sent; `None` for never.
    pub(super) keep_alive: Option<Duration>,
}

impl<S: Storage> Signs<'_, S> {
    /// Does `work`, and gives signs of life in the meantime: whenever the work lets other tasks
    /// run and something is due.
    ///
    /// # Cancel safety
    /// As safe to drop as `work`.
    pub(super) async fn during<T>(
        &self,
        response: &mut Response<'_, impl Output>,
        work: impl Future<Output = T>,
    ) -> Result<T> {
        let mut work = pin!(work);
        let mut last = Last { at: self.storage.now(), count: 0 };
        loop {
            let done = poll_fn(|context| match work.as_mut().poll(context) {
                Poll::Ready(done) => Poll::Ready(Some(done)),
                Poll::Pending if self.due(&last).is_some() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            });
            if let Some(done) = done.await {
                return Ok(done);
            }
            if let Some((side_band, sign)) = self.due(&last) {
                match sign {
                    Sign::Progress(count) => {
                        let text = format!("Enumerating objects: {count}\r");
                        encode(side_band, Band::Progress, text.as_bytes(), response.buffer());
                        last.count = count;
                    }
                    Sign::KeepAlive => response.buffer().extend_from_slice(KEEP_ALIVE),
                }
                response.flush().await?;
                last.at = self.storage.now();
            }
        }
    }

    fn due(&self, last: &Last) -> Option<(SideBand, Sign)> {
        let side_band = self.side_band?;
        let silence = self.storage.now().saturating_sub(last.at);
        let count = self.progress.as_ref().map_or(0, |count| count.get());
        if silence >= BETWEEN_PROGRESS && count > last.count {
            return Some((side_band, Sign::Progress(count)));
        }
        let keep_alive = self.keep_alive?;
        (silence >= keep_alive).then_some((side_band, Sign::KeepAlive))
    }
}

/// What was told last.
#[derive(Debug)]
struct Last {
    at: Duration,
    count: u64,
}

#[derive(Debug)]
enum Sign {
    Progress(u64),
    KeepAlive,
}
