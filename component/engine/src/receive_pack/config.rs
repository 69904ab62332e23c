//! What a repository's configuration says of pushes.
//!
//! Spec: git-config(1), "receive.*", "transfer.*"

use bstr::{BString, ByteSlice};

use super::proc_receive::ProcReceiveRefs;
use crate::fsck::{SetError, Severities};
use crate::repository::value::Entry;
use crate::storage::Storage;
use crate::transaction::LogRefUpdates;
use crate::{Error, Repository, Result};

/// `receive.denyCurrentBranch` and `receive.denyDeleteCurrent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deny {
    /// Not set: refused, with an explanation.
    Unconfigured,
    /// Allowed.
    Ignore,
    /// Allowed, with a warning.
    Warn,
    /// Refused.
    Refuse,
    /// The working tree is to be updated, too: refused, for there is nobody to do it.
    UpdateInstead,
}

/// What is read of the configuration for a push.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)]
pub(super) struct ReceiveConfig {
    pub(super) advertise_atomic: bool,
    pub(super) advertise_push_options: bool,
    pub(super) advertise_session_id: bool,
    pub(super) advertise_ofs_delta: bool,
    pub(super) is_bare: bool,
    pub(super) deny_current_branch: Deny,
    pub(super) deny_delete_current: Deny,
    pub(super) deny_deletes: bool,
    pub(super) deny_non_fast_forwards: bool,
    /// `transfer.hideRefs` and `receive.hideRefs` in the order of the file.
    pub(super) hide_refs: Vec<BString>,
    /// `None` when objects are not to be checked.
    pub(super) fsck: Option<Severities>,
    /// Warnings about settings, for the pusher, as git prints them.
    pub(super) warnings: Vec<String>,
    /// Seconds of silence after which a keep-alive is sent; 0 for never.
    pub(super) keep_alive: u64,
    pub(super) log: LogRefUpdates,
    pub(super) max_input_size: Option<u64>,
    pub(super) packed_refs_timeout: u64,
    /// Each `receive.procReceiveRefs`.
    pub(super) proc_receive_refs: Vec<ProcReceiveRefs>,
    pub(super) ref_timeout: u64,
    /// `pack.writeReverseIndex`.
    pub(super) reverse_index: bool,
    pub(super) tables_timeout: u64,
    pub(super) shallow_update: bool,
    pub(super) unpack_limit: u32,
    pub(super) update_server_info: bool,
}

impl ReceiveConfig {
    pub(super) async fn read<S: Storage>(repository: &Repository<S>) -> Result<Self> {
        let engine = &repository.engine;
        let mut skip_lists = Vec::new();
        let mut config = Self::from_entries(&repository.config.entries, &mut skip_lists)?;
        if let Some(severities) = &mut config.fsck {
            for path in skip_lists {
                // Git resolves it against the repository; what is outside cannot be read.
                let path = match path.starts_with('/') {
                    true => engine.storage.locate(&path),
                    false => Some(repository.file(&path)),
                };
                let content = match path {
                    Some(path) => engine.read_small(&path).await?,
                    None => None,
                };
                let content = content.ok_or_else(|| Error::corrupt("receive.fsck.skipList"))?;
                let skipped = severities.skip(&content, repository.object_format());
                skipped.map_err(|error| Error::Corrupt(error.to_string()))?;
            }
        }
        Ok(config)
    }

