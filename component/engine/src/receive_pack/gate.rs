//! Who decides on a push before its pack is read.

use bstr::BString;
use gitwasi_wire::receive_pack::RefUpdate;

use crate::Result;

/// What a client wants to do, typed.
#[derive(Debug, Clone, Copy)]
pub struct Push<'a> {
    /// The ref updates, in the client's order. Names are as the client sent them.
    pub ref_updates: &'a [RefUpdate],
    /// The push options, in the client's order.
    pub push_options: &'a [BString],
    /// Whether the client asked for all or nothing.
    pub atomic: bool,
}

/// Decides on pushes.
pub trait Gate {
    /// One entry for each ref update, in their order: `None` to allow it, or the reason why it is
    /// refused, which the pusher sees behind the ref's name. What is missing counts as refused.
    ///
    /// # Errors
    /// Ends the push; nothing has been read of the pack yet.
    async fn decide(&mut self, push: Push<'_>) -> Result<Vec<Option<String>>>;

    /// Takes note of the ref updates that were made, before the report on them goes out. Not called
    /// if none was to be made.
    fn made(&mut self, ref_updates: &[RefUpdate]) {
        _ = ref_updates;
    }
}

/// Lets everything pass that the repository's configuration does not refuse.
#[derive(Debug, Clone, Copy)]
pub struct AcceptAll;

impl Gate for AcceptAll {
    async fn decide(&mut self, push: Push<'_>) -> Result<Vec<Option<String>>> {
        Ok(vec![None; push.ref_updates.len()])
    }
}
