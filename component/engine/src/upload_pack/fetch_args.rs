//! What a client asks for when it fetches, in either version.

use bstr::{BString, ByteSlice};
use gitwasi_wire::Oid;
use gitwasi_wire::side_band::SideBand;

use super::Filter;
use super::request::malformed;
use crate::refs::Resolved;
use crate::storage::Storage;
use crate::{Repository, Result};

/// The arguments of a fetch.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)]
pub(super) struct FetchArgs {
    pub(super) wants: Vec<Oid>,
    pub(super) wanted_refs: Vec<(BString, Oid)>,
    pub(super) haves: Vec<Oid>,
    pub(super) shallow: Vec<Oid>,
    pub(super) depth: Option<u32>,
    pub(super) deepen_relative: bool,
    pub(super) deepen_since: Option<u64>,
    pub(super) deepen_not: Vec<Oid>,
    pub(super) filter: Filter,
    pub(super) thin: bool,
    pub(super) ofs_delta: bool,
    pub(super) no_progress: bool,
    pub(super) include_tag: bool,
    pub(super) done: bool,
    pub(super) wait_for_done: bool,
    pub(super) side_band: Option<SideBand>,
}

impl FetchArgs {
    /// Whether history is to be cut somewhere else than where the client has it cut.
    pub(super) fn deepens(&self) -> bool {
        self.depth.is_some() || self.deepen_since.is_some() || !self.deepen_not.is_empty()
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.depth.is_some() && (self.deepen_since.is_some() || !self.deepen_not.is_empty()) {
            return Err(malformed(
                "deepen and deepen-since (or deepen-not) cannot be used together",
            ));
        }
        Ok(())
    }

    /// Takes a line that both versions have; false if it is none.
    pub(super) async fn shared<S: Storage>(
        &mut self,
        line: &[u8],
        repository: &Repository<S>,
    ) -> Result<bool> {
        if let Some(hex) = line.strip_prefix(b"shallow ") {
            self.shallow.push(oid(hex, "invalid shallow line", repository)?);
        } else if let Some(depth) = line.strip_prefix(b"deepen ") {
            let depth = number(depth).filter(|depth| *depth > 0);
            let depth = depth.ok_or_else(|| malformed("Invalid deepen"))?;
            self.depth = Some(u32::try_from(depth).unwrap_or(crate::walk::depth::INFINITE));
        } else if let Some(since) = line.strip_prefix(b"deepen-since ") {
            let since = number(since).filter(|since| *since > 0);
            self.deepen_since = Some(since.ok_or_else(|| malformed("Invalid deepen-since"))?);
        } else if let Some(name) = line.strip_prefix(b"deepen-not ") {
            self.deepen_not.push(expand_ref(repository, name).await?);
        } else if let Some(spec) = line.strip_prefix(b"filter ")
            && repository.config().allow_filter
        {
            self.filter = Filter::parse(spec, repository.config())?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

/// Parses the oid of a line.
pub(super) fn oid<S: Storage>(hex: &[u8], what: &str, repository: &Repository<S>) -> Result<Oid> {
    let format = repository.object_format();
    Oid::from_hex(hex)
        .filter(|oid| oid.object_format() == format)
        .ok_or_else(|| malformed(&format!("{what}: {}", hex.as_bstr())))
}

fn number(text: &[u8]) -> Option<u64> {
    str::from_utf8(text).ok()?.parse().ok()
}

/// Finds the one ref that a short name means.
async fn expand_ref<S: Storage>(repository: &Repository<S>, name: &[u8]) -> Result<Oid> {
    let mut found = Vec::new();
    for (before, after) in [
        ("", ""),
        ("refs/", ""),
        ("refs/tags/", ""),
        ("refs/heads/", ""),
        ("refs/remotes/", ""),
        ("refs/remotes/", "/HEAD"),
    ] {
        let full = [before.as_bytes(), name, after.as_bytes()].concat();
        if let Some(Resolved::Ref(found_ref)) = repository.resolve_ref(full.as_bstr()).await? {
            found.push(found_ref.oid);
        }
    }
    match found[..] {
        [oid] => Ok(oid),
        _ => Err(malformed(&format!("ambiguous deepen-not: {}", name.as_bstr()))),
    }
}
