//! Every bound of the engine, in one struct.

/// The bounds an [`crate::Engine`] works within.
///
/// Hitting one refuses the request with [`crate::Error::LimitExceeded`], except for the caches,
/// which forget instead. No request waits on any of them.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of file blocks kept, for the whole instance. Forgets the least recently used.
    pub block_cache: usize,
    /// Bytes of inflated objects kept as likely delta bases, for the whole instance. Forgets.
    pub base_cache: usize,
    /// Bytes of one object that has to be in memory: commits, tags and trees that are parsed,
    /// and deltas' bases and results. Whole blobs that are streamed are not bound by it.
    pub object_size: u64,
    /// Deltas on top of one another. Git makes at most 4095.
    pub delta_depth: usize,
    /// Packs of one repository, those of its alternates included.
    pub packs: usize,
    /// Entries of one directory.
    pub directory_entries: usize,
    /// Bytes of a small file that is read whole: `config`, `HEAD`, a loose ref, `alternates`.
    pub small_file: u64,
    /// Alternates behind alternates. Git stops at 5.
    pub alternates_depth: usize,
    /// Refs of one repository.
    pub refs: usize,
    /// Nesting of directories below `refs/`.
    pub ref_depth: usize,
    /// Symbolic refs that point to one another. Git stops at 5.
    pub symref_depth: usize,
    /// Tags that point to tags when an annotated tag is peeled.
    pub tag_depth: usize,
    /// Objects one request selects or excludes, loose ones and commits in negotiation: what is
    /// kept per object is a bit when it is packed, and about 100 bytes otherwise.
    pub unpacked_objects: usize,
    /// Patterns of a sparse-checkout specification, each asked about each path.
    pub sparse_patterns: usize,
    /// Bytes of a path in a tree, where paths are built: a tree within itself has no end.
    pub path_length: usize,
    /// Bytes of one request after its content coding was removed. What it asks for is bounded
    /// besides by `gitwasi_wire::upload_pack::RequestLimits`.
    pub request: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            block_cache: 48 << 20,
            base_cache: 24 << 20,
            object_size: 64 << 20,
            delta_depth: 4096,
            packs: 4096,
            directory_entries: 1 << 20,
            small_file: 1 << 20,
            alternates_depth: 5,
            refs: 1 << 20,
            ref_depth: 64,
            symref_depth: 5,
            tag_depth: 100,
            unpacked_objects: 4 << 20,
            sparse_patterns: 10_000,
            path_length: 4096,
            request: 32 << 20,
        }
    }
}
