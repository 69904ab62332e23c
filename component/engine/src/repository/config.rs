//! The repository's own configuration, typed.
//!
//! Spec: git-config(1); gitrepository-layout(5), "repository-version"

mod http;
pub(crate) mod include;
mod packfile_uris;
pub(crate) mod value;

use std::rc::Rc;

use bstr::BString;
use gitwasi_wire::ObjectFormat;

pub use http::{Setting, Settings};

use crate::storage::Storage;
use crate::{Engine, Error, Result};
use packfile_uris::PackfileUris;
use value::Entry;

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
/// Only the repository's own `config` counts, its `config.worktree`, and what these include from
/// within the repository: no system or user configuration.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)]
pub struct Config {
    /// `extensions.objectFormat`.
    pub object_format: ObjectFormat,
    /// Whether a part of this is in other files: `config.worktree`, or what is included.
    pub(crate) in_other_files: bool,
    /// All of it, in the order in which it counts.
    pub(crate) entries: Rc<[Entry]>,
    /// `extensions.refStorage`.
    pub ref_storage: RefStorage,
    /// `http.*`: which services are offered.
    pub http: Settings,
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
    /// `uploadpack.keepAlive`: seconds of silence after which a keep-alive is sent; `None` for
    /// never.
    pub keep_alive: Option<u32>,
    /// `uploadpackfilter.allow`.
    pub filter_allow: bool,
    /// `uploadpackfilter.<filter>.allow`, in the order of the file.
    pub filter_choices: Vec<(Rc<BString>, bool)>,
    /// `uploadpackfilter.tree.maxDepth`.
    pub filter_tree_max_depth: Option<u64>,
    /// `transfer.advertiseSID`.
    pub advertise_sid: bool,
    /// `transfer.advertiseObjectInfo`.
    pub advertise_object_info: bool,
    /// `uploadpack.advertiseBundleURIs`.
    pub advertise_bundle_uris: bool,
    /// `bundle.*`, in the order of the file.
    pub(crate) bundles: Vec<Entry>,
    /// `uploadpack.blobPackfileUri`.
    pub(crate) packfile_uris: PackfileUris,
    /// `core.sharedRepository` gives files other modes than the process's umask.
    pub is_shared: bool,
    /// `receive.certNonceSeed` is set: pushes may be signed.
    pub takes_certificates: bool,
    /// `receive.denyCurrentBranch` is `updateInstead`: a push changes what is checked out.
    pub updates_work_tree: bool,
}

impl Config {
    pub(super) async fn read<S: Storage>(engine: &Engine<S>, repository: &str) -> Result<Self> {
        let entries = include::read(engine, repository).await?;
        let config = Self::from_entries(&entries.own, &entries.all)?;
        let in_other_files = entries.in_other_files;
        Ok(Self { in_other_files, entries: entries.all.into(), ..config })
    }

    /// Parses the content of a `config` file.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when git could not read it either, [`Error::Unsupported`] for a
    /// repository format that this engine does not know, or a file that includes others, which are
    /// not at hand here.
    pub fn parse(content: &[u8]) -> Result<Self> {
        let entries = value::entries(content)?;
        Self::from_entries(&entries, &entries)
    }

    fn from_entries(own: &[Entry], entries: &[Entry]) -> Result<Self> {
        let (object_format, ref_storage) = format(own)?;
        let mut config = Self { object_format, ref_storage, ..Self::default() };
        let mut is_bare = true;
        for entry in entries {
            match (&*entry.section, &entry.subsection) {
                ("core", None) if entry.name == "sharedrepository" => {
                    config.is_shared = is_shared(entry);
                }
                ("core", None) if entry.name == "bare" => is_bare = entry.boolean()?,
                ("http", None) => config.http.take(entry)?,
                ("receive", None) => config.receive(entry),
                ("transfer", None) => config.transfer(entry)?,
                ("uploadpack", None) => config.upload_pack(entry)?,
                ("uploadpackfilter", None) if entry.name == "allow" => {
                    config.filter_allow = entry.boolean()?;
                }
                ("uploadpackfilter", Some(filter)) => config.filter(filter, entry)?,
                ("lsrefs", None) if entry.name == "unborn" => {
                    config.ls_refs_unborn = LsRefsUnborn::from_value(entry)?;
                }
                ("bundle", _) => config.bundles.push(entry.clone()),
                // What is included may forbid as well as allow: it is not passed over.
                ("include", None) | ("includeif", Some(_)) if entry.name == "path" => {
                    let text = "a configuration that includes another";
                    return Err(Error::Unsupported(text.into()));
                }
                _ => {}
            }
        }
        config.updates_work_tree &= !is_bare;
        Ok(config)
    }

