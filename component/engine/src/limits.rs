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
    /// Object directories whose packs stay open between requests. Forgets.
    pub open_directories: usize,
    /// Packs that stay open between requests, at up to four files each. Past it every pack that
    /// no request uses is closed when the next one begins. Forgets.
    pub open_packs: usize,
    /// Bytes of tables kept between requests with packs that stay open: the order of a pack
    /// without a `.rev`, the list of bitmaps without a lookup table. Past it every pack is closed
    /// when the next request begins. Forgets.
    pub kept_tables: usize,
    /// Repositories whose configuration is remembered between requests. Forgets.
    pub known_repositories: usize,
    /// Entries of one directory.
    pub directory_entries: usize,
    /// Bytes of a small file that is read whole: `config`, `HEAD`, a loose ref, `alternates`.
    pub small_file: u64,
    /// Alternates behind alternates. Git stops at 5.
    pub alternates_depth: usize,
    /// Refs of one repository.
    pub refs: usize,
    /// Bytes of a `packed-refs` that is not sorted, which has to be sorted in memory.
    pub unsorted_refs: u64,
    /// Nesting of directories below `refs/`.
    pub ref_depth: usize,
    /// Symbolic refs that point to one another. Git stops at 5.
    pub symref_depth: usize,
    /// Tags that point to tags when an annotated tag is peeled.
    pub tag_depth: usize,
    /// Objects one request selects or excludes, loose ones and commits in negotiation: what is
    /// kept per object is a bit when it is packed, and about 100 bytes otherwise.
    pub unpacked_objects: usize,
    /// Bytes of one request after its content coding was removed.
    pub request: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            block_cache: 16 << 20,
            base_cache: 8 << 20,
            object_size: 64 << 20,
            delta_depth: 4096,
            packs: 4096,
            open_directories: 64,
            open_packs: 128,
            kept_tables: 4 << 20,
            known_repositories: 1024,
            directory_entries: 1 << 20,
            small_file: 1 << 20,
            alternates_depth: 5,
            refs: 1 << 20,
            unsorted_refs: 16 << 20,
            ref_depth: 64,
            symref_depth: 5,
            tag_depth: 100,
            unpacked_objects: 4 << 20,
            request: 32 << 20,
        }
    }
}
