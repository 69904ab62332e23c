//! Between others: behind a real nginx, and in front of an upstream.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod behind_nginx;
mod fallback;
