//! The fuzz targets of reading, without a fuzzer.

#[path = "../../../fuzz/entry/engine.rs"]
mod entry;
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[test]
fn nothing_is_wrong_with_the_files_that_are_replaced() {
    let errors = entry::whole();
    assert!(errors.is_empty(), "{errors:?}");
}

replay::targets! { "engine.rs":
    bitmap,
    commit_graph,
    config,
    delta,
    idx,
    multi_pack_index,
    pack_entry,
    packed_refs,
    reftable,
}
