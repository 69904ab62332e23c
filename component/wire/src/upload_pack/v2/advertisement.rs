//! The capability advertisement: what a server offers, and what it therefore accepts.
//!
//! Spec: gitprotocol-v2(5), "Capability Advertisement"

use bstr::BString;

use crate::ObjectFormat;
use crate::pkt_line::{self, TooLong};

/// What a server offers in version 2.
///
/// A [`RequestParser`](super::RequestParser) refuses what is not offered, as git does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertisement {
    /// `agent`: who serves, without white space.
    pub agent: BString,
    /// `ls-refs=unborn`: where a HEAD without a commit points to is told.
    pub unborn: bool,
    /// `fetch=shallow`.
    pub shallow: bool,
    /// `fetch=wait-for-done`.
    pub wait_for_done: bool,
    /// `fetch=filter`.
    pub filter: bool,
    /// `fetch=ref-in-want`.
    pub ref_in_want: bool,
    /// `fetch=sideband-all`.
    pub sideband_all: bool,
    /// `fetch=packfile-uris`.
    pub packfile_uris: bool,
    /// `server-option`.
    pub server_option: bool,
    /// `object-format`: the repository's.
    pub object_format: ObjectFormat,
    /// `session-id`.
    pub session_id: Option<BString>,
    /// `object-info`.
    pub object_info: bool,
    /// `bundle-uri`.
    pub bundle_uri: bool,
}

impl Advertisement {
    /// What git offers of its own accord.
    pub fn new(agent: impl Into<BString>, object_format: ObjectFormat) -> Self {
        Self {
            agent: agent.into(),
            unborn: true,
            shallow: true,
            wait_for_done: true,
            filter: false,
            ref_in_want: false,
            sideband_all: false,
            packfile_uris: false,
            server_option: true,
            object_format,
            session_id: None,
            object_info: false,
            bundle_uri: false,
        }
    }

    /// Appends the capability advertisement, in git's order, up to and including its flush-pkt.
    ///
    /// # Errors
    ///
    /// The agent or the session id does not fit into a pkt-line.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        pkt_line::text(b"version 2", out)?;
        pkt_line::parts(&[b"agent=", &self.agent, b"\n"], out)?;
        pkt_line::text(if self.unborn { b"ls-refs=unborn" } else { b"ls-refs" }, out)?;
        pkt_line::text(&self.fetch(), out)?;
        if self.server_option {
            pkt_line::text(b"server-option", out)?;
        }
        pkt_line::parts(&[b"object-format=", self.object_format.name().as_bytes(), b"\n"], out)?;
        if let Some(id) = &self.session_id {
            pkt_line::parts(&[b"session-id=", id, b"\n"], out)?;
        }
        if self.object_info {
            pkt_line::text(b"object-info", out)?;
        }
        if self.bundle_uri {
            pkt_line::text(b"bundle-uri", out)?;
        }
        pkt_line::flush(out);
        Ok(())
    }

    fn fetch(&self) -> Vec<u8> {
        let features = [
            (self.shallow, &b"shallow"[..]),
            (self.wait_for_done, b"wait-for-done"),
            (self.filter, b"filter"),
            (self.ref_in_want, b"ref-in-want"),
            (self.sideband_all, b"sideband-all"),
            (self.packfile_uris, b"packfile-uris"),
        ];
        let mut line = b"fetch".to_vec();
        let mut separator = b'=';
        for (_, feature) in features.iter().filter(|(offered, _)| *offered) {
            line.push(separator);
            line.extend_from_slice(feature);
            separator = b' ';
        }
        line
    }
}
