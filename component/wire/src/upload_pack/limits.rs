//! How much of a fetch is read.

/// The most that a request to `git-upload-pack` may hold.
///
/// A request that exceeds any of these, [`ref_prefixes`](Self::ref_prefixes) apart, is refused at
/// once with a [`RequestError`](super::RequestError); waiting cannot help. A request is held in
/// memory until it has been answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Bytes of the whole request, inflated, all pkt-line lengths counted.
    pub request_bytes: usize,
    /// Wants, and refs wanted by name, repeated ones counted. At 33 bytes of memory each, and a
    /// look-up.
    pub wants: usize,
    /// Haves of one request, at 33 bytes of memory each, and a look-up. git sends at most 16,384
    /// over HTTP, and all common ones again with each.
    pub haves: usize,
    /// Commits at which the client's history ends, at 33 bytes of memory each.
    pub shallow: usize,
    /// Refs that cut the history; each costs a walk.
    pub deepen_not: usize,
    /// Ref prefixes. As many as this mean the same as none: all refs, as with git, whose limit this
    /// is.
    pub ref_prefixes: usize,
    /// Oids of an `object-info` command, at 33 bytes of memory each, and a look-up.
    pub object_info: usize,
    /// Server options of version 2.
    pub server_options: usize,
}

impl Default for RequestLimits {
    /// Wide enough to clone a repository with 500,000 refs.
    fn default() -> Self {
        Self {
            request_bytes: 64 << 20,
            wants: 500_000,
            haves: 500_000,
            shallow: 100_000,
            deepen_not: 1_000,
            ref_prefixes: 65_536,
            object_info: 100_000,
            server_options: 1_000,
        }
    }
}
