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

use gitwasi_wire::side_band::{Band, SideBand, encode};

use super::output::{Output, Response};
use super::turns::{Turn, Turns};
use crate::Result;
use crate::storage::Storage;

/// How often progress is told, at most.
const BETWEEN_PROGRESS: Duration = Duration::from_millis(500);

/// Milliseconds after which a selection asks again whether it is its turn.
const BETWEEN_LOOKS: u64 = 10;

/// What is told, and when.
#[derive(Debug)]
pub(super) struct Signs<'s, S: Storage> {
    /// Has the clock.
    pub(super) storage: &'s S,
    /// Of the instance's requests.
    pub(super) turns: &'s Turns,
    /// Without one, nothing can be told.
    pub(super) side_band: Option<SideBand>,
    /// How many objects were looked at, if progress is to be told.
    pub(super) progress: Option<Rc<Cell<u64>>>,
    /// Silence after which `keep_alive_packet` is sent; `None` for never.
    pub(super) keep_alive: Option<Duration>,
    pub(super) keep_alive_packet: &'static [u8],
}

/// An empty packet on band 2. Before the section of the pack, one on band 1 would be a line, which
/// no client expects; git 2.47 sends one nevertheless.
pub(super) const KEEP_ALIVE_BEFORE_SECTION: &[u8] = b"0005\x02";

impl<S: Storage> Signs<'_, S> {
    /// Does `work` when it is its turn, and gives signs of life in the meantime: whenever the work
    /// lets other tasks run and something is due.
    ///
    /// # Cancel safety
    /// As safe to drop as `work`.
    pub(super) async fn during<T>(
        &self,
        response: &mut Response<'_, impl Output>,
        work: impl Future<Output = T>,
    ) -> Result<T> {
        let mut work = pin!(work);
        let mut turn = Turn::new(self.turns);
        let mut last = Last { at: self.storage.now(), count: 0 };
        loop {
            if turn.begins() {
                let done = poll_fn(|context| {
                    let began = self.storage.now();
                    let polled = work.as_mut().poll(context);
                    turn.computed(self.storage.now().saturating_sub(began));
                    match polled {
                        Poll::Ready(done) => Poll::Ready(Some(done)),
                        Poll::Pending if !turn.may_go_on() || self.due(&last).is_some() => {
                            Poll::Ready(None)
                        }
                        Poll::Pending => Poll::Pending,
                    }
                });
                if let Some(done) = done.await {
                    return Ok(done);
                }
            } else {
                self.storage.pause(BETWEEN_LOOKS).await;
            }
            if let Some((side_band, sign)) = self.due(&last) {
                match sign {
                    Sign::Progress(count) => {
                        let text = format!("Enumerating objects: {count}\r");
                        encode(side_band, Band::Progress, text.as_bytes(), response.buffer());
                        last.count = count;
                    }
                    Sign::KeepAlive => response.buffer().extend_from_slice(self.keep_alive_packet),
                }
                // A client that does not read holds up nobody else.
                turn.give_up();
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
