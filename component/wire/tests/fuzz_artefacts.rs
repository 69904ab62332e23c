//! The fuzz targets of messages, without a fuzzer.

#[path = "../../../fuzz/entry/wire.rs"]
mod entry;
#[path = "../../../fuzz/replay.rs"]
mod replay;

replay::targets! { "wire.rs":
    filter,
    pkt_line,
    receive_pack_head,
    receive_pack_report,
    v0_request,
    v2_request,
}