    fn from_entries(entries: &[Entry], skip_lists: &mut Vec<String>) -> Result<Self> {
        let last = |key: &str| entries.iter().rev().find(|entry| entry.key() == key);
        let flag = |key: &str| last(key).map(Entry::boolean).transpose();
        let number = |key: &str| last(key).map(Entry::integer).transpose();

        let mut hide_refs = Vec::new();
        let mut proc_receive_refs = Vec::new();
        let mut severities = Severities::default();
        let mut warnings = Vec::new();
        for entry in entries {
            match (&*entry.section, &entry.subsection) {
                ("transfer" | "receive", None) if entry.name == "hiderefs" => {
                    hide_refs.push(entry.text()?.trim_end_with(|end| end == '/').into());
                }
                ("receive", None) if entry.name == "procreceiverefs" => {
                    proc_receive_refs.push(ProcReceiveRefs::parse(entry.text()?.as_bstr()));
                }
                ("receive", Some(subsection)) if ***subsection == *b"fsck" => {
                    let value = entry.text()?.to_str_lossy();
                    if entry.name == "skiplist" {
                        skip_lists.push(value.into_owned());
                        continue;
                    }
                    match severities.set(&entry.name, &value) {
                        Ok(()) => {}
                        Err(SetError::UnknownMessage(_)) => {
                            warnings.push(format!("skipping unknown msg id '{}'", entry.name));
                        }
                        Err(error) => return Err(Error::Corrupt(error.to_string())),
                    }
                }
                _ => {}
            }
        }
        let fsck = match flag("receive.fsckobjects")? {
            Some(fsck) => fsck,
            None => flag("transfer.fsckobjects")?.unwrap_or(true),
        };
        let is_bare = flag("core.bare")?.unwrap_or(true);
        let log = match last("core.logallrefupdates").and_then(|entry| entry.value.as_ref()) {
            Some(value) if value.eq_ignore_ascii_case(b"always") => LogRefUpdates::Always,
            _ => match flag("core.logallrefupdates")?.unwrap_or(!is_bare) {
                true => LogRefUpdates::Branches,
                false => LogRefUpdates::Never,
            },
        };
        let deny = |key: &str| -> Result<Deny> {
            let Some(entry) = last(key) else { return Ok(Deny::Unconfigured) };
            let value = entry.value.as_ref().map_or(&b""[..], |value| value);
            Ok(match value.to_ascii_lowercase().as_slice() {
                b"ignore" => Deny::Ignore,
                b"warn" => Deny::Warn,
                b"refuse" => Deny::Refuse,
                b"updateinstead" => Deny::UpdateInstead,
                _ if entry.boolean()? => Deny::Refuse,
                _ => Deny::Ignore,
            })
        };
        let unpack_limit = number("receive.unpacklimit")?.filter(|limit| *limit >= 0);
        let unpack_limit = match unpack_limit {
            Some(limit) => Some(limit),
            None => number("transfer.unpacklimit")?.filter(|limit| *limit >= 0),
        };
        // Negative means for ever to git; a minute is that for a request.
        let timeout = |milliseconds: i64| u64::try_from(milliseconds).unwrap_or(60_000);
        Ok(Self {
            advertise_atomic: flag("receive.advertiseatomic")?.unwrap_or(true),
            advertise_push_options: flag("receive.advertisepushoptions")?.unwrap_or(false),
            advertise_session_id: flag("transfer.advertisesid")?.unwrap_or(false),
            advertise_ofs_delta: flag("repack.usedeltabaseoffset")?.unwrap_or(true),
            is_bare,
            deny_current_branch: deny("receive.denycurrentbranch")?,
            deny_delete_current: deny("receive.denydeletecurrent")?,
            deny_deletes: flag("receive.denydeletes")?.unwrap_or(false),
            deny_non_fast_forwards: flag("receive.denynonfastforwards")?.unwrap_or(false),
            hide_refs,
            fsck: fsck.then_some(severities),
            warnings,
            keep_alive: number("receive.keepalive")?.unwrap_or(5).try_into().unwrap_or(0),
            log,
            // No pack is as small as a negative size: git refuses all, too.
            max_input_size: number("receive.maxinputsize")?
                .filter(|size| *size != 0)
                .map(|size| u64::try_from(size).unwrap_or(0)),
            packed_refs_timeout: timeout(number("core.packedrefstimeout")?.unwrap_or(1000)),
            proc_receive_refs,
            ref_timeout: timeout(number("core.filesreflocktimeout")?.unwrap_or(100)),
            reverse_index: flag("pack.writereverseindex")?.unwrap_or(true),
            // Not git's 100: whoever pushes waits here for all who push.
            tables_timeout: timeout(number("reftable.locktimeout")?.unwrap_or(2000)),
            shallow_update: flag("receive.shallowupdate")?.unwrap_or(false),
            unpack_limit: unpack_limit.map_or(100, |limit| limit.try_into().unwrap_or(u32::MAX)),
            update_server_info: flag("receive.updateserverinfo")?.unwrap_or(false),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::value;

    #[test]
    fn settings_of_pushes_are_read() {
        let text = b"[core]\n\tbare = true\n\tlogAllRefUpdates = always\n\
            [receive]\n\tdenyCurrentBranch = updateInstead\n\tdenyDeleteCurrent = no\n\
            \tmaxInputSize = 2k\n\thideRefs = refs/a/\n[receive \"fsck\"]\n\tbadEmail = ignore\n\
            \tnoSuch = warn\n\tskipList = list\n[transfer]\n\tunpackLimit = 7\n";
        let mut skip_lists = Vec::new();
        let entries = value::entries(text).expect("entries");
        let config = ReceiveConfig::from_entries(&entries, &mut skip_lists).expect("a config");
        assert_eq!(config.deny_current_branch, Deny::UpdateInstead);
        assert_eq!(config.deny_delete_current, Deny::Ignore);
        assert_eq!(config.max_input_size, Some(2048));
        assert_eq!(config.hide_refs, ["refs/a"]);
        assert_eq!((config.unpack_limit, config.log), (7, LogRefUpdates::Always));
        assert_eq!(skip_lists, ["list"]);
        assert_eq!(config.warnings, ["skipping unknown msg id 'nosuch'"]);
        assert!(config.fsck.is_some() && config.advertise_atomic);
    }

    #[test]
    fn a_severity_that_is_none_is_no_setting() {
        for (text, is_read) in [
            ("missingEmail = wran", false),
            ("missingEmail = Warn", false),
            ("missingEmail =", false),
            ("missingEmail", false),
            ("missingEmail = wran\nmissingEmail = warn", false),
            ("missingEmail = warn", true),
            ("noSuch = wran", true),
        ] {
            let entries = value::entries(format!("[receive \"fsck\"]\n{text}\n").as_bytes());
            let config = ReceiveConfig::from_entries(&entries.expect("entries"), &mut Vec::new());
            assert_eq!(config.is_ok(), is_read, "{text}");
        }
    }
}
