//! Who is told of pushes: an embedder's closure, or a web hook.

mod closure;
mod webhook;

pub use closure::Closure;
pub use webhook::{Webhook, WebhookError};
