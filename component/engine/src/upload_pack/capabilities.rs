//! What a repository's configuration makes the server advertise, and so accept.
//!
//! Spec: gitprotocol-capabilities(5); gitprotocol-v2(5), "Capabilities"

use bstr::BString;
use gitwasi_wire::upload_pack::{v0, v2};

use super::AGENT;
use crate::Repository;
use crate::repository::LsRefsUnborn;
use crate::storage::Storage;

/// Version 2's capability advertisement.
pub(super) fn v2<S: Storage>(repository: &Repository<S>) -> v2::Advertisement {
    let config = repository.config();
    v2::Advertisement {
        unborn: config.ls_refs_unborn == LsRefsUnborn::Advertise,
        filter: config.allow_filter,
        ref_in_want: config.allow_ref_in_want,
        sideband_all: config.allow_sideband_all,
        packfile_uris: config.packfile_uris.are_advertised(),
        session_id: session_id(repository),
        object_info: config.advertise_object_info,
        bundle_uri: config.advertise_bundle_uris,
        ..v2::Advertisement::new(AGENT, config.object_format)
    }
}

/// What a request of version 2 may ask for: more than is advertised, where a client may have
/// learnt of it elsewhere.
pub(super) fn accepted<S: Storage>(repository: &Repository<S>) -> v2::Advertisement {
    let unborn = repository.config().ls_refs_unborn != LsRefsUnborn::Ignore;
    v2::Advertisement { unborn, ..v2(repository) }
}

/// The capabilities of versions 0 and 1; `head` is what `HEAD` points to, if it is symbolic.
pub(super) fn v0<S: Storage>(repository: &Repository<S>, head: Option<BString>) -> v0::Advertised {
    let config = repository.config();
    v0::Advertised {
        allow_tip_in_want: config.allow_tip_sha1_in_want,
        allow_reachable_in_want: config.allow_reachable_sha1_in_want,
        filter: config.allow_filter,
        symrefs: head.map(|target| ("HEAD".into(), target)).into_iter().collect(),
        session_id: session_id(repository),
        ..v0::Advertised::new(AGENT, config.object_format)
    }
}

fn session_id<S: Storage>(repository: &Repository<S>) -> Option<BString> {
    let id = repository.engine.session_id;
    repository.config().advertise_sid.then(|| format!("gitwasi-{id:016x}").into())
}
