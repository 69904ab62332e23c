//! A repository's own `http.*` settings, read by git and remembered while its config file stays
//! as it is.
//!
//! Source: `http_config` in git's `http-backend.c`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use cap_std::fs::MetadataExt;
use gitwasi_runtime::{ErrorCode, ProtocolVersion, RequestContext, Setting, Settings};
use gitwasi_sandbox::{Exit, GitCommand};

use super::OpenRepository;

/// How many repositories' settings are remembered. One more, and all are forgotten: reading them
/// again costs a git process each.
const MAX_REMEMBERED: usize = 16 * 1024;

/// The most that a repository's `http.*` settings may amount to, in bytes. More is an error.
const MAX_SETTINGS_BYTES: usize = 256 * 1024;

/// Settings by what tells one version of a config file from another.
#[derive(Default)]
pub(crate) struct SettingsCache(Mutex<HashMap<Stamp, Settings>>);

/// Device, inode, length, and both times of a config file, in nanoseconds.
type Stamp = (u64, u64, u64, i128, i128);

impl SettingsCache {
    pub(super) async fn read(
        &self,
        repository: &OpenRepository,
        context: &RequestContext,
    ) -> Result<Settings, ErrorCode> {
        let Some(stamp) = stamp(repository) else {
            // No config file: git's defaults.
            return Ok(Settings::default());
        };
        if let Some(settings) = self.lock().get(&stamp) {
            return Ok(*settings);
        }
        let job = repository.job(GitCommand::Config, ProtocolVersion::V0)?;
        let (output, exit) =
            repository.shared.processes.collect(context, job, MAX_SETTINGS_BYTES).await?;
        let settings = match exit {
            Exit::Code(0) => parse(&output),
            // There are none.
            Exit::Code(1) => Settings::default(),
            other => return Err(ErrorCode::Corrupt(format!("git config ended with {other}"))),
        };
        let mut remembered = self.lock();
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(stamp, settings);
        Ok(settings)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Stamp, Settings>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Parses `git config -z`: `key\nvalue\0`, or `key\0` without a value, which means true.
fn parse(output: &[u8]) -> Settings {
    let mut settings = Settings::default();
    for entry in output.split(|byte| *byte == 0) {
        let mut parts = entry.splitn(2, |byte| *byte == b'\n');
        let slot = match parts.next().unwrap_or_default() {
            b"http.uploadpack" => &mut settings.upload_pack,
            b"http.receivepack" => &mut settings.receive_pack,
            b"http.uploadarchive" => &mut settings.upload_archive,
            b"http.getanyfile" => &mut settings.dumb_files,
            _ => continue,
        };
        *slot = match parts.next() {
            None => Setting::Enabled,
            Some(value) if is_true(value) => Setting::Enabled,
            Some(_) => Setting::Disabled,
        };
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
        let settings = parse(
            b"http.receivepack\nfalse\0http.receivepack\nTrue\0http.getanyfile\n0\0http.uploadarchive\0http.proxy\nx\0",
        );
        assert_eq!(settings.receive_pack, Setting::Enabled);
        assert_eq!(settings.dumb_files, Setting::Disabled);
        assert_eq!(settings.upload_archive, Setting::Enabled);
        assert_eq!(settings.upload_pack, Setting::Unset);
        assert_eq!(parse(b""), Settings::default());
    }
}
