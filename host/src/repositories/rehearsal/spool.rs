//! A request, kept on disk while git reads it, so that another git can read it again.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use cap_std::fs::{Dir, OpenOptions};
use gitwasi_runtime::{Body, ErrorCode};
use http_body_util::{BodyExt, BodyStream};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::super::files::Part;
use super::joined;

/// Where a request is written.
pub(crate) struct Spool {
    file: File,
    /// The most that is kept, in bytes. A longer request cannot be read again.
    limit: u64,
    kept: Arc<Kept>,
}

/// Where it is read again.
pub(super) struct Kept {
    file: std::fs::File,
    length: AtomicU64,
    whole: AtomicBool,
    failed: AtomicBool,
}

/// Makes a spool, whose file has no name. Blocks.
pub(super) fn spool(directory: &Dir, limit: u64) -> io::Result<(Spool, Arc<Kept>)> {
    const NAME: &str = "request";
    let begun = directory.open_with(NAME, OpenOptions::new().write(true).create_new(true))?;
    let file = directory.open(NAME)?.into_std();
    directory.remove_file(NAME)?;
    let kept = Arc::new(Kept {
        file,
        length: AtomicU64::new(0),
        whole: AtomicBool::new(false),
        failed: AtomicBool::new(false),
    });
    let file = File::from_std(begun.into_std());
    Ok((Spool { file, limit, kept: Arc::clone(&kept) }, kept))
}

impl Spool {
    /// Keeps the next bytes. They are kept before git gets them, so that whatever git has read can
    /// be read again.
    pub(crate) async fn keep(&mut self, chunk: &[u8]) {
        if self.kept.failed.load(Ordering::Acquire) {
            return;
        }
        let length = self.kept.length.load(Ordering::Acquire) + chunk.len() as u64;
        match self.write(chunk, length).await {
            Ok(()) => self.kept.length.store(length, Ordering::Release),
            Err(error) => {
                tracing::error!(%error, "cannot keep a push for when it has been rehearsed");
                self.kept.failed.store(true, Ordering::Release);
            }
        }
    }

    async fn write(&mut self, chunk: &[u8], length: u64) -> io::Result<()> {
        if length > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.file.write_all(chunk).await?;
        self.file.flush().await
    }

    /// Notes that the request has arrived whole.
    pub(crate) fn end(self) {
        self.kept.whole.store(true, Ordering::Release);
    }
}

impl Kept {
    /// The request from its first byte on: what is kept, and behind it the `rest` that git did not get.
    ///
    /// # Errors
    ///
    /// It could not be kept, or did not arrive whole.
    pub(super) fn body(&self, rest: Option<Body>) -> Result<Body, ErrorCode> {
        if self.failed.load(Ordering::Acquire) {
            return Err(ErrorCode::Internal("the request could not be kept".to_owned()));
        }
        let file = self.file.try_clone().map_err(super::internal)?;
        let length = self.length.load(Ordering::Acquire);
        let kept = Part::new(File::from_std(file), Some(length)).boxed_unsync();
        match rest {
            Some(rest) => Ok(joined(BodyStream::new(kept), rest)),
            None if self.whole.load(Ordering::Acquire) => Ok(kept),
            None => Err(ErrorCode::Aborted),
        }
    }
}
