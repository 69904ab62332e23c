//! Which access file holds: that of the environment, read again when it changes.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use gitwasi_access::{AccessFile, Authorizer, VerifiedCache};

use crate::bindings::exports::gitwasi::git::types::ErrorCode;

/// How often at most the file is looked at for a change.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is in force, and since when.
struct Current {
    authorizer: Authorizer,
    verified: Arc<VerifiedCache>,
    stamp: Option<Stamp>,
    looked: Instant,
}

/// What tells one version of a file from another.
type Stamp = (SystemTime, u64);

/// The authorizer for the file as it is now.
///
/// While a file that was good is broken, the good one holds; a file that never was good is an
/// error, and no request is allowed.
pub(crate) fn current() -> Result<Authorizer, ErrorCode> {
    thread_local! {
        static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
    }
    CURRENT.with_borrow_mut(|slot| match slot {
        Some(current) => {
            current.refresh();
            Ok(current.authorizer.clone())
        }
        None => Ok(slot.insert(Current::read()?).authorizer.clone()),
    })
}

impl Current {
    fn read() -> Result<Self, ErrorCode> {
        let verified = VerifiedCache::new()
            .map_err(|_| ErrorCode::Internal("the system has no random bytes".to_owned()))?;
        let verified = Arc::new(verified);
        let (file, stamp) = match source() {
            Some(path) => {
                let stamp = stamp(&path).map_err(|error| unreadable(&path, &error))?;
                (open(&path)?, Some(stamp))
            }
            None => (AccessFile::default(), None),
        };
        let authorizer = Authorizer::new(Arc::new(opened_up(file)), Arc::clone(&verified));
        Ok(Self { authorizer, verified, stamp, looked: Instant::now() })
    }

    fn refresh(&mut self) {
        let Some(path) = source() else { return };
        if self.looked.elapsed() < LOOK_EVERY {
            return;
        }
        self.looked = Instant::now();
        let Ok(stamp) = stamp(&path) else { return };
        if self.stamp == Some(stamp) {
            return;
        }
        match open(&path) {
            Ok(file) => {
                let verified = Arc::clone(&self.verified);
                self.authorizer = Authorizer::new(Arc::new(opened_up(file)), verified);
                self.stamp = Some(stamp);
            }
            Err(error) => eprintln!("the last good access file holds: {error:?}"),
        }
    }
}

/// The path of the access file (`GITWASI_ACCESS_FILE`), below a preopened directory.
fn source() -> Option<String> {
    std::env::var("GITWASI_ACCESS_FILE").ok().filter(|path| !path.is_empty())
}

/// Lets everybody push who may read, and make repositories so, if the operator says so
/// (`GITWASI_ALLOW_PUSH=true`, `GITWASI_ALLOW_CREATE=true`).
fn opened_up(file: AccessFile) -> AccessFile {
    let is_set = |name| matches!(std::env::var(name).as_deref(), Ok("true" | "yes" | "on" | "1"));
    let file = if is_set("GITWASI_ALLOW_PUSH") { file.allow_push() } else { file };
    if is_set("GITWASI_ALLOW_CREATE") { file.allow_create() } else { file }
}

fn open(path: &str) -> Result<AccessFile, ErrorCode> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    AccessFile::parse(&text).map_err(|error| ErrorCode::Internal(format!("{path}: {error}")))
}

fn stamp(path: &str) -> std::io::Result<Stamp> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.modified()?, metadata.len()))
}

fn unreadable(path: &str, error: &std::io::Error) -> ErrorCode {
    ErrorCode::Internal(format!("cannot read the access file {path}: {error}"))
}
