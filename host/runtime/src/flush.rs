//! Flushing files and directories, off the lane's thread.
//!
//! Guests do their file work on the thread that runs them, because everything but this is done
//! before another thread would have woken up. A flush waits for the disk: it would hold up every
//! request of the lane, and several that wait together are one write of the file system's journal.

use std::fs::File;
use std::io;

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;
use tokio::task::spawn_blocking;
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
    flush: fn(&File) -> io::Result<()>,
) -> Result<(Result<(), ErrorCode>,)> {
    let file = store.with(|mut store| {
        let opened = store.get().ctx().table.get(&descriptor)?.clone();
        Ok::<_, wasmtime::Error>(match opened {
            Descriptor::File(file) => file.file,
            Descriptor::Dir(directory) => directory.dir,
        })
    })?;
    let flushed = spawn_blocking(move || match flush(&file) {
        Err(error) if error.raw_os_error() == Some(Errno::BADF.raw_os_error()) => {
            flush(&readable(&file)?)
        }
        flushed => flushed,
    })
    .await;
    let flushed = flushed.map_err(|error| format_err!("a flush ended: {error}"))?;
    Ok((flushed.map_err(ErrorCode::from),))
}

/// A directory, opened anew: what a guest has of it may be a mere path, which cannot be flushed.
fn readable(directory: &File) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(directory, c".", flags, Mode::empty())?.into())
}
