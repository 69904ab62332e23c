//! The response to `fetch`: its sections.
//!
//! Spec: gitprotocol-v2(5), "fetch", output

use bstr::BStr;

use crate::Oid;
use crate::pkt_line::{self, TooLong};

/// Writes the sections of a response to `fetch`.
///
/// To be called in the documents' order: acknowledgments, shallow-info, wanted-refs, packfile-uris,
/// packfile, each at most once. The delim-pkts between them come by themselves. A response without
/// a pack ends after the acknowledgments with [`FetchResponse::end`]; one with a pack ends with the
/// flush-pkt of its side-band.
///
/// # Deviation
///
/// git 2.47 writes wanted-refs before shallow-info, and its own client then gives up, with
/// `expected 'packfile', received 'shallow-info'`.
#[derive(Debug)]
pub struct FetchResponse {
    sideband_all: bool,
    began: bool,
}

impl FetchResponse {
    /// A response with nothing in it yet; `sideband_all` as the client asked.
    pub fn new(sideband_all: bool) -> Self {
        Self { sideband_all, began: false }
    }

    /// Appends the section acknowledgments: `NAK` if `common` is empty, else an `ACK` for each, and
    /// `ready` if a pack follows.
    pub fn acknowledgments(
        &mut self,
        common: impl IntoIterator<Item = Oid>,
        ready: bool,
        out: &mut Vec<u8>,
    ) {
        self.section("acknowledgments", out);
        let mut any = false;
        for oid in common {
            any = true;
            self.oid_line(b"ACK ", oid, b"\n", out);
        }
        if !any {
            self.line(b"NAK\n", out);
        }
        if ready {
            self.line(b"ready\n", out);
        }
    }

    /// Appends the section shallow-info: where the client's history ends now, and where it no
    /// longer does. git sends it, even if empty, whenever the client mentioned depth or is shallow.
    pub fn shallow_info(
        &mut self,
        shallow: impl IntoIterator<Item = Oid>,
        unshallow: impl IntoIterator<Item = Oid>,
        out: &mut Vec<u8>,
    ) {
        self.section("shallow-info", out);
        for oid in shallow {
            self.oid_line(b"shallow ", oid, b"", out);
        }
        for oid in unshallow {
            self.oid_line(b"unshallow ", oid, b"", out);
        }
    }

    /// Appends the section wanted-refs: what the refs that were wanted by name are at.
    ///
    /// # Errors
    ///
    /// A name does not fit into a pkt-line. The response cannot be used.
    pub fn wanted_refs<'a>(
        &mut self,
        refs: impl IntoIterator<Item = (Oid, &'a BStr)>,
        out: &mut Vec<u8>,
    ) -> Result<(), TooLong> {
        self.section("wanted-refs", out);
        for (oid, name) in refs {
            let mut line = self.band().to_vec();
            oid.write_hex(&mut line);
            pkt_line::parts(&[&line, b" ", name, b"\n"], out)?;
        }
        Ok(())
    }

    /// Appends the section packfile-uris: packs to be fetched elsewhere, by their hash.
    ///
    /// # Errors
    ///
    /// A URI does not fit into a pkt-line. The response cannot be used.
    pub fn packfile_uris<'a>(
        &mut self,
        packs: impl IntoIterator<Item = (Oid, &'a BStr)>,
        out: &mut Vec<u8>,
    ) -> Result<(), TooLong> {
        self.section("packfile-uris", out);
        for (hash, uri) in packs {
            let mut line = self.band().to_vec();
            hash.write_hex(&mut line);
            pkt_line::parts(&[&line, b" ", uri, b"\n"], out)?;
        }
        Ok(())
    }

    /// Appends the head of the section packfile. The pack follows in [`side_band`](crate::side_band)
    /// packets of [`SideBand::Large`](crate::side_band::SideBand), then a flush-pkt.
    pub fn packfile(mut self, out: &mut Vec<u8>) {
        self.section("packfile", out);
    }

    /// Ends a response without a pack.
    pub fn end(self, out: &mut Vec<u8>) {
        pkt_line::flush(out);
    }

    fn section(&mut self, name: &str, out: &mut Vec<u8>) {
        if self.began {
            pkt_line::delim(out);
        }
        self.began = true;
        self.line(&[name.as_bytes(), b"\n"].concat(), out);
    }

    fn oid_line(&self, prefix: &[u8], oid: Oid, suffix: &[u8], out: &mut Vec<u8>) {
        let mut line = prefix.to_vec();
        oid.write_hex(&mut line);
        line.extend_from_slice(suffix);
        self.line(&line, out);
    }

    /// A short line of our own.
    fn line(&self, line: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&pkt_line::header(4 + self.band().len() + line.len()));
        out.extend_from_slice(self.band());
        out.extend_from_slice(line);
    }

    fn band(&self) -> &'static [u8] {
        if self.sideband_all { b"\x01" } else { b"" }
    }
}
