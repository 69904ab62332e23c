//! How severe each finding is for one repository, and which objects are let off.
//!
//! Spec: git-config(1), `fsck.<msg-id>`, `receive.fsck.<msg-id>`, "fsck.skipList"

use std::collections::BTreeSet;

use gitwasi_wire::{ObjectFormat, Oid};

use super::message::{Class, MessageId, Severity};

/// Bytes of one component of a path, past which [`MessageId::LargePathname`] is found.
const LARGE_PATHNAME: usize = 4096;

/// What a repository's configuration makes of findings.
#[derive(Debug, Clone)]
pub struct Severities {
    table: Vec<Severity>,
    large_pathname: usize,
    skipped: BTreeSet<Oid>,
}

/// Why a setting was not taken. The texts are git's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// There is no such message. Git warns of it and goes on.
    #[error("skipping unknown msg id '{0}'")]
    UnknownMessage(String),
    /// What is there of a severity is none.
    #[error("Unknown fsck message type: '{0}'")]
    UnknownSeverity(String),
    /// A fatal finding cannot be anything but an error.
    #[error("Cannot demote {0} to {1}")]
    CannotDemote(String, String),
    /// The length in `largePathname` is no number.
    #[error("unable to parse max tree entry len: {0}")]
    BadLength(String),
    /// A line of a skip list is no oid.
    #[error("invalid object name: {0}")]
    BadSkipList(String),
}

impl Default for Severities {
    /// Those of a push to a repository that configures nothing: warnings are errors.
    fn default() -> Self {
        let table = MessageId::ALL.iter().map(|id| match id.class() {
            Class::Fatal | Class::Error | Class::Warn => Severity::Error,
            Class::Info => Severity::Warn,
            Class::Ignore => Severity::Ignore,
        });
        Self { table: table.collect(), large_pathname: LARGE_PATHNAME, skipped: BTreeSet::new() }
    }
}

impl Severities {
    /// Takes the value of `receive.fsck.<name>`: `error`, `warn` or `ignore`, and for
    /// `largePathname` possibly a colon and a length in bytes.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SetError> {
        let id =
            MessageId::from_name(name).ok_or_else(|| SetError::UnknownMessage(name.to_owned()))?;
        let mut severity = value;
        if id == MessageId::LargePathname
            && let Some((word, length)) = value.split_once(':')
        {
            let bad = |_| SetError::BadLength(length.to_owned());
            self.large_pathname = length.parse::<u32>().map_err(bad)? as usize;
            severity = word;
        }
        let severity = match severity {
            "error" => Severity::Error,
            "warn" => Severity::Warn,
            "ignore" => Severity::Ignore,
            other => return Err(SetError::UnknownSeverity(other.to_owned())),
        };
        if id.class() == Class::Fatal && severity != Severity::Error {
            return Err(SetError::CannotDemote(name.to_ascii_lowercase(), value.to_owned()));
        }
        self.table[id as usize] = severity;
        Ok(())
    }

    /// Takes the content of the file that `receive.fsck.skipList` names: an oid a line, `#`
    /// begins a comment.
    pub fn skip(&mut self, content: &[u8], format: ObjectFormat) -> Result<(), SetError> {
        for line in content.split(|byte| *byte == b'\n') {
            let line = line.split(|byte| *byte == b'#').next().unwrap_or_default().trim_ascii();
            if line.is_empty() {
                continue;
            }
            let oid = Oid::from_hex(line).filter(|oid| oid.object_format() == format);
            let bad = || SetError::BadSkipList(String::from_utf8_lossy(line).into_owned());
            self.skipped.insert(oid.ok_or_else(bad)?);
        }
        Ok(())
    }

    /// How severe it is to find `id` in the object `oid`.
    pub fn of(&self, id: MessageId, oid: &Oid) -> Severity {
        let severity = self.table[id as usize];
        if severity > Severity::Ignore && self.skipped.contains(oid) {
            return Severity::Ignore;
        }
        severity
    }

    /// Bytes of one component of a path, past which [`MessageId::LargePathname`] is found.
    pub fn large_pathname(&self) -> usize {
        self.large_pathname
    }
}
