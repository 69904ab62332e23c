//! The repository's own configuration, typed.
//!
//! Spec: git-config(1); gitrepository-layout(5), "repository-version"

use bstr::{BString, ByteSlice};
use gitwasi_wire::ObjectFormat;

use crate::storage::Storage;
use crate::{Engine, Error, Result};

/// How refs are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefStorage {
    /// One file per ref, and `packed-refs`.
    Files,
    /// Reftable.
    Reftable,
}

/// `lsrefs.unborn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LsRefsUnborn {
    /// Advertised and done.
    Advertise,
    /// Done for who asks, not advertised.
    Allow,
    /// Neither.
    Ignore,
}

/// What the engine reads of a repository's configuration.
///
/// # Deviation
/// Only the repository's own `config` counts: no system or user configuration, no includes.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)]
pub struct Config {
    /// `extensions.objectFormat`.
    pub object_format: ObjectFormat,
    /// `extensions.refStorage`.
    pub ref_storage: RefStorage,
    /// `transfer.hideRefs` and `uploadpack.hideRefs` in the order of the file.
    pub hide_refs: Vec<BString>,
    /// `lsrefs.unborn`.
    pub ls_refs_unborn: LsRefsUnborn,
    /// `uploadpack.allowTipSHA1InWant`.
    pub allow_tip_sha1_in_want: bool,
    /// `uploadpack.allowReachableSHA1InWant`.
    pub allow_reachable_sha1_in_want: bool,
    /// `uploadpack.allowAnySHA1InWant`.
    pub allow_any_sha1_in_want: bool,
    /// `uploadpack.allowFilter`.
    pub allow_filter: bool,
    /// `uploadpack.allowRefInWant`.
    pub allow_ref_in_want: bool,
    /// `uploadpack.allowSidebandAll`.
    pub allow_sideband_all: bool,
    /// `uploadpackfilter.allow`.
    pub filter_allow: bool,
    /// `uploadpackfilter.<filter>.allow`, lower case names.
    pub filter_choices: Vec<(String, bool)>,
    /// `uploadpackfilter.tree.maxDepth`.
    pub filter_tree_max_depth: Option<u64>,
    /// `transfer.advertiseSID`.
    pub advertise_sid: bool,
    /// `transfer.advertiseObjectInfo`.
    pub advertise_object_info: bool,
    /// `uploadpack.advertiseBundleURIs`.
    pub advertise_bundle_uris: bool,
    /// `uploadpack.blobPackfileUri` is set: `packfile-uris` is advertised.
    pub blob_packfile_uri: bool,
}

impl Config {
    pub(super) async fn read<S: Storage>(engine: &Engine<S>, repository: &str) -> Result<Self> {
        let content = engine.read_small(&format!("{repository}/config")).await?.unwrap_or_default();
        Self::parse(&content)
    }

