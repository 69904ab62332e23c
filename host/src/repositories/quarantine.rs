//! What a push leaves behind when its git could not clean up.
//!
//! Git keeps the objects of a push in `objects/tmp_objdir-incoming-*` until it takes them, and
//! removes the directory itself however it ends, unless it is killed. What it then leaves nobody
//! can see, but it takes room: it is swept once no push to the repository is under way here.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use cap_std::fs::{Dir, MetadataExt};

/// How git names a quarantine: this, and six characters drawn by chance. The engine's own, which
/// sweeps them itself, have longer names.
const PREFIX: &str = "tmp_objdir-incoming-";
const RANDOM: usize = 6;

/// The pushes under way, by repository.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pushes(Arc<Mutex<HashMap<Key, UnderWay>>>);

/// A repository: the device and the inode of its git directory.
type Key = (u64, u64);

#[derive(Debug)]
struct UnderWay {
    pushes: usize,
    /// The quarantines that were there before the first of them: not ours to sweep.
    before: HashSet<String>,
    /// Whether a git did not end well.
    dirty: bool,
}

/// A push under way.
#[derive(Debug)]
pub(crate) struct Push {
    pushes: Pushes,
    key: Key,
    repository: Dir,
    cleaned_up: bool,
}

impl Pushes {
    /// Notes that a push begins.
    pub(crate) fn begin(&self, repository: &Dir) -> io::Result<Push> {
        let metadata = repository.dir_metadata()?;
        let key = (metadata.dev(), metadata.ino());
        let before = quarantines(repository)?;
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.entry(key).or_insert(UnderWay { pushes: 0, before, dirty: false }).pushes += 1;
        let repository = repository.try_clone()?;
        Ok(Push { pushes: self.clone(), key, repository, cleaned_up: false })
    }
}

impl Push {
    /// Notes that git ended well, and so has removed its quarantine.
    pub(crate) fn cleaned_up(&mut self) {
        self.cleaned_up = true;
    }
}

impl Drop for Push {
    fn drop(&mut self) {
        let mut all = self.pushes.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(under_way) = all.get_mut(&self.key) else { return };
        under_way.pushes -= 1;
        under_way.dirty |= !self.cleaned_up;
        if under_way.pushes > 0 {
            return;
        }
        let Some(ended) = all.remove(&self.key) else { return };
        if !ended.dirty {
            return;
        }
        // Under the lock: a push that begins now would make a quarantine of its own.
        let left = quarantines(&self.repository);
        drop(all);
        let (Ok(left), Ok(repository)) = (left, self.repository.try_clone()) else { return };
        let left: Vec<_> = left.difference(&ended.before).cloned().collect();
        if left.is_empty() {
            return;
        }
        let sweep = move || sweep(&repository, &left);
        match tokio::runtime::Handle::try_current() {
            // There may be as much in it as a push can hold.
            Ok(runtime) => _ = runtime.spawn_blocking(sweep),
            Err(_) => sweep(),
        }
    }
}

fn quarantines(repository: &Dir) -> io::Result<HashSet<String>> {
    let entries = repository.open_dir("objects")?.entries()?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let random = |name: &String| name.strip_prefix(PREFIX).is_some_and(|end| end.len() == RANDOM);
    Ok(names.filter(random).collect())
}

fn sweep(repository: &Dir, left: &[String]) {
    let swept = repository
        .open_dir("objects")
        .and_then(|objects| left.iter().try_for_each(|name| objects.remove_dir_all(name)));
    if let Err(error) = swept {
        tracing::error!(%error, "could not sweep what a killed push left behind");
    }
}
