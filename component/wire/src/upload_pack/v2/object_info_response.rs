//! The response to `object-info`: its attributes, a line for each object, and a flush-pkt.
//!
//! Spec: gitprotocol-v2(5), "object-info", output

use crate::Oid;
use crate::pkt_line;

/// Appends the line of attributes, if the client asked for any.
pub fn object_info_head(size: bool, out: &mut Vec<u8>) {
    if size {
        out.extend_from_slice(b"0008size");
    }
}

/// Appends one object's line. `size` is `None` if the client did not ask for it; within, `None`
/// stands for an object that is not there, which gets an empty size, as git does.
pub fn object_info(oid: Oid, size: Option<Option<u64>>, out: &mut Vec<u8>) {
    let mut line = Vec::with_capacity(96);
    oid.write_hex(&mut line);
    if let Some(size) = size {
        line.push(b' ');
        if let Some(size) = size {
            line.extend_from_slice(size.to_string().as_bytes());
        }
    }
    out.extend_from_slice(&pkt_line::header(4 + line.len()));
    out.extend_from_slice(&line);
}
