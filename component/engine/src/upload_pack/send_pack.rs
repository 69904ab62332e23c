//! The pack of a response, in its side-band.
//!
//! Spec: gitprotocol-pack(5), "Packfile Data"

use std::rc::Rc;
use std::time::Duration;

use gitwasi_wire::side_band::{self, Band, KEEP_ALIVE, SideBand};
use gitwasi_wire::upload_pack::v2::FetchResponse;

use super::alive::{KEEP_ALIVE_BEFORE_SECTION, Signs};
use super::fetch_args::FetchArgs;
use super::output::{Output, PACK_CHUNK, Response};
use super::select::select;
use super::shallow::Plan;
use super::{does_not_fit, packfile_uris};
use crate::pack_writer::{self, PackOptions, PackSink, Totals};
use crate::storage::Storage;
use crate::walk::{Selection, Walk};
use crate::{Error, Result};

/// Selects the objects and writes them, `sections` that are left before them.
///
/// What the client can fetch elsewhere is known when the objects are: then their section begins
/// after the progress of selecting them.
pub(super) async fn send<S: Storage, O: Output>(
    walk: &mut Walk<'_, S>,
    arguments: &FetchArgs,
    plan: &Plan,
    mut sections: Option<FetchResponse>,
    response: &mut Response<'_, O>,
) -> Result<()> {
    if arguments.uri_protocols.is_empty()
        && let Some(sections) = sections.take()
    {
        sections.packfile(response.buffer());
    }
    response.in_pack = arguments.side_band;
    let progress = arguments.progress;
    // What was negotiated goes out before the walk, so that nobody waits for it.
    response.flush().await?;
    let repository = walk.repository;
    repository.config().packfile_uris.elsewhere()?;
    let storage = &repository.engine.storage;
    let keep_alive =
        repository.config().keep_alive.map(|seconds| Duration::from_secs(seconds.into()));
    let signs = Signs {
        turns: &repository.engine.turns,
        storage,
        side_band: arguments.side_band,
        progress: progress.then(|| Rc::clone(&walk.read)),
        keep_alive,
        keep_alive_packet: match sections {
            Some(_) => KEEP_ALIVE_BEFORE_SECTION,
            None => KEEP_ALIVE,
        },
    };
    let mut selection = signs.during(response, select(walk, arguments, plan)).await??;
    let found = selection.wanted.count();
    if let Some(sections) = sections {
        begin(walk, arguments, &mut selection, sections, response).await?;
    }
    let count = selection.wanted.count();
    let mut stream = Stream {
        response,
        side_band: arguments.side_band,
        open: None,
        clock: Clock { storage, keep_alive, puts: 0, flushed: storage.now() },
    };
    if progress {
        stream.found(found, count).await?;
    }
    stream.response.raw = arguments.side_band.is_none();
    let options = PackOptions { thin: arguments.thin, ofs_delta: arguments.ofs_delta };
    let totals = pack_writer::write(walk, &selection, options, &mut stream).await?;
    stream.close();
    if progress {
        stream.progress(&summary(totals));
    }
    Ok(())
}

/// What a person is told at the end.
///
/// # Deviation
/// Git tells of `Compressing objects` before it writes, of each object that it looks for a delta
/// for. Nothing is told here of objects that are copied, and of the others when they are through:
/// they are deflated as they are sent.
fn summary(totals: Totals) -> String {
    let Totals { objects, deltas, reused, pack_reused, packs_reused } = totals;
    // By a reverse index that lies, an object is copied more than once.
    let deflated = objects.saturating_sub(reused + pack_reused);
    let compressing = match deflated {
        0 => String::new(),
        count => format!("Compressing objects: 100% ({count}/{count}), done.\n"),
    };
    format!(
        "{compressing}Total {objects} (delta {deltas}), reused {reused} (delta {deltas}), \
         pack-reused {pack_reused} (from {packs_reused})\n"
    )
}

/// Takes out what the client can fetch elsewhere, tells where, and begins the section of the pack.
async fn begin<S: Storage, O: Output>(
    walk: &mut Walk<'_, S>,
    arguments: &FetchArgs,
    selection: &mut Selection,
    mut sections: FetchResponse,
    response: &mut Response<'_, O>,
) -> Result<()> {
    let packs = packfile_uris::take_out(walk, selection, &arguments.uri_protocols).await?;
    if !packs.is_empty() {
        sections.packfile_uris(packs, response.buffer()).map_err(does_not_fit)?;
    }
    sections.packfile(response.buffer());
    Ok(())
}

/// Tells when bytes have been gathered for so long that they must go out, however few they are.
struct Clock<'s, S: Storage> {
    storage: &'s S,
    keep_alive: Option<Duration>,
    puts: u32,
    flushed: Duration,
}

/// Pieces of a pack between two looks at the clock.
const PUTS: u32 = 64;

impl<S: Storage> Clock<'_, S> {
    fn is_late(&mut self) -> bool {
        let Some(keep_alive) = self.keep_alive else { return false };
        self.puts = (self.puts + 1) % PUTS;
        self.puts == 0 && self.storage.now().saturating_sub(self.flushed) >= keep_alive
    }
}

struct Stream<'a, 'o, 's, S: Storage, O: Output> {
    response: &'a mut Response<'o, O>,
    side_band: Option<SideBand>,
    /// Where in the response's buffer the packet begins that is being filled.
    open: Option<usize>,
    clock: Clock<'s, S>,
}

impl<S: Storage, O: Output> Stream<'_, '_, '_, S, O> {
    fn progress(&mut self, text: &str) {
        if let Some(side_band) = self.side_band {
            self.close();
            side_band::encode(side_band, Band::Progress, text.as_bytes(), self.response.buffer());
        }
    }

    /// Tells how many objects were found, and how many of them are sent.
    async fn found(&mut self, found: u64, sent: u64) -> Result<()> {
        if found > 0 {
            self.progress(&format!("Enumerating objects: {found}, done.\n"));
        }
        if sent > 0 {
            self.progress(&format!("Counting objects: 100% ({sent}/{sent}), done.\n"));
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Result<()> {
        self.close();
        self.response.flush().await?;
        self.clock.flushed = self.clock.storage.now();
        Ok(())
    }

    /// Ends the packet that is being filled.
    fn close(&mut self) {
        let (Some(start), Some(side_band)) = (self.open.take(), self.side_band) else { return };
        let buffer = self.response.buffer();
        let length = buffer.len() - start - 5;
        if let Some(header) = side_band::header(side_band, Band::Data, length) {
            buffer[start..start + 5].copy_from_slice(&header);
        }
    }
}

impl<S: Storage, O: Output> PackSink for Stream<'_, '_, '_, S, O> {
    async fn put(&mut self, mut bytes: &[u8]) -> Result<()> {
        let Some(side_band) = self.side_band else {
            self.response.buffer().extend_from_slice(bytes);
            return self.response.flush_if_full().await;
        };
        while !bytes.is_empty() {
            let buffer = self.response.buffer();
            let start = *self.open.get_or_insert_with(|| {
                let start = buffer.len();
                buffer.extend_from_slice(&[0; 5]);
                start
            });
            let room = (side_band.max_data_len() + 5)
                .checked_sub(buffer.len() - start)
                .ok_or_else(|| Error::Unsupported("a packet that is too long".into()))?;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            buffer.extend_from_slice(now);
            bytes = later;
            if now.len() == room {
                self.close();
                if self.response.buffer().len() >= PACK_CHUNK {
                    self.flush().await?;
                }
            }
        }
        if self.clock.is_late() {
            self.flush().await?;
        }
        Ok(())
    }
}