    fn receive(&mut self, entry: &Entry) {
        let value = entry.value.as_ref().map_or(&b""[..], |value| value);
        match entry.name.as_str() {
            "certnonceseed" => self.takes_certificates = !value.is_empty(),
            "denycurrentbranch" => {
                self.updates_work_tree = value.eq_ignore_ascii_case(b"updateInstead");
            }
            _ => {}
        }
    }

    fn transfer(&mut self, entry: &Entry) -> Result<()> {
        match entry.name.as_str() {
            "hiderefs" => self.hide_refs.push(trim_slashes(entry.text()?).into()),
            "advertisesid" => self.advertise_sid = entry.boolean()?,
            "advertiseobjectinfo" => self.advertise_object_info = entry.boolean()?,
            _ => {}
        }
        Ok(())
    }

    fn upload_pack(&mut self, entry: &Entry) -> Result<()> {
        match entry.name.as_str() {
            "hiderefs" => self.hide_refs.push(trim_slashes(entry.text()?).into()),
            "allowtipsha1inwant" => self.allow_tip_sha1_in_want = entry.boolean()?,
            "allowreachablesha1inwant" => self.allow_reachable_sha1_in_want = entry.boolean()?,
            "allowanysha1inwant" => {
                // For git this is the three of them at once, whatever was said of two before.
                let any = entry.boolean()?;
                self.allow_tip_sha1_in_want = any;
                self.allow_reachable_sha1_in_want = any;
                self.allow_any_sha1_in_want = any;
            }
            "allowfilter" => self.allow_filter = entry.boolean()?,
            "allowrefinwant" => self.allow_ref_in_want = entry.boolean()?,
            "allowsidebandall" => self.allow_sideband_all = entry.boolean()?,
            "keepalive" => self.keep_alive = seconds(entry.integer()?),
            "advertisebundleuris" => {
                // Git alone of all booleans takes a bad one here for none.
                self.advertise_bundle_uris = entry.boolean().unwrap_or(false);
            }
            "blobpackfileuri" => self.packfile_uris.take(entry, self.object_format),
            _ => {}
        }
        Ok(())
    }

    fn filter(&mut self, filter: &Rc<BString>, entry: &Entry) -> Result<()> {
        match entry.name.as_str() {
            "allow" => self.filter_choices.push((Rc::clone(filter), entry.boolean()?)),
            "maxdepth" if ***filter == *b"tree" => {
                self.filter_choices.push((Rc::clone(filter), true));
                let depth = u64::try_from(entry.integer()?).map_err(|_| entry.bad())?;
                self.filter_tree_max_depth = Some(depth);
            }
            _ => {}
        }
        Ok(())
    }
}

impl Default for Config {
    /// What an empty file says.
    fn default() -> Self {
        Self {
            object_format: ObjectFormat::Sha1,
            in_other_files: false,
            entries: Rc::default(),
            ref_storage: RefStorage::Files,
            http: Settings::default(),
            hide_refs: Vec::new(),
            ls_refs_unborn: LsRefsUnborn::Advertise,
            allow_tip_sha1_in_want: false,
            allow_reachable_sha1_in_want: false,
            allow_any_sha1_in_want: false,
            allow_filter: false,
            allow_ref_in_want: false,
            allow_sideband_all: false,
            keep_alive: Some(5),
            filter_allow: true,
            filter_choices: Vec::new(),
            filter_tree_max_depth: None,
            advertise_sid: false,
            advertise_object_info: false,
            advertise_bundle_uris: false,
            bundles: Vec::new(),
            packfile_uris: PackfileUris::default(),
            is_shared: false,
            takes_certificates: false,
            updates_work_tree: false,
        }
    }
}

impl LsRefsUnborn {
    fn from_value(entry: &Entry) -> Result<Self> {
        match entry.text()?.as_slice() {
            b"advertise" => Ok(Self::Advertise),
            b"allow" => Ok(Self::Allow),
            b"ignore" => Ok(Self::Ignore),
            _ => Err(entry.bad()),
        }
    }
}

