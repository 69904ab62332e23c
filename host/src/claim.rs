//! Tells whether an earlier run has ended that served the same directory.
//!
//! Every run holds a shared lock on the directory. Who gets an exclusive one first knows that
//! nobody else does, so that what was left under this server's mark is nobody's any more. The mark
//! is of the directory and the machine: who serves a part of it, or serves it from elsewhere, where
//! such a lock may not reach, has another one.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gitwasi_runtime::Server;
use sha2::{Digest, Sha256};

/// By how much a file's time may lie behind the clock.
const TICK: Duration = Duration::from_millis(20);

/// Bytes of a hash that make a mark.
const MARK: usize = 6;

/// Claims a directory of repositories; none where it cannot be locked.
pub(crate) fn claim(root: &Path) -> Option<Server> {
    let directory = File::open(root).ok()?;
    let metadata = directory.metadata().ok()?;
    let mut hash = Sha256::new();
    hash.update(rustix::system::uname().nodename().to_bytes());
    hash.update(metadata.dev().to_le_bytes());
    hash.update(metadata.ino().to_le_bytes());
    let mark = hash.finalize().iter().take(MARK).map(|byte| format!("{byte:02x}")).collect();
    let mut since = 0;
    if directory.try_lock().is_ok() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        since = u64::try_from(now.as_nanos()).unwrap_or(0);
        // What this run writes is to look younger, and what a dead one wrote last must not.
        std::thread::sleep(TICK);
        directory.unlock().ok()?;
    }
    // Whoever holds it alone does so for a moment.
    directory.lock_shared().ok()?;
    Some(Server { mark, since, claim: Arc::new(directory) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_knows_that_nobody_else_serves() {
        let root = tempfile::tempdir().expect("a directory");
        let first = claim(root.path()).expect("a claim");
        let second = claim(root.path()).expect("a claim");
        assert_eq!(first.mark, second.mark);
        assert!(first.since > 0);
        assert_eq!(second.since, 0);
        drop(first);
        assert_eq!(claim(root.path()).expect("a claim").since, 0, "the second still serves");
        drop(second);
        assert!(claim(root.path()).expect("a claim").since > 0);
    }

    #[test]
    fn what_is_written_right_before_is_older_and_right_after_younger() {
        let root = tempfile::tempdir().expect("a directory");
        let written = |name: &str| {
            let path = root.path().join(name);
            std::fs::write(&path, name).expect("a file");
            let modified = path.metadata().expect("a file").modified().expect("a time");
            u64::try_from(modified.duration_since(UNIX_EPOCH).expect("a time").as_nanos()).unwrap()
        };
        let before = written("before");
        let since = claim(root.path()).expect("a claim").since;
        assert!(before <= since && since < written("after"));
    }

    #[test]
    fn a_part_of_the_directory_has_another_mark() {
        let root = tempfile::tempdir().expect("a directory");
        let part = root.path().join("part");
        std::fs::create_dir(&part).expect("a directory");
        let mark = |path: &Path| claim(path).expect("a claim").mark;
        assert_ne!(mark(root.path()), mark(&part));
    }
}
