//! A repository's own settings, read by git and remembered while its config file stays as it is.
//!
//! Source: `http_config` in git's `http-backend.c`, `receive_pack_config` in its `receive-pack.c`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use cap_std::fs::MetadataExt;
use gitwasi_runtime::{ErrorCode, ProtocolVersion, RequestContext, Setting, Settings};
use gitwasi_sandbox::{Exit, GitCommand};

use super::OpenRepository;
use super::processes::Slot;

/// How many repositories' settings are remembered. One more, and all are forgotten: reading them
/// again costs a git process each.
const MAX_REMEMBERED: usize = 16 * 1024;

/// The most that a repository's settings may amount to, in bytes. More is an error.
const MAX_SETTINGS_BYTES: usize = 1 << 20;

/// Settings by what tells one version of a config file from another.
#[derive(Default)]
pub(crate) struct SettingsCache(Mutex<HashMap<Stamp, Read>>);

/// All that is read of a repository's configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Read {
    pub(super) http: Settings,
    pub(super) receive: ReceiveSettings,
}

/// What the settings say of pushes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ReceiveSettings {
    /// `core.bare` is true: no branch is checked out.
    pub(super) bare: bool,
    /// `receive.denyNonFastForwards`.
    pub(super) deny_non_fast_forwards: bool,
    /// Some refs are hidden, or left to a hook.
    pub(super) reserves_refs: bool,
    /// `receive.procReceiveRefs`: some refs are left to a hook.
    pub(super) hook_moves_refs: bool,
    /// `receive.denyCurrentBranch` is `updateInstead`: a push may change what is checked out.
    pub(super) updates_work_tree: bool,
}

/// Device, inode, length, and both times of a config file, in nanoseconds.
type Stamp = (u64, u64, u64, i128, i128);

impl SettingsCache {
    pub(super) async fn read(
        &self,
        repository: &OpenRepository,
        context: &RequestContext,
    ) -> Result<Read, ErrorCode> {
        let Some(stamp) = stamp(repository) else {
            // No config file: git's defaults.
            return Ok(Read::default());
        };
        if let Some(settings) = self.lock().get(&stamp) {
            return Ok(*settings);
        }
        let job = repository.job(GitCommand::Config, ProtocolVersion::V0)?;
        let processes = &repository.shared.processes;
        let (output, exit) = processes.collect(context, job, MAX_SETTINGS_BYTES).await?;
        let settings = parse(&output, exit)?;
        let mut remembered = self.lock();
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(stamp, settings);
        Ok(settings)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Stamp, Read>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All of a repository's configuration as it is now.
pub(super) struct Whole {
    pub(super) read: Read,
    /// As [`GitCommand::WholeConfig`] prints it.
    pub(super) entries: Vec<u8>,
}

/// Reads everything anew: what the config file includes may have changed though it has not. None if
/// it is more than 1 MiB.
pub(super) async fn read_whole(
    slot: &Slot,
    repository: &OpenRepository,
    context: &RequestContext,
) -> Result<Option<Whole>, ErrorCode> {
    let job = repository.job(GitCommand::WholeConfig, ProtocolVersion::V0)?;
    let processes = &repository.shared.processes;
    match processes.collect_in(slot, context, job, MAX_SETTINGS_BYTES).await {
        Ok((entries, exit)) => {
            let read = parse(&without_origins(&entries), exit)?;
            Ok(Some(Whole { read, entries }))
        }
        Err(ErrorCode::LimitExceeded(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn stamp(repository: &OpenRepository) -> Option<Stamp> {
    let config = repository.directory.metadata("config").ok()?;
    let nanoseconds =
        |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
    Some((
        config.dev(),
        config.ino(),
        config.size(),
        nanoseconds(config.mtime(), config.mtime_nsec()),
        nanoseconds(config.ctime(), config.ctime_nsec()),
    ))
}

fn parse(output: &[u8], exit: Exit) -> Result<Read, ErrorCode> {
    match exit {
        Exit::Code(0) => Ok(entries(output)),
        // There are none.
        Exit::Code(1) => Ok(Read::default()),
        other => Err(ErrorCode::Corrupt(format!("git config ended with {other}"))),
    }
}

/// What `git config -z --show-origin` prints without that.
fn without_origins(output: &[u8]) -> Vec<u8> {
    let entries = output.split(|byte| *byte == 0).skip(1).step_by(2);
    entries.flat_map(|entry| [entry, b"\0"]).flatten().copied().collect()
}

/// Reads `git config -z`: `key\nvalue\0`, or `key\0` without a value, which means true.
fn entries(output: &[u8]) -> Read {
    let mut settings = Read::default();
    let Read { http, receive } = &mut settings;
    for entry in output.split(|byte| *byte == 0) {
        let mut parts = entry.splitn(2, |byte| *byte == b'\n');
        let key = parts.next().unwrap_or_default();
        let value = parts.next();
        let enabled = value.is_none_or(is_true);
        let slot = match key {
            b"http.uploadpack" => &mut http.upload_pack,
            b"http.receivepack" => &mut http.receive_pack,
            b"http.uploadarchive" => &mut http.upload_archive,
            b"http.getanyfile" => &mut http.dumb_files,
            _ => {
                match key {
                    b"core.bare" => receive.bare = enabled,
                    b"receive.denynonfastforwards" => receive.deny_non_fast_forwards = enabled,
                    b"receive.hiderefs" | b"transfer.hiderefs" => receive.reserves_refs = true,
                    b"receive.procreceiverefs" => {
                        (receive.reserves_refs, receive.hook_moves_refs) = (true, true);
                    }
                    b"receive.denycurrentbranch" => {
                        receive.updates_work_tree =
                            value.is_some_and(|value| value.eq_ignore_ascii_case(b"updateInstead"));
                    }
                    _ => {}
                }
                continue;
            }
        };
        *slot = if enabled { Setting::Enabled } else { Setting::Disabled };
    }
    settings
}

/// Spec: git-config(1), "Values", "boolean".
fn is_true(value: &[u8]) -> bool {
    match value.to_ascii_lowercase().as_slice() {
        b"yes" | b"on" | b"true" => true,
        digits => std::str::from_utf8(digits)
            .is_ok_and(|digits| digits.parse::<i64>().is_ok_and(|number| number != 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_a_setting_counts() {
        let settings = entries(
            b"http.receivepack\nfalse\0http.receivepack\nTrue\0http.getanyfile\n0\0http.uploadarchive\0http.proxy\nx\0",
        )
        .http;
        assert_eq!(settings.receive_pack, Setting::Enabled);
        assert_eq!(settings.dumb_files, Setting::Disabled);
        assert_eq!(settings.upload_archive, Setting::Enabled);
        assert_eq!(settings.upload_pack, Setting::Unset);
        assert_eq!(entries(b""), Read::default());
    }

    #[test]
    fn what_is_checked_out_is_updated_instead_if_that_is_the_last_word() {
        let updates = |output: &[u8]| entries(output).receive.updates_work_tree;
        assert!(updates(b"receive.denycurrentbranch\nupdateinstead\0"));
        assert!(!updates(
            b"receive.denycurrentbranch\nupdateInstead\0receive.denycurrentbranch\nwarn\0"
        ));
    }
}
