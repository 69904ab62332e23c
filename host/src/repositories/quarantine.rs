//! What a push leaves behind when its git could not clean up.
//!
//! Git keeps the objects of a push in `objects/tmp_objdir-incoming-*` until it takes them, and
//! removes the directory itself however it ends, unless it is killed. What it then leaves nobody
//! can see, but it takes room: it is swept once no push to the repository is under way here.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, MetadataExt};

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
    /// The directory that git works in instead of the repository.
    scratch: Option<Arc<Scratch>>,
    cleaned_up: bool,
}

/// A directory among the objects that looks like a quarantine of git's, so that whoever removes
/// those removes it, too. It goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    objects: Dir,
    name: String,
    removed: bool,
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
        Ok(Push { pushes: self.clone(), key, repository, scratch: None, cleaned_up: false })
    }
}

impl Push {
    /// Notes that git ended well, and so has removed its quarantine.
    pub(crate) fn cleaned_up(&mut self) {
        self.cleaned_up = true;
    }

    /// Keeps `scratch` as long as git may work in it.
    pub(crate) fn works_in(&mut self, scratch: Arc<Scratch>) {
        self.scratch = Some(scratch);
    }
}

impl Scratch {
    /// Makes the directory, for us alone. Blocks.
    pub(crate) fn make(repository: &Dir) -> io::Result<Self> {
        /// Another name is drawn so many times.
        const ATTEMPTS: usize = 16;
        let objects = repository.open_dir("objects")?;
        let mut private = DirBuilder::new();
        private.mode(0o700);
        for _ in 0..ATTEMPTS {
            let random: String = (0..RANDOM).map(|_| fastrand::alphanumeric()).collect();
            let name = format!("{PREFIX}{random}");
            match objects.create_dir_with(&name, &private) {
                Ok(()) => return Ok(Self { objects, name, removed: false }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    pub(crate) fn open(&self) -> io::Result<Dir> {
        self.objects.open_dir(&self.name)
    }

    /// Removes the directory, and waits until it is gone.
    pub(crate) async fn remove(mut self) {
        let Ok(objects) = self.objects.try_clone() else { return };
        self.removed = true;
        let name = std::mem::take(&mut self.name);
        let _ = tokio::task::spawn_blocking(move || sweep(&objects, &[name])).await;
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let (false, Ok(objects)) = (self.removed, self.objects.try_clone()) {
            let name = std::mem::take(&mut self.name);
            in_background(move || sweep(&objects, &[name]));
        }
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
        let (Ok(left), Ok(objects)) = (left, self.repository.open_dir("objects")) else { return };
        let mut left: Vec<_> = left.difference(&ended.before).cloned().collect();
        if let Some(scratch) = &self.scratch {
            left.retain(|name| *name != scratch.name);
        }
        if !left.is_empty() {
            in_background(move || sweep(&objects, &left));
        }
    }
}

/// There may be as much to be removed as a push can hold.
fn in_background(work: impl FnOnce() + Send + 'static) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => _ = runtime.spawn_blocking(work),
        Err(_) => work(),
    }
}

fn quarantines(repository: &Dir) -> io::Result<HashSet<String>> {
    let entries = repository.open_dir("objects")?.entries()?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let random = |name: &String| name.strip_prefix(PREFIX).is_some_and(|end| end.len() == RANDOM);
    Ok(names.filter(random).collect())
}

fn sweep(objects: &Dir, left: &[String]) {
    /// Somebody else may be removing the same.
    const ATTEMPTS: usize = 3;
    for name in left {
        let removed = (0..ATTEMPTS).map(|_| objects.remove_dir_all(name));
        let failed = removed.take_while(|_| objects.exists(name)).last();
        if let Some(Err(error)) = failed {
            tracing::error!(%error, "could not sweep what a killed push left behind");
        }
    }
}
