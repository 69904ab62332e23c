//! How much of a push's head is read.

/// The most that a head may hold.
///
/// A head that exceeds any of these is refused at once, with [`HeadError`](super::HeadError);
/// waiting cannot help. A head is held in memory until its push has been decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes up to and including the last flush-pkt of the head, all pkt-line lengths counted.
    pub head_bytes: usize,
    /// Ref updates, at about 150 bytes of memory each and their names.
    pub ref_updates: usize,
    /// Shallow lines, at 33 bytes of memory each.
    pub shallow: usize,
    /// Push options. They become environment variables of hooks where there are any.
    pub push_options: usize,
    /// Bytes of one ref name. A longer one is no path that a file system takes, and a report on it
    /// would not fit into a pkt-line.
    pub ref_name_bytes: usize,
}

impl Default for HeadLimits {
    /// Wide enough for `git push --mirror` of a repository with 200,000 refs.
    fn default() -> Self {
        Self {
            head_bytes: 32 << 20,
            ref_updates: 200_000,
            shallow: 100_000,
            push_options: 1_000,
            ref_name_bytes: 4_096,
        }
    }
}
