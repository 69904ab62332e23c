//! The limits of one git process. Each process of a request has them for itself; none is waited
//! for: a process that exceeds one fails, and with it the request.

/// What one process may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessLimits {
    /// Open files. git keeps every pack of a repository open, a few hundred in a neglected one;
    /// beyond the limit it closes some and goes on.
    pub open_files: u64,
    /// Processor time, in seconds, over all threads. A runaway delta search is killed (SIGKILL);
    /// the largest repositories need some minutes to repack.
    pub cpu_seconds: u64,
    /// The largest file that may be written, in bytes: the pack of one push. SIGXFSZ beyond.
    pub file_size: u64,
    /// Private memory (heap, anonymous mappings), in bytes; mapped packs do not count. git dies
    /// with "out of memory" beyond. Counting the objects of the largest public repositories takes
    /// about 4 GiB.
    pub memory: u64,
    /// Address space, in bytes: `memory` and everything mapped. git maps the packs it reads
    /// whole, so this must be larger than any repository. `None` is no limit.
    pub address_space: Option<u64>,
}

impl Default for ProcessLimits {
    fn default() -> ProcessLimits {
        ProcessLimits {
            open_files: 4096,
            cpu_seconds: 60 * 60,
            file_size: 64 << 30,
            memory: 8 << 30,
            address_space: Some(512 << 30),
        }
    }
}