/// The repository's format, which has to be known before anything else is.
fn format(entries: &[Entry]) -> Result<(ObjectFormat, RefStorage)> {
    let mut version = 0;
    for entry in entries {
        if &*entry.section == "core" && entry.name == "repositoryformatversion" {
            version = entry.integer()?;
        }
    }
    if !(0..=1).contains(&version) {
        return Err(Error::Unsupported(format!("repository format version {version}")));
    }
    let (mut object_format, mut ref_storage) = (ObjectFormat::Sha1, RefStorage::Files);
    let extensions = entries.iter().filter(|entry| {
        version == 1 && &*entry.section == "extensions" && entry.subsection.is_none()
    });
    for entry in extensions {
        let value = entry.value.as_ref().map_or(&b""[..], |value| value);
        match (entry.name.as_str(), value) {
            ("objectformat", value) => {
                object_format = ObjectFormat::from_name(value)
                    .ok_or_else(|| Error::Unsupported("extensions.objectFormat".into()))?;
            }
            ("refstorage", b"files") => ref_storage = RefStorage::Files,
            ("refstorage", b"reftable") => ref_storage = RefStorage::Reftable,
            (
                "noop" | "noop-v1" | "preciousobjects" | "partialclone" | "relativeworktrees"
                | "compatobjectformat" | "worktreeconfig",
                _,
            ) => {}
            (name, _) => return Err(Error::Unsupported(format!("extensions.{name}"))),
        }
    }
    Ok((object_format, ref_storage))
}

/// Whether there is a second file, which git reads whatever the format's version is.
fn has_worktree_config(entries: &[Entry]) -> Result<bool> {
    let mut has = false;
    for entry in entries {
        if &*entry.section == "extensions" && entry.name == "worktreeconfig" {
            has = entry.boolean()?;
        }
    }
    Ok(has)
}

/// Whether `core.sharedRepository` asks for modes; what git refuses asks for none.
fn is_shared(entry: &Entry) -> bool {
    match entry.value.as_ref().map(|value| value.as_slice()) {
        Some(b"umask") => false,
        Some(b"group" | b"all" | b"world" | b"everybody") => true,
        _ => entry.boolean().unwrap_or(false),
    }
}

fn seconds(number: i64) -> Option<u32> {
    u32::try_from(number).ok().filter(|seconds| *seconds > 0)
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
    fn any_implies_tip_and_reachable_and_takes_them_back() {
        let config = Config::parse(b"[uploadpack]\nallowAnySHA1InWant = true\n").expect("a config");
        assert!(config.allow_tip_sha1_in_want && config.allow_reachable_sha1_in_want);
        let config = Config::parse(
            b"[uploadpack]\nallowTipSHA1InWant\nallowAnySHA1InWant = off\nallowReachableSHA1InWant=1\n",
        )
        .expect("a config");
        assert!(!config.allow_tip_sha1_in_want && config.allow_reachable_sha1_in_want);
    }

    #[test]
    fn shared_is_whatever_asks_for_modes() {
        let is_shared = |value: &str| {
            let text = format!("[core]\n\tsharedRepository{value}\n");
            Config::parse(text.as_bytes()).expect("a config").is_shared
        };
        for value in ["", "=group", "=true", "=1", "=all", "=0660", "=world", "=2"] {
            assert!(is_shared(value), "{value}");
        }
        for value in ["=umask", "=false", "=0", "=no"] {
            assert!(!is_shared(value), "{value}");
        }
    }

    #[test]
    fn only_what_is_checked_out_is_updated_instead() {
        let updates = |text: &str| {
            let text = format!("[receive]\n\tdenyCurrentBranch = {text}");
            Config::parse(text.as_bytes()).expect("a config").updates_work_tree
        };
        assert!(updates("updateInstead\n[core]\n\tbare = false\n"));
        assert!(updates("UPDATEINSTEAD\n[core]\n\tbare = no\n"));
        for text in ["updateInstead\n", "updateInstead\n[core]\n\tbare\n"] {
            assert!(!updates(text), "{text}");
        }
        for text in ["refuse", "true", "updateInstead\n\tdenyCurrentBranch = warn"] {
            assert!(!updates(&format!("{text}\n[core]\n\tbare = false\n")), "{text}");
        }
    }

    #[test]
    fn the_last_value_of_a_setting_counts_and_a_bad_one_is_refused() {
        let config = Config::parse(
            b"[http]\nreceivepack=false\nReceivePack=True\ngetanyfile=0\nuploadarchive\nproxy=x\n",
        )
        .expect("a config");
        assert_eq!(config.http.receive_pack, Setting::Enabled);
        assert_eq!(config.http.dumb_files, Setting::Disabled);
        assert_eq!(config.http.upload_archive, Setting::Enabled);
        assert_eq!(config.http.upload_pack, Setting::Unset);
        assert!(Config::parse(b"[http]\nuploadpack = perhaps\n").is_err());
        assert!(Config::parse(b"[uploadpack]\nallowFilter = perhaps\n").is_err());
        assert!(Config::parse(b"[uploadpack]\nadvertiseBundleURIs = perhaps\n").is_ok());
    }
}
