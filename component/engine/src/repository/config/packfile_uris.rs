//! `uploadpack.blobPackfileUri`: objects that lie in packs elsewhere.
//!
//! Spec: gitprotocol-v2(5), "packfile-uris"

use std::collections::BTreeMap;

use bstr::BString;
use gitwasi_wire::{ObjectFormat, Oid};

use super::value::Entry;
use crate::{Error, Result};

/// All of a configuration's `uploadpack.blobPackfileUri`.
#[derive(Debug, Clone, Default)]
pub(crate) struct PackfileUris {
    advertised: bool,
    malformed: bool,
    elsewhere: BTreeMap<Oid, Elsewhere>,
}

/// Where to fetch a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    /// The pack's hash, which the client checks.
    pub(crate) pack: Oid,
    pub(crate) uri: BString,
}

impl PackfileUris {
    pub(super) fn take(&mut self, entry: &Entry, format: ObjectFormat) {
        self.advertised |= entry.value.is_some();
        let parsed = entry.value.as_ref().and_then(|value| parse(value, format));
        self.malformed |= parsed
            .is_none_or(|(object, elsewhere)| self.elsewhere.insert(object, elsewhere).is_some());
    }

    /// Whether `packfile-uris` is advertised.
    pub(crate) fn are_advertised(&self) -> bool {
        self.advertised
    }

    /// The packs by the objects that are in them.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if an entry is not of the form `<object-hash> <pack-hash> <uri>`, or two
    /// are of one object. Git notices when it makes a pack, so that refs can be listed still.
    pub(crate) fn elsewhere(&self) -> Result<&BTreeMap<Oid, Elsewhere>> {
        if self.malformed {
            return Err(Error::corrupt("uploadpack.blobPackfileUri"));
        }
        Ok(&self.elsewhere)
    }
}

fn parse(value: &[u8], format: ObjectFormat) -> Option<(Oid, Elsewhere)> {
    let mut parts = value.splitn(3, |byte| *byte == b' ');
    let mut oid = || Oid::from_hex(parts.next()?).filter(|oid| oid.object_format() == format);
    let (object, pack) = (oid()?, oid()?);
    Some((object, Elsewhere { pack, uri: parts.next()?.into() }))
}
