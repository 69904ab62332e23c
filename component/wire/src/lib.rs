//! Git's wire messages: bytes to messages and back.
//!
//! Sans-IO: nothing here reads, writes, waits or knows HTTP or WASI. A parser is fed bytes and
//! answers with a message or with "more bytes, please"; a writer appends to a `Vec<u8>`.
//! Everything that comes in is a client's and trusted with nothing: nothing panics, and nothing
//! allocates by a number that was sent.
//!
//! Where git and its documents differ, git decides; where we are stricter than git on purpose,
//! the item has a `Deviation` heading.
//!
//! Spec: gitprotocol-common(5), gitprotocol-pack(5), gitprotocol-v2(5), gitprotocol-http(5)

#![forbid(unsafe_code)]

mod capability_list;
mod fault;
pub mod info_refs;
mod object_format;
mod oid;
pub mod pkt_line;
mod protocol_version;
mod quoted;
pub mod receive_pack;
mod ref_advertisement;
mod service;
pub mod side_band;
pub mod upload_pack;

pub use bstr;
pub use fault::Fault;
pub use object_format::ObjectFormat;
pub use oid::Oid;
pub use protocol_version::ProtocolVersion;
pub use quoted::Quoted;
pub use ref_advertisement::RefAdvertisement;
pub use service::Service;
