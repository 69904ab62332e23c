//! The advertisement of versions 0 and 1: every ref, and the capabilities behind the first.
//!
//! Spec: gitprotocol-pack(5), "Reference Discovery"; gitprotocol-http(5), "Smart Server Response"

use crate::pkt_line::{self, TooLong};
use crate::{ObjectFormat, Oid, ProtocolVersion};

/// Writes an advertisement, ref by ref.
///
/// For `git-upload-pack` HEAD comes first, if a commit is there, then all refs in the order of
/// their names, each annotated tag followed by what it points to. `git-receive-pack` advertises
/// neither HEAD nor what tags point to.
#[derive(Debug)]
pub struct RefAdvertisement {
    /// The capabilities, until they are written.
    capabilities: Option<Vec<u8>>,
    object_format: ObjectFormat,
}

impl RefAdvertisement {
    /// Begins an advertisement, after the [`service_header`](crate::info_refs::service_header).
    ///
    /// `version` is the one that is spoken. There is no version 2 here: a client that asks
    /// `git-receive-pack` for it gets version 0.
    pub fn new(
        version: ProtocolVersion,
        object_format: ObjectFormat,
        capabilities: Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Self {
        if version == ProtocolVersion::V1 {
            out.extend_from_slice(b"000eversion 1\n");
        }
        Self { capabilities: Some(capabilities), object_format }
    }

    /// Appends a ref.
    ///
    /// # Errors
    ///
    /// The name, or the capabilities with it, do not fit into a pkt-line. Nothing was written.
    pub fn reference(&mut self, oid: Oid, name: &[u8], out: &mut Vec<u8>) -> Result<(), TooLong> {
        self.line(oid, &[name], out)
    }

    /// Appends what the annotated tag that the ref `name` is at points to in the end.
    ///
    /// # Errors
    ///
    /// The name does not fit into a pkt-line. Nothing was written.
    pub fn peeled(&mut self, oid: Oid, name: &[u8], out: &mut Vec<u8>) -> Result<(), TooLong> {
        self.line(oid, &[name, b"^{}"], out)
    }

    /// Ends the advertisement; `shallow` are the commits at which the repository's own history
    /// ends.
    ///
    /// # Errors
    ///
    /// The capabilities of a repository without refs do not fit into a pkt-line.
    pub fn finish(
        mut self,
        shallow: impl IntoIterator<Item = Oid>,
        out: &mut Vec<u8>,
    ) -> Result<(), TooLong> {
        if self.capabilities.is_some() {
            self.line(Oid::zero(self.object_format), &[b"capabilities^{}"], out)?;
        }
        for oid in shallow {
            let mut hex = Vec::with_capacity(64);
            oid.write_hex(&mut hex);
            pkt_line::parts(&[b"shallow ", &hex, b"\n"], out)?;
        }
        pkt_line::flush(out);
        Ok(())
    }

    fn line(&mut self, oid: Oid, name: &[&[u8]], out: &mut Vec<u8>) -> Result<(), TooLong> {
        let mut line = Vec::with_capacity(128);
        oid.write_hex(&mut line);
        line.push(b' ');
        name.iter().for_each(|part| line.extend_from_slice(part));
        if let Some(capabilities) = &self.capabilities {
            line.push(0);
            line.extend_from_slice(capabilities);
        }
        pkt_line::text(&line, out)?;
        self.capabilities = None;
        Ok(())
    }
}
