//! The events that wait for delivery, a file each, in a directory that one process has for itself.
//!
//! A file's name has the event's number, which is the microsecond of its making, and its lane: the
//! events of one repository. A number is higher than all before it.
//!
//! A push that is announced has a file, too, which is not delivered. One that is found when the
//! queue is opened is an event like the others: nobody knows what became of that push.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use super::limits::{FAILED_EVENTS, QUEUE_BYTES, QUEUE_EVENTS};

/// How the files of events end, and those of pushes that are announced.
const EVENT: &str = ".json";
const ANNOUNCED: &str = ".announced";

/// The events of one repository, which are delivered in their order.
pub(super) type Lane = u64;

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    number: u64,
    lane: Lane,
    bytes: u64,
}

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    directory: PathBuf,
    /// Held while an event is written: two of one repository must not overtake each other.
    last: Mutex<u64>,
    waiting: Mutex<Waiting>,
    announced: Mutex<HashMap<String, PathBuf>>,
    _lock: File,
}

#[derive(Debug, Default)]
struct Waiting {
    lanes: HashMap<Lane, VecDeque<Entry>>,
    events: usize,
    bytes: u64,
}

/// A queue could not be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("another process uses it")]
    InUse,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// An event was not queued.
#[derive(Debug, thiserror::Error)]
pub(super) enum AppendError {
    #[error("the queue is full")]
    Full,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Queue {
    /// Opens the queue in `directory`, which is made if it is missing.
    pub(super) fn open(directory: &Path) -> Result<Self, OpenError> {
        for made in [directory, &directory.join("failed")] {
            DirBuilder::new().recursive(true).mode(0o700).create(made)?;
        }
        let lock = private().create(true).truncate(false).open(directory.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse,
            TryLockError::Error(error) => OpenError::Io(error),
        })?;
        let mut found = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let (name, bytes) = (entry.file_name(), entry.metadata()?.len());
            match name.to_str() {
                // What was written when a process ended was never queued.
                Some(name) if name.ends_with(".tmp") => fs::remove_file(entry.path())?,
                Some(name) if name.ends_with(ANNOUNCED) => {
                    let Some(event) = Entry::parse(name, ANNOUNCED, bytes) else { continue };
                    fs::rename(entry.path(), directory.join(event.name(EVENT)))?;
                    found.push(event);
                }
                Some(name) => found.extend(Entry::parse(name, EVENT, bytes)),
                None => {}
            }
        }
        found.sort_unstable();
        let mut waiting = Waiting::default();
        let last = found.last().map_or(0, |entry| entry.number);
        for entry in found {
            waiting.push(entry);
        }
        let directory = directory.to_owned();
        let (last, waiting) = (Mutex::new(last), Mutex::new(waiting));
        Ok(Self { directory, last, waiting, announced: Mutex::default(), _lock: lock })
    }

    /// Queues an event of `repository`, which `write` writes. Once this has returned, no crash
    /// loses it. Tells whether its lane was empty: nobody is at work on it then.
    ///
    /// Blocks: it waits for the disk.
    pub(super) fn append(
        &self,
        repository: &str,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<(Lane, bool), AppendError> {
        let mut last = lock(&self.last);
        let entry = self.write(&mut last, repository, EVENT, write)?;
        let began = self.waiting().push(entry);
        Ok((entry.lane, began))
    }

    /// Notes that a push of `repository` may be going to be told of, as `id`. Once this has
    /// returned, no crash loses it.
    ///
    /// Blocks: it waits for the disk.
    pub(super) fn announce(
        &self,
        id: String,
        repository: &str,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<(), AppendError> {
        let mut last = lock(&self.last);
        let entry = self.write(&mut last, repository, ANNOUNCED, write)?;
        lock(&self.announced).insert(id, self.directory.join(entry.name(ANNOUNCED)));
        Ok(())
    }

    /// Removes what was announced as `id`, if it was.
    pub(super) fn withdraw(&self, id: &str) -> io::Result<()> {
        let announced = lock(&self.announced).remove(id);
        announced.map_or(Ok(()), fs::remove_file)
    }

    fn write(
        &self,
        last: &mut u64,
        repository: &str,
        kind: &str,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<Entry, AppendError> {
        let waiting = self.waiting();
        let events = waiting.events + lock(&self.announced).len();
        if events >= QUEUE_EVENTS || waiting.bytes >= QUEUE_BYTES {
            return Err(AppendError::Full);
        }
        drop(waiting);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        let mut entry = Entry { number: now.max(*last + 1), lane: lane(repository), bytes: 0 };
        let temporary = self.directory.join(format!("{:020}.tmp", entry.number));
        let written = (|| {
            let mut file = BufWriter::new(private().create_new(true).open(&temporary)?);
            write(&mut file)?;
            let file = file.into_inner()?;
            file.sync_all()?;
            let bytes = file.metadata()?.len();
            fs::rename(&temporary, self.directory.join(entry.name(kind)))?;
            File::open(&self.directory)?.sync_all()?;
            io::Result::Ok(bytes)
        })();
        entry.bytes = written.inspect_err(|_| {
            let _ = fs::remove_file(&temporary);
        })?;
        *last = entry.number;
        Ok(entry)
    }

    /// The lanes that are not empty.
    pub(super) fn lanes(&self) -> Vec<Lane> {
        self.waiting().lanes.keys().copied().collect()
    }

    /// The event of a lane that is next, none if the lane is empty.
    pub(super) fn first(&self, lane: Lane) -> Option<Entry> {
        let mut waiting = self.waiting();
        let first = waiting.lanes.get(&lane)?.front().copied();
        if first.is_none() {
            waiting.lanes.remove(&lane);
        }
        first
    }

    /// Where an event is.
    pub(super) fn path(&self, entry: &Entry) -> PathBuf {
        self.directory.join(entry.name(EVENT))
    }

    /// Removes an event that was delivered.
    pub(super) fn remove(&self, entry: &Entry) -> io::Result<()> {
        self.waiting().pop(entry);
        fs::remove_file(self.path(entry))
    }

    /// Puts an event aside that is given up; tells where, or none if there is no room for it.
    pub(super) fn give_up(&self, entry: &Entry) -> io::Result<Option<PathBuf>> {
        self.waiting().pop(entry);
        let failed = self.directory.join("failed");
        if fs::read_dir(&failed)?.count() >= FAILED_EVENTS {
            fs::remove_file(self.path(entry))?;
            return Ok(None);
        }
        let aside = failed.join(entry.name(EVENT));
        fs::rename(self.path(entry), &aside)?;
        Ok(Some(aside))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        lock(&self.waiting)
    }
}

impl Waiting {
    fn push(&mut self, entry: Entry) -> bool {
        self.events += 1;
        self.bytes += entry.bytes;
        let began = !self.lanes.contains_key(&entry.lane);
        self.lanes.entry(entry.lane).or_default().push_back(entry);
        began
    }

    fn pop(&mut self, entry: &Entry) {
        let lane = self.lanes.get_mut(&entry.lane);
        if lane.is_some_and(|lane| lane.pop_front_if(|first| first == entry).is_some()) {
            self.events -= 1;
            self.bytes -= entry.bytes;
        }
    }
}

impl Entry {
    fn name(&self, kind: &str) -> String {
        format!("{:020}-{:016x}{kind}", self.number, self.lane)
    }

    fn parse(name: &str, kind: &str, bytes: u64) -> Option<Self> {
        let (number, lane) = name.strip_suffix(kind)?.split_once('-')?;
        let (number, lane) = (number.parse().ok()?, u64::from_str_radix(lane, 16).ok()?);
        let entry = Self { number, lane, bytes };
        (entry.name(kind) == name).then_some(entry)
    }

    /// How long the event has been in the queue.
    pub(super) fn age(&self) -> Duration {
        let made = UNIX_EPOCH + Duration::from_micros(self.number);
        SystemTime::now().duration_since(made).unwrap_or_default()
    }
}

/// The lane of a repository, which has two names: with `.git` and without.
fn lane(repository: &str) -> Lane {
    let name = repository.strip_suffix(".git").unwrap_or(repository);
    let name = name.strip_suffix('/').unwrap_or(name);
    let digest = Sha256::digest(name.as_bytes());
    digest.iter().take(8).fold(0, |lane, byte| lane << 8 | u64::from(*byte))
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

    use std::io::Write as _;

    use super::*;

    fn append(queue: &Queue, repository: &str) -> (Lane, bool) {
        queue.append(repository, |file| file.write_all(b"{}\n")).unwrap()
    }

    #[test]
    fn events_of_one_repository_keep_their_order_over_a_restart() {
        let scratch = tempfile::tempdir().unwrap();
        let queue = Queue::open(scratch.path()).unwrap();
        let (app, began) = append(&queue, "team/app");
        assert!(began);
        assert_eq!(append(&queue, "team/app.git"), (app, false));
        let (other, began) = append(&queue, "team/other");
        assert!(began && other != app);
        assert!(matches!(Queue::open(scratch.path()), Err(OpenError::InUse)));
        let first = queue.first(app).unwrap();
        drop(queue);
        fs::write(scratch.path().join("00000000000000000001.tmp"), "cut").unwrap();

        let queue = Queue::open(scratch.path()).unwrap();
        assert_eq!(queue.lanes().len(), 2);
        assert_eq!(queue.first(app), Some(first));
        queue.remove(&first).unwrap();
        let second = queue.first(app).unwrap();
        assert!(second > first);
        let aside = queue.give_up(&second).unwrap().unwrap();
        assert_eq!(fs::read(aside).unwrap(), b"{}\n");
        assert_eq!(queue.first(app), None);
        assert_eq!(append(&queue, "team/app"), (app, true));
        assert!(!scratch.path().join("00000000000000000001.tmp").exists());
    }

    #[test]
    fn what_was_announced_and_not_taken_back_is_an_event_after_a_restart() {
        let scratch = tempfile::tempdir().unwrap();
        let queue = Queue::open(scratch.path()).unwrap();
        for id in ["one", "two"] {
            queue.announce(id.to_owned(), "app", |file| file.write_all(id.as_bytes())).unwrap();
        }
        let (app, _) = append(&queue, "app");
        queue.withdraw("one").unwrap();
        queue.withdraw("never announced").unwrap();
        drop(queue);

        let queue = Queue::open(scratch.path()).unwrap();
        let first = queue.first(app).unwrap();
        assert_eq!(fs::read(queue.path(&first)).unwrap(), b"two");
        queue.remove(&first).unwrap();
        let second = queue.first(app).unwrap();
        assert_eq!(fs::read(queue.path(&second)).unwrap(), b"{}\n");
        queue.remove(&second).unwrap();
        assert_eq!(queue.first(app), None);
    }

    #[test]
    fn a_full_queue_takes_no_more_until_there_is_room() {
        let scratch = tempfile::tempdir().unwrap();
        let queue = Queue::open(scratch.path()).unwrap();
        let (lane, _) = append(&queue, "app");
        let entry = queue.first(lane).unwrap();
        for number in 1..QUEUE_EVENTS as u64 {
            queue.waiting().push(Entry { number, ..entry });
        }
        assert!(matches!(queue.append("app", |_| Ok(())), Err(AppendError::Full)));
        queue.remove(&entry).unwrap();
        append(&queue, "app");
    }
}
