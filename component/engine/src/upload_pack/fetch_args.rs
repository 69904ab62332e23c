//! What a client asks for when it fetches, in either version.

use std::collections::HashSet;
use std::rc::Rc;

use bstr::{BStr, BString, ByteSlice};
use gitwasi_wire::Oid;
use gitwasi_wire::side_band::SideBand;
use gitwasi_wire::upload_pack::{self as wire, Depth, v0, v2};

use super::{Filter, malformed};
use crate::refs::{Resolved, is_hidden};
use crate::storage::Storage;
use crate::working_memory::{Leased, Share};
use crate::{Error, Repository, Result};

/// The arguments of a fetch, looked up in the repository.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)]
pub(super) struct FetchArgs {
    /// In the client's order, each once.
    pub(super) wants: Leased<Vec<Oid>>,
    /// Those of the wants that were named by their refs.
    pub(super) wanted_refs: Leased<Vec<(BString, Oid)>>,
    pub(super) shallow: Vec<Oid>,
    pub(super) depth: Option<u32>,
    pub(super) deepen_relative: bool,
    pub(super) deepen_since: Option<u64>,
    pub(super) deepen_not: Vec<Oid>,
    pub(super) filter: Filter,
    pub(super) thin: bool,
    pub(super) ofs_delta: bool,
    pub(super) progress: bool,
    pub(super) include_tag: bool,
    pub(super) side_band: Option<SideBand>,
    /// The request's working memory.
    pub(super) memory: Rc<Share>,
    /// What packs elsewhere may be fetched by.
    pub(super) uri_protocols: Vec<BString>,
}

impl FetchArgs {
    /// Takes the arguments of version 2, but for the haves.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a want that is not here, and as [`Self::v0`].
    pub(super) async fn v2<S: Storage>(
        repository: &Repository<S>,
        fetch: &mut v2::Fetch,
    ) -> Result<Self> {
        let depth = std::mem::take(&mut fetch.depth);
        let mut arguments = Self::depth(repository, depth, fetch.filter.as_ref()).await?;
        let mut wanted = Leased::<HashSet<_>>::new(&repository.memory);
        for want in std::mem::take(&mut fetch.wants) {
            if repository.odb().find(&want).await?.is_none() {
                return Err(malformed(&format!("not our ref {want}")));
            }
            if wanted.insert(want)? {
                arguments.wants.push(want)?;
            }
        }
        for name in std::mem::take(&mut fetch.want_refs) {
            let oid = want_ref(repository, name.as_bstr()).await?;
            if arguments.wanted_refs.iter().any(|(seen, _)| *seen == name) {
                return Err(Error::Malformed(format!("duplicate want-ref {name}")));
            }
            if wanted.insert(oid)? {
                arguments.wants.push(oid)?;
            }
            arguments.wanted_refs.push((name, oid))?;
        }
        Ok(Self {
            shallow: std::mem::take(&mut fetch.shallow),
            thin: fetch.thin_pack,
            ofs_delta: fetch.ofs_delta,
            progress: !fetch.no_progress,
            include_tag: fetch.include_tag,
            side_band: Some(SideBand::Large),
            uri_protocols: std::mem::take(&mut fetch.packfile_uris),
            ..arguments
        })
    }

    /// Takes the arguments of version 0, but for the haves. Whether the wants may be wanted is
    /// not looked at.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a filter that is not allowed, and a `deepen-not` that names no
    /// ref, or several.
    pub(super) async fn v0<S: Storage>(
        repository: &Repository<S>,
        request: &mut v0::Request,
    ) -> Result<Self> {
        let depth = std::mem::take(&mut request.depth);
        let arguments = Self::depth(repository, depth, request.filter.as_ref()).await?;
        let mut wanted = Leased::<HashSet<_>>::new(&repository.memory);
        let mut wants = Leased::<Vec<_>>::new(&repository.memory);
        for want in std::mem::take(&mut request.wants) {
            if wanted.insert(want)? {
                wants.push(want)?;
            }
        }
        let capabilities = &request.capabilities;
        Ok(Self {
            wants,
            shallow: std::mem::take(&mut request.shallow),
            thin: capabilities.thin_pack,
            ofs_delta: capabilities.ofs_delta,
            progress: !capabilities.no_progress && capabilities.side_band.is_some(),
            include_tag: capabilities.include_tag,
            side_band: capabilities.side_band,
            ..arguments
        })
    }

    async fn depth<S: Storage>(
        repository: &Repository<S>,
        depth: Depth,
        filter: Option<&wire::Filter>,
    ) -> Result<Self> {
        let mut deepen_not = Vec::new();
        for name in &depth.not {
            let oid = expand_ref(repository, name.as_bstr()).await?;
            deepen_not.push(oid.ok_or_else(|| {
                Error::Malformed(format!("git upload-pack: ambiguous deepen-not: {name}"))
            })?);
        }
        let filter = match filter {
            Some(filter) => Filter::new(filter, repository.config())?,
            None => Filter::default(),
        };
        Ok(Self {
            wants: Leased::<Vec<_>>::new(&repository.memory),
            wanted_refs: Leased::<Vec<_>>::new(&repository.memory),
            shallow: Vec::new(),
            depth: depth.deepen.map(Into::into),
            deepen_relative: depth.relative,
            deepen_since: depth.since,
            deepen_not,
            filter,
            thin: false,
            ofs_delta: false,
            progress: false,
            include_tag: false,
            side_band: None,
            memory: Rc::clone(&repository.memory),
            uri_protocols: Vec::new(),
        })
    }

    /// Whether history is to be cut somewhere else than where the client has it cut.
    pub(super) fn deepens(&self) -> bool {
        self.depth.is_some() || self.deepen_since.is_some() || !self.deepen_not.is_empty()
    }
}

/// What a ref that is wanted by name is at.
async fn want_ref<S: Storage>(repository: &Repository<S>, name: &BStr) -> Result<Oid> {
    let unknown = || Error::Malformed(format!("unknown ref {name}"));
    if is_hidden(name, &repository.config().hide_refs) {
        return Err(unknown());
    }
    match repository.resolve_ref(name).await? {
        Some(Resolved::Ref(found)) => Ok(found.oid),
        Some(Resolved::Unborn(_)) | None => Err(unknown()),
    }
}

/// Finds the one ref that a short name means; `None` if there is none, or more than one.
pub(super) async fn expand_ref<S: Storage>(
    repository: &Repository<S>,
    name: &BStr,
) -> Result<Option<Oid>> {
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
        [oid] => Ok(Some(oid)),
        _ => Ok(None),
    }
}
