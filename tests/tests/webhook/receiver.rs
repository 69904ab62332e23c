//! The server that is told: it keeps what it gets, and answers as the test wants.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use e2e::upstream::Upstream;
use serde_json::Value;

/// How long an event is waited for: longer than some repetitions take.
const PATIENCE: Duration = Duration::from_secs(60);

/// One request that the receiver got.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Receiver {
    upstream: Upstream,
    deliveries: Mutex<mpsc::Receiver<Delivery>>,
}

impl Receiver {
    /// Starts a receiver; `status` answers the request of a number, which begins with 0.
    pub(crate) fn start(status: impl Fn(usize) -> u16 + Send + Sync + 'static) -> Self {
        Self::at(([127, 0, 0, 1], 0).into(), status)
    }

    /// Starts a receiver at an address.
    pub(crate) fn at(
        address: SocketAddr,
        status: impl Fn(usize) -> u16 + Send + Sync + 'static,
    ) -> Self {
        let (sender, deliveries) = mpsc::channel();
        let count = AtomicUsize::new(0);
        let upstream = Upstream::at(address, move |head, mut connection| {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().ok())?
            });
            let length = length.expect("a request with a length");
            let mut body = Vec::new();
            while body.len() < length {
                match connection.read_some(length - body.len()) {
                    Ok(more) if !more.is_empty() => body.extend(more),
                    _ => return,
                }
            }
            let status = status(count.fetch_add(1, Ordering::Relaxed));
            let _ = sender.send(Delivery { head, body });
            let answer = format!(
                "HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let _ = connection.send(answer.as_bytes());
        });
        Self { upstream, deliveries: Mutex::new(deliveries) }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/hooks/git?x=1", self.upstream.url())
    }

    /// The next request.
    #[track_caller]
    pub(crate) fn delivery(&self) -> Delivery {
        self.within(PATIENCE).expect("an event in time")
    }

    /// The event in the next request.
    #[track_caller]
    pub(crate) fn event(&self) -> Value {
        self.delivery().event()
    }

    /// The next request, if there is one in time.
    pub(crate) fn within(&self, time: Duration) -> Option<Delivery> {
        let deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        match deliveries.recv_timeout(time) {
            Ok(delivery) => Some(delivery),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("the receiver has ended"),
        }
    }
}

impl Delivery {
    #[track_caller]
    pub(crate) fn event(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// The refs of an event.
pub(crate) fn refs(event: &Value) -> Vec<&str> {
    let updates = event["ref_updates"].as_array().expect("ref updates");
    updates.iter().map(|update| update["ref"].as_str().expect("a ref")).collect()
}

/// An address on which nobody listens, until somebody does.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address")
}
