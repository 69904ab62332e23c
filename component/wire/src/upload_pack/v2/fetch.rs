//! The command `fetch`.
//!
//! Spec: gitprotocol-v2(5), "fetch"

use bstr::BString;

use super::Advertisement;
use crate::upload_pack::error::push_limited;
use crate::upload_pack::{Depth, Filter, RequestError, RequestLimits};
use crate::{ObjectFormat, Oid, Quoted};

/// The arguments of `fetch`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fetch {
    /// `want`: objects, in the client's order, some perhaps more than once.
    pub wants: Vec<Oid>,
    /// `want-ref`: refs by their full names, in the client's order. Only if offered. git refuses a
    /// name that is there twice, as `duplicate want-ref <name>`.
    pub want_refs: Vec<BString>,
    /// `have`: what the client has, in its order.
    pub haves: Vec<Oid>,
    /// `done`: the client is tired of negotiation and wants the pack.
    pub done: bool,
    /// `thin-pack`: deltas against objects that the client has are welcome.
    pub thin_pack: bool,
    /// `no-progress`: nothing on band 2, please.
    pub no_progress: bool,
    /// `include-tag`: annotated tags of sent objects are welcome.
    pub include_tag: bool,
    /// `ofs-delta`: deltas that name their base by offset are welcome.
    pub ofs_delta: bool,
    /// `shallow`: commits at which the client's history ends.
    pub shallow: Vec<Oid>,
    /// `deepen` and its like.
    pub depth: Depth,
    /// `filter`. Only if offered.
    pub filter: Option<Filter>,
    /// `sideband-all`: all of the response is in side-band. Only if offered.
    pub sideband_all: bool,
    /// `packfile-uris`: protocols that a pack may be fetched by. Only if offered, and empty without
    /// `sideband_all`, which it needs, as with git.
    pub packfile_uris: Vec<BString>,
    /// `wait-for-done`: no pack before `done`, even if the server is ready.
    pub wait_for_done: bool,
}

impl Fetch {
    pub(super) fn argument(
        &mut self,
        line: &[u8],
        advertised: &Advertisement,
        limits: &RequestLimits,
    ) -> Result<(), RequestError> {
        let format = advertised.object_format;
        match line {
            b"done" => self.done = true,
            b"thin-pack" => self.thin_pack = true,
            b"ofs-delta" => self.ofs_delta = true,
            b"no-progress" => self.no_progress = true,
            b"include-tag" => self.include_tag = true,
            b"deepen-relative" if advertised.shallow => self.depth.relative = true,
            b"wait-for-done" if advertised.wait_for_done => self.wait_for_done = true,
            b"sideband-all" if advertised.sideband_all => self.sideband_all = true,
            _ => {
                if let Some(hex) = line.strip_prefix(b"have ") {
                    let have = oid(hex, format)
                        .ok_or_else(|| RequestError::ExpectedHaveOid(Quoted::new(hex)))?;
                    return push_limited(&mut self.haves, have, limits.haves, "haves");
                }
                if let Some(hex) = line.strip_prefix(b"want ") {
                    let want = oid(hex, format)
                        .ok_or_else(|| RequestError::ExpectedWantOid(Quoted::new(line)))?;
                    return push_limited(&mut self.wants, want, limits.wants, "wants");
                }
                return self.rare_argument(line, advertised, limits);
            }
        }
        Ok(())
    }

    fn rare_argument(
        &mut self,
        line: &[u8],
        advertised: &Advertisement,
        limits: &RequestLimits,
    ) -> Result<(), RequestError> {
        let unexpected = || RequestError::UnexpectedLine(Quoted::new(line));
        if line.contains(&0) {
            return Err(unexpected());
        }
        if advertised.shallow {
            if let Some(hex) = line.strip_prefix(b"shallow ") {
                let shallow = oid(hex, advertised.object_format)
                    .ok_or_else(|| RequestError::InvalidShallow(Quoted::new(line)))?;
                return push_limited(&mut self.shallow, shallow, limits.shallow, "shallow lines");
            }
            if self.depth.line(line, limits)? {
                return Ok(());
            }
        }
        if let Some(spec) = line.strip_prefix(b"filter ").filter(|_| advertised.filter) {
            if self.filter.is_some() {
                return Err(RequestError::SecondFilter);
            }
            self.filter = Some(Filter::parse(spec)?);
            return Ok(());
        }
        if let Some(name) = line.strip_prefix(b"want-ref ").filter(|_| advertised.ref_in_want) {
            return push_limited(&mut self.want_refs, name.into(), limits.wants, "wants");
        }
        if let Some(protocols) =
            line.strip_prefix(b"packfile-uris ").filter(|_| advertised.packfile_uris)
        {
            if !self.packfile_uris.is_empty() {
                return Err(RequestError::SecondPackfileUris);
            }
            self.packfile_uris = protocols.split(|byte| *byte == b',').map(BString::from).collect();
            return Ok(());
        }
        Err(unexpected())
    }

    pub(super) fn end(&mut self) -> Result<(), RequestError> {
        if !self.sideband_all {
            self.packfile_uris.clear();
        }
        self.depth.check()
    }
}

fn oid(hex: &[u8], format: ObjectFormat) -> Option<Oid> {
    Oid::from_hex(hex).filter(|oid| oid.object_format() == format)
}
