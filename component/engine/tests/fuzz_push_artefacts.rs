//! The fuzz targets of taking packs in, without a fuzzer.

#[path = "../../../fuzz/entry/push.rs"]
mod entry;
#[path = "../../../fuzz/replay.rs"]
mod replay;

replay::targets! { "push.rs":
    fsck_commit,
    fsck_dot_git,
    fsck_tag,
    fsck_tree,
    index_pack,
    pack_delta,
    reftable_push,
}
