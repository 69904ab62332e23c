//! Every bound of the engine, in one struct.

/// The bounds an [`crate::Engine`] works within.
///
/// Hitting one refuses the request with [`crate::Error::LimitExceeded`], except for the caches,
/// which forget instead. No request waits on any of them, but [`Self::working_memory`] may refuse
/// one that would succeed when others have ended.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of file blocks kept, for the whole instance. Forgets what is not asked for again.
    pub block_cache: usize,
    /// Bytes of inflated objects kept as likely delta bases, for the whole instance. Forgets.
    pub base_cache: usize,
    /// Bytes of what grows with a repository or with what clients send, for the whole instance:
    /// tables of objects, commits and refs, and objects in memory. An instance that runs out of
    /// memory ends all of its requests. A request that alone needs more is refused; one that needs
    /// more than others leave is refused with [`crate::Error::Busy`]. Caches of requests have at most
    /// half of it, and forget instead.
    pub working_memory: usize,
    /// Bytes of one object that has to be in memory: commits, tags and trees that are parsed,
    /// and deltas' bases and results. Blobs that are streamed are not bound by it, but the deltas
    /// that one of them is made of together.
    pub object_size: u64,
    /// Bytes that are kept, while one object of more than [`Self::object_size`] is sent that is
    /// stored as a delta, of the object it builds on. Forgets; what was forgotten is inflated
    /// again.
    pub delta_window: usize,
    /// How often such an object is inflated again. Deltas copy mostly forward.
    pub delta_rewinds: u64,
    /// Instructions of its deltas that are followed for each byte of such an object. Git's copy 16
    /// bytes and more, and it makes 50 deltas on top of one another.
    pub delta_steps: u64,
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
    /// when the next request begins. As many again for files `packed-refs` that had to be sorted.
    /// Forgets.
    pub kept_tables: usize,
    /// Repositories whose configuration is remembered between requests. Forgets.
    pub known_repositories: usize,
    /// Bytes of small files remembered between requests: HEAD, loose refs. Forgets.
    pub remembered_files: usize,
    /// Bytes of listings of directories remembered between requests. Forgets.
    pub remembered_listings: usize,
    /// Files `packed-refs` that stay open between requests. Forgets.
    pub open_packed_refs: usize,
    /// Objects of which it is remembered what they peel to. Forgets.
    pub peeled_objects: usize,
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
    /// kept per object is a bit when it is packed, and about 100 bytes otherwise. By default
    /// [`Self::working_memory`] is hit before.
    pub unpacked_objects: usize,
    /// Objects of one pack that is taken in. About 60 bytes are kept for each, so that by default
    /// [`Self::working_memory`] is hit before.
    pub received_objects: usize,
    /// Bytes of a blob that is taken in up to which it is held in memory while deltas are
    /// resolved. Larger ones go through files of the quarantine.
    pub held_blob: u64,
    /// Bytes of such files at any one time.
    pub spilled: u64,
    /// Bytes of bases and deltas kept while the deltas of one pack are resolved. Forgets.
    pub resolve_cache: usize,
    /// Bytes of loose objects, deflated, of one push that stay in memory until its refs move; what
    /// is more goes to files.
    pub held_objects: usize,
    /// Bytes of a pack that is taken in that stay in memory before there is a file for it.
    pub spool: usize,
    /// Bytes of a pack up to which its objects may become loose ones, however few they are.
    pub unpack_bytes: u64,
    /// Bytes that the objects of one pack may inflate to for each byte of the pack, beyond
    /// [`Self::object_size`]. Deflate itself goes up to about 1,000.
    pub inflation: u64,
    /// Bytes that the deltas of one pack may come to for each byte of the pack, beyond 64 times
    /// [`Self::object_size`]. Large directories are what comes near it.
    pub delta_inflation: u64,
    /// `.gitmodules` and `.gitattributes` blobs that one pack's trees name.
    pub dotgit_blobs: usize,
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
            block_cache: 16 << 20,
            base_cache: 8 << 20,
            working_memory: 160 << 20,
            object_size: 64 << 20,
            delta_window: 16 << 20,
            delta_rewinds: 100,
            delta_steps: 8,
            delta_depth: 4096,
            packs: 4096,
            open_directories: 64,
            open_packs: 128,
            kept_tables: 4 << 20,
            known_repositories: 1024,
            remembered_files: 512 << 10,
            remembered_listings: 512 << 10,
            open_packed_refs: 64,
            peeled_objects: 4096,
            directory_entries: 1 << 20,
            small_file: 1 << 20,
            alternates_depth: 5,
            refs: 1 << 20,
            unsorted_refs: 16 << 20,
            ref_depth: 64,
            symref_depth: 5,
            tag_depth: 100,
            unpacked_objects: 4 << 20,
            received_objects: 16 << 20,
            held_blob: 512 << 10,
            spilled: 8 << 30,
            resolve_cache: 16 << 20,
            held_objects: 512 << 10,
            spool: 256 << 10,
            unpack_bytes: 1 << 20,
            inflation: 200,
            delta_inflation: 5000,
            dotgit_blobs: 1 << 18,
            sparse_patterns: 10_000,
            path_length: 4096,
            request: 32 << 20,
        }
    }
}