    /// Parses the content of a `config` file.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when git could not read it either, [`Error::Unsupported`] for a
    /// repository format that this engine does not know.
    pub fn parse(content: &[u8]) -> Result<Self> {
        let bad = |_| Error::corrupt("config");
        let metadata = gix_config::file::Metadata::api();
        let file = gix_config::File::from_bytes_no_includes(
            content,
            metadata,
            gix_config::file::init::Options::default(),
        )
        .map_err(bad)?;
        let flag = |key: &str, default: bool| {
            file.boolean(key).map(|value| value.unwrap_or(default)).map_err(bad)
        };

        let version = file.integer("core.repositoryformatversion").map_err(bad)?.unwrap_or(0);
        if !(0..=1).contains(&version) {
            return Err(Error::Unsupported(format!("repository format version {version}")));
        }
        let (object_format, ref_storage) =
            if version == 1 { extensions(&file)? } else { (ObjectFormat::Sha1, RefStorage::Files) };

        let mut hide_refs = Vec::new();
        let mut filter_choices = Vec::new();
        for section in file.sections() {
            let header = section.header();
            let name = header.name().to_str_lossy().to_ascii_lowercase();
            match (name.as_str(), header.subsection_name()) {
                ("transfer" | "uploadpack", None) => {
                    hide_refs.extend(section.values("hideRefs").into_iter().map(|value| {
                        let value: &[u8] = value.as_ref();
                        BString::from(trim_slashes(value))
                    }));
                }
                ("uploadpackfilter", Some(filter)) => {
                    let filter = filter.to_str_lossy().to_ascii_lowercase();
                    let key = format!("uploadpackfilter.{filter}.allow");
                    if let Some(allow) = file.boolean(key.as_str()).map_err(bad)? {
                        filter_choices.push((filter, allow));
                    }
                }
                _ => {}
            }
        }
        let any = flag("uploadpack.allowAnySHA1InWant", false)?;
        let unborn = file.string("lsrefs.unborn");
        Ok(Self {
            object_format,
            ref_storage,
            hide_refs,
            ls_refs_unborn: match unborn.as_ref().map(|value| value.as_slice()) {
                None | Some(b"advertise") => LsRefsUnborn::Advertise,
                Some(b"allow") => LsRefsUnborn::Allow,
                Some(b"ignore") => LsRefsUnborn::Ignore,
                Some(_) => return Err(Error::corrupt("config: lsrefs.unborn")),
            },
            allow_tip_sha1_in_want: any || flag("uploadpack.allowTipSHA1InWant", false)?,
            allow_reachable_sha1_in_want: any
                || flag("uploadpack.allowReachableSHA1InWant", false)?,
            allow_any_sha1_in_want: any,
            allow_filter: flag("uploadpack.allowFilter", false)?,
            allow_ref_in_want: flag("uploadpack.allowRefInWant", false)?,
            allow_sideband_all: flag("uploadpack.allowSidebandAll", false)?,
            filter_allow: flag("uploadpackfilter.allow", true)?,
            filter_choices,
            filter_tree_max_depth: file
                .integer("uploadpackfilter.tree.maxDepth")
                .map_err(bad)?
                .and_then(|depth| u64::try_from(depth).ok()),
            advertise_sid: flag("transfer.advertiseSID", false)?,
            advertise_object_info: flag("transfer.advertiseObjectInfo", false)?,
            advertise_bundle_uris: flag("uploadpack.advertiseBundleURIs", false)?,
            blob_packfile_uri: file.string("uploadpack.blobPackfileUri").is_some(),
        })
    }
}

fn extensions(file: &gix_config::File) -> Result<(ObjectFormat, RefStorage)> {
    let mut object_format = ObjectFormat::Sha1;
    let mut ref_storage = RefStorage::Files;
    for section in file.sections() {
        if !section.header().name().eq_ignore_ascii_case(b"extensions") {
            continue;
        }
        for name in section.value_names() {
            let key = name.to_ascii_lowercase();
            let value = section.value(key.as_str()).unwrap_or_default();
            let value: &[u8] = value.as_ref();
            match (key.as_str(), value) {
                ("objectformat", value) => {
                    object_format = ObjectFormat::from_name(value)
                        .ok_or_else(|| Error::Unsupported("extensions.objectFormat".into()))?;
                }
                ("refstorage", b"files") => ref_storage = RefStorage::Files,
                ("refstorage", b"reftable") => ref_storage = RefStorage::Reftable,
                (
                    "noop" | "noop-v1" | "preciousobjects" | "partialclone" | "relativeworktrees"
                    | "compatobjectformat",
                    _,
                ) => {}
                ("worktreeconfig", b"false" | b"no" | b"off" | b"0") => {}
                (name, _) => return Err(Error::Unsupported(format!("extensions.{name}"))),
            }
        }
    }
    Ok((object_format, ref_storage))
}

/// Git drops the slashes at the end of a hidden prefix.
fn trim_slashes(mut value: &[u8]) -> &[u8] {
    while let [rest @ .., b'/'] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_prefixes_keep_the_order_of_the_file() {
        let config = Config::parse(
            b"[transfer]\n\thideRefs = refs/a/\n[uploadpack]\nhiderefs=!refs/a/b\n[transfer]\nhideRefs=refs/c\n",
        )
        .expect("a config");
        assert_eq!(config.hide_refs, ["refs/a", "!refs/a/b", "refs/c"]);
    }

    #[test]
    fn an_unknown_extension_or_version_is_refused() {
        let parse = |text: &str| Config::parse(text.as_bytes());
        assert!(parse("[core]\nrepositoryformatversion=1\n[extensions]\nx=y\n").is_err());
        assert!(parse("[core]\nrepositoryformatversion=0\n[extensions]\nx=y\n").is_ok());
        assert!(parse("[core]\nrepositoryformatversion=2\n").is_err());
        let sha256 = "[core]\nrepositoryformatversion=1\n[extensions]\nobjectFormat=sha256\n";
        assert_eq!(parse(sha256).expect("a config").object_format, ObjectFormat::Sha256);
    }

    #[test]
    fn any_implies_tip_and_reachable() {
        let config = Config::parse(b"[uploadpack]\nallowAnySHA1InWant = true\n").expect("a config");
        assert!(config.allow_tip_sha1_in_want && config.allow_reachable_sha1_in_want);
    }
}
