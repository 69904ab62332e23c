//! What a client fetches elsewhere, by the URIs of packs.
//!
//! Spec: gitprotocol-v2(5), "packfile-uris"
//!
//! # Deviation
//! Git 2.47 leaves out what is loose, and sends what is packed all the same. Each pack is told
//! once, and its hash in lower case, as clients compare it; git repeats a pack for each of its
//! objects, and its client gives up at the second. A URI of several lines, which git sends as
//! several, is not told.

use std::collections::HashSet;

use bstr::{BStr, BString, ByteSlice};
use gitwasi_wire::Oid;

use crate::Result;
use crate::storage::Storage;
use crate::walk::{Selection, Walk};

/// Takes out of a selection what the client can fetch by one of `protocols`; the packs that has
/// to be fetched from, and their URIs.
pub(super) async fn take_out<'r, S: Storage>(
    walk: &mut Walk<'r, S>,
    selection: &mut Selection,
    protocols: &[BString],
) -> Result<Vec<(Oid, &'r BStr)>> {
    let protocols: HashSet<&[u8]> = protocols.iter().map(|protocol| &***protocol).collect();
    let mut told = HashSet::new();
    let mut packs = Vec::new();
    for (object, elsewhere) in walk.repository.config().packfile_uris.elsewhere()? {
        if is_of(&elsewhere.uri, &protocols)
            && let Some(node) = walk.find(object).await?
            && selection.wanted.remove(node)
            && told.insert(elsewhere.pack)
        {
            packs.push((elsewhere.pack, elsewhere.uri.as_bstr()));
        }
    }
    Ok(packs)
}

/// Whether a URI is of one of these protocols, as git compares: to a colon, in the same case.
fn is_of(uri: &[u8], protocols: &HashSet<&[u8]>) -> bool {
    !uri.contains(&b'\n') && uri.find_iter(b":").any(|colon| protocols.contains(&uri[..colon]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_ends_at_a_colon() {
        let is_of = |uri: &[u8], protocol: &[u8]| is_of(uri, &HashSet::from([protocol]));
        assert!(is_of(b"https://a", b"https") && is_of(b"https://a:80/", b"https://a"));
        assert!(is_of(b"://a", b""));
        for (uri, protocol) in [("https://a", "http"), ("https://a", "HTTPS"), ("https", "https")] {
            assert!(!is_of(uri.as_bytes(), protocol.as_bytes()), "{uri}");
        }
        assert!(!is_of(b"https://a\nb", b"https"));
    }
}
