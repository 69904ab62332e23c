//! The files of the dumb protocol: computed by git where they depend on refs, else read as they
//! are below the open repository.
//!
//! Source: the services table of git's `http-backend.c`.

use std::fmt::Write as _;
use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use cap_std::fs::Dir;
use gitwasi_runtime::body::full;
use gitwasi_runtime::{
    Body, BodyError, BoxFuture, DumbFile, ErrorCode, File, FileAttributes, ProtocolVersion,
    RequestContext,
};
use gitwasi_sandbox::GitCommand;
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::io::AsyncSeekExt;
use tokio_util::io::poll_read_buf;

use super::{OpenRepository, internal};

/// How many bytes are read of a file at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// The most that a computed list of packs may amount to, in bytes: 150,000 packs.
const MAX_PACKS_BYTES: usize = 8 << 20;

impl OpenRepository {
    pub(super) async fn open_dumb_file(
        &self,
        context: &RequestContext,
        file: DumbFile,
    ) -> Result<Arc<dyn File>, ErrorCode> {
        let path = match file {
            DumbFile::Head => return self.computed(context, GitCommand::Head).await,
            DumbFile::InfoRefs => return self.computed(context, GitCommand::ForEachRef).await,
            DumbFile::Packs => {
                let directory = self.directory.try_clone().map_err(internal)?;
                let list = tokio::task::spawn_blocking(move || packs(&directory));
                return Ok(Computed::file(full(list.await.map_err(internal)??)));
            }
            DumbFile::Info(name) => format!("objects/info/{name}"),
            DumbFile::LooseObject(oid) => {
                let (directory, rest) = oid.split_at(2);
                format!("objects/{directory}/{rest}")
            }
            DumbFile::Pack(checksum) => format!("objects/pack/pack-{checksum}.pack"),
            DumbFile::PackIndex(checksum) => format!("objects/pack/pack-{checksum}.idx"),
        };
        let directory = self.directory.try_clone().map_err(internal)?;
        let opened = tokio::task::spawn_blocking(move || Stored::open(&directory, &path));
        Ok(Arc::new(opened.await.map_err(internal)??))
    }

    /// What git computes from the refs.
    async fn computed(
        &self,
        context: &RequestContext,
        command: GitCommand,
    ) -> Result<Arc<dyn File>, ErrorCode> {
        let job = self.job(command, ProtocolVersion::V0)?;
        Ok(Computed::file(self.shared.processes.run(context, job, None).await?))
    }
}

/// `objects/info/packs`: a line for each pack that has an index, and an empty one.
fn packs(repository: &Dir) -> Result<String, ErrorCode> {
    let mut list = String::new();
    let Ok(directory) = repository.open_dir("objects/pack") else { return Ok("\n".to_owned()) };
    for entry in directory.entries().map_err(internal)? {
        let Ok(name) = entry.map_err(internal)?.file_name().into_string() else { continue };
        let Some(stem) = name.strip_suffix(".idx") else { continue };
        if stem.starts_with("pack-") && directory.exists(format!("{stem}.pack")) {
            let _ = writeln!(list, "P {stem}.pack");
        }
        if list.len() > MAX_PACKS_BYTES {
            return Err(ErrorCode::LimitExceeded("packs".to_owned()));
        }
    }
    list.push('\n');
    Ok(list)
}

/// A file that is computed while it is read, once.
struct Computed(Mutex<Option<Body>>);

impl Computed {
    fn file(body: Body) -> Arc<dyn File> {
        Arc::new(Self(Mutex::new(Some(body))))
    }
}

impl File for Computed {
    fn attributes(&self) -> FileAttributes {
        FileAttributes::default()
    }

    fn read(&self, offset: u64, _: Option<u64>) -> BoxFuture<'_, Result<Body, ErrorCode>> {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::pin(async move {
            body.filter(|_| offset == 0)
                .ok_or_else(|| ErrorCode::Unsupported("a computed file is read once".to_owned()))
        })
    }
}

/// A file as it is in the repository.
struct Stored {
    file: std::fs::File,
    attributes: FileAttributes,
}

impl Stored {
    fn open(repository: &Dir, path: &str) -> Result<Self, ErrorCode> {
        let file = repository.open(path).map_err(|_| ErrorCode::NotFound)?.into_std();
        let metadata = file.metadata().map_err(internal)?;
        if !metadata.is_file() {
            return Err(ErrorCode::NotFound);
        }
        let modified = metadata.modified().ok();
        let modified = modified.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        let attributes = FileAttributes {
            size: Some(metadata.len()),
            modified: Some(modified.unwrap_or(Duration::ZERO)),
        };
        Ok(Self { file, attributes })
    }
}

impl File for Stored {
    fn attributes(&self) -> FileAttributes {
        self.attributes
    }

    fn read(&self, offset: u64, length: Option<u64>) -> BoxFuture<'_, Result<Body, ErrorCode>> {
        Box::pin(async move {
            let mut file = tokio::fs::File::from_std(self.file.try_clone().map_err(internal)?);
            file.seek(SeekFrom::Start(offset)).await.map_err(internal)?;
            Ok(Part::new(file, length).boxed_unsync())
        })
    }
}

/// A part of a file as a body. A file that ends too early is an error, not a short body.
pub(super) struct Part {
    file: tokio::fs::File,
    left: Option<u64>,
    buffer: BytesMut,
}

impl Part {
    /// `length` bytes from where the file is at, or all of it.
    pub(super) fn new(mut file: tokio::fs::File, length: Option<u64>) -> Self {
        file.set_max_buf_size(CHUNK_BYTES);
        Self { file, left: length, buffer: BytesMut::new() }
    }
}

impl http_body::Body for Part {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.left == Some(0) {
            return Poll::Ready(None);
        }
        let this = &mut *self;
        this.buffer.reserve(CHUNK_BYTES);
        let read = match ready!(poll_read_buf(Pin::new(&mut this.file), cx, &mut this.buffer)) {
            Ok(read) => read as u64,
            Err(error) => return Poll::Ready(Some(Err(BodyError::io(error)))),
        };
        if read == 0 {
            let cut = || Err(BodyError::io(io::Error::from(io::ErrorKind::UnexpectedEof)));
            return Poll::Ready(this.left.map(|_| cut()));
        }
        let mut chunk = this.buffer.split();
        if let Some(left) = &mut this.left {
            chunk.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= chunk.len() as u64;
        }
        Poll::Ready(Some(Ok(Frame::data(chunk.freeze()))))
    }
}
