//! The lines of a response in versions 0 and 1, before the pack.
//!
//! Spec: gitprotocol-pack(5), "Packfile Negotiation"

use crate::Oid;
use crate::pkt_line;

/// What an acknowledgment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ack {
    /// Nothing more: the first common object without `multi_ack`, and the last one before the pack.
    Final,
    /// `continue`, with `multi_ack`.
    Continue,
    /// `common`, with `multi_ack_detailed`.
    Common,
    /// `ready`, with `multi_ack_detailed`.
    Ready,
}

/// Appends `ACK <oid>`.
pub fn ack(oid: Oid, ack: Ack, out: &mut Vec<u8>) {
    let suffix: &[u8] = match ack {
        Ack::Final => b"\n",
        Ack::Continue => b" continue\n",
        Ack::Common => b" common\n",
        Ack::Ready => b" ready\n",
    };
    line(b"ACK ", oid, suffix, out);
}

/// Appends `NAK`.
pub fn nak(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0008NAK\n");
}

/// Appends `shallow <oid>`: the client's history ends here now.
pub fn shallow(oid: Oid, out: &mut Vec<u8>) {
    line(b"shallow ", oid, b"", out);
}

/// Appends `unshallow <oid>`: the client's history no longer ends here.
pub fn unshallow(oid: Oid, out: &mut Vec<u8>) {
    line(b"unshallow ", oid, b"", out);
}

/// Ends the shallow lines, which are there, if only this flush-pkt of them, whenever the client
/// mentioned depth.
pub fn end_of_shallow(out: &mut Vec<u8>) {
    pkt_line::flush(out);
}

fn line(prefix: &[u8], oid: Oid, suffix: &[u8], out: &mut Vec<u8>) {
    let len = 4 + prefix.len() + oid.object_format().hex_len() + suffix.len();
    out.extend_from_slice(&pkt_line::header(len));
    out.extend_from_slice(prefix);
    oid.write_hex(out);
    out.extend_from_slice(suffix);
}
