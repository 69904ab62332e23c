//! Flushing files and directories, off the lane's thread.
//!
//! Guests do their file work on the thread that runs them, because everything but this is done
//! before another thread would have woken up. A flush waits for the disk: it would hold up every
//! request of the lane. What an instance flushes in one turn goes together: each file has a thread,
//! because several that wait for the disk at once are one write of the file system's journal, and
//! the instance is woken once, when all are done.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;
use tokio::sync::oneshot;
use tokio::task::{spawn, spawn_blocking, yield_now};
use wasmtime::component::{Accessor, Linker, Resource};
use wasmtime::{Result, format_err};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p3::bindings::filesystem::types::ErrorCode;

use crate::state::State;

const TYPES: &str = "wasi:filesystem/types@0.3.0";

/// Puts these functions in the place of those that were linked before.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    types.func_wrap_concurrent("[method]descriptor.sync", |store, (descriptor,)| {
        Box::pin(flush(store, descriptor, File::sync_all))
    })?;
    types.func_wrap_concurrent("[method]descriptor.sync-data", |store, (descriptor,)| {
        Box::pin(flush(store, descriptor, File::sync_data))
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

async fn flush(
    store: &Accessor<State>,
    descriptor: Resource<Descriptor>,
    how: fn(&File) -> io::Result<()>,
) -> Result<(Result<(), ErrorCode>,)> {
    let (done, flushed) = oneshot::channel();
    store.with(|mut store| {
        let opened = store.get().ctx().table.get(&descriptor)?.clone();
        let file = match opened {
            Descriptor::File(file) => file.file,
            Descriptor::Dir(directory) => directory.dir,
        };
        store.get().flushes.add(Flush { file, how, done });
        Ok::<_, wasmtime::Error>(())
    })?;
    let flushed = flushed.await.map_err(|error| format_err!("a flush ended: {error}"))?;
    Ok((flushed.map_err(ErrorCode::from),))
}

/// What an instance has asked to be flushed in this turn.
#[derive(Clone, Default)]
pub(crate) struct Flushes(Arc<Mutex<Vec<Flush>>>);

/// A file or directory to be flushed.
struct Flush {
    file: Arc<File>,
    how: fn(&File) -> io::Result<()>,
    done: oneshot::Sender<io::Result<()>>,
}

/// Those that are told of their ends together.
type Ended = Mutex<Vec<(oneshot::Sender<io::Result<()>>, io::Result<()>)>>;

impl Flushes {
    fn add(&self, flush: Flush) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(flush);
        if waiting.len() == 1 {
            let flushes = self.clone();
            spawn(async move {
                yield_now().await;
                flushes.begin();
            });
        }
    }

    /// Flushes what has come together.
    fn begin(&self) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = Arc::new(Ended::default());
        for flush in waiting.drain(..) {
            let ended = Arc::clone(&ended);
            spawn_blocking(move || {
                let flushed = run(&flush);
                ended.lock().unwrap_or_else(PoisonError::into_inner).push((flush.done, flushed));
                // The last one tells all.
                if let Some(ended) = Arc::into_inner(ended) {
                    tell(ended);
                }
            });
        }
        drop(waiting);
        if let Some(ended) = Arc::into_inner(ended) {
            tell(ended);
        }
    }
}

fn tell(ended: Ended) {
    for (done, flushed) in ended.into_inner().unwrap_or_else(PoisonError::into_inner) {
        // A guest may have given up waiting.
        _ = done.send(flushed);
    }
}

fn run(flush: &Flush) -> io::Result<()> {
    match (flush.how)(&flush.file) {
        Err(error) if error.raw_os_error() == Some(Errno::BADF.raw_os_error()) => {
            (flush.how)(&readable(&flush.file)?)
        }
        flushed => flushed,
    }
}

/// A directory, opened anew: what a guest has of it may be a mere path, which cannot be flushed.
fn readable(directory: &File) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(directory, c".", flags, Mode::empty())?.into())
}
