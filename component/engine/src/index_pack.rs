//! Takes in the pack of a push: `git index-pack --stdin --fix-thin --strict`, and
//! `git unpack-objects` for few objects.
//!
//! The pack streams through once: inflated, hashed and written to the quarantine as it arrives.
//! Then deltas are resolved by reading the written pack by position. Nothing but the quarantine
//! is written to, and nothing of the pack is held whole.
//!
//! Spec: gitformat-pack(5); git-index-pack(1); git-unpack-objects(1)

mod blocks;
mod compare;
mod complete;
mod delta_stream;
mod deltas;
mod entries;
mod entry;
mod existing;
mod input;
mod inspect;
mod kept;
mod links;
mod loose;
mod named_blobs;
mod new_objects;
mod object_hasher;
mod resolve;
mod resolve_large;
mod spill;
mod spool;
mod stored;
mod unpack;
mod write_index;

use gitwasi_wire::Oid;

use crate::pack_writer::Hasher;
use crate::quarantine::Quarantine;
use crate::storage::WriteStorage;
use crate::{Error, Repository, Result, fsck};
use blocks::{Blocks as _, Inflating};
use input::{Input, SizeLimit};
use inspect::Inspector;
use loose::LooseWriter;
pub use new_objects::NewObjects;
use resolve::{Resolver, Tally};
use spool::Spool;

/// The directory of packs in a quarantine.
const PACK: &str = "pack";

/// Where the bytes of a pack come from.
pub trait PackSource {
    /// The next bytes, in order; `None` at the end. Chunks may have any size but zero.
    async fn read(&mut self) -> Result<Option<Vec<u8>>>;
}

/// Hears how it goes: what git writes to its standard error.
pub trait Observer {
    /// A line for the person who pushes, without its end: `error: object …`, `warning: object …`.
    async fn message(&mut self, line: String) -> Result<()>;

    /// How far it has come. Called often; cheap to ignore.
    async fn progress(&mut self, progress: Progress) -> Result<()>;
}

/// Hears nothing.
impl Observer for () {
    async fn message(&mut self, _line: String) -> Result<()> {
        Ok(())
    }

    async fn progress(&mut self, _progress: Progress) -> Result<()> {
        Ok(())
    }
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// How many of them were done.
    pub done: u32,
    /// How many there are.
    pub total: u32,
    /// Objects of the repository that were added to the pack.
    pub added: u32,
    /// Bytes of the pack that have arrived.
    pub bytes: u64,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Objects arrive and become a pack.
    Receiving,
    /// Objects arrive and become loose objects.
    Unpacking,
    /// Deltas are resolved.
    Resolving,
    /// The rest of the deltas are resolved, on bases that the repository has.
    Completing,
    /// No more bases are looked for.
    Completed,
}

/// How a pack is taken in.
#[derive(Debug, Clone)]
pub struct Options {
    /// Deltas may have bases that are in the repository and not in the pack, which are then added
    /// to it.
    pub fix_thin: bool,
    /// How severe findings in commits, trees, tags, `.gitmodules` and `.gitattributes` are; `None`
    /// looks for none.
    pub fsck: Option<fsck::Severities>,
    /// Bytes that the pack may have, its trailer included; `None` for any number.
    pub max_input_size: Option<u64>,
    /// Packs of fewer objects become loose objects.
    pub unpack_limit: u32,
    /// Whether a pack gets a `.rev` beside its index.
    pub reverse_index: bool,
}

impl Default for Options {
    /// What git does to a push when nothing is configured, and fsck.
    fn default() -> Self {
        Self {
            fix_thin: true,
            fsck: Some(fsck::Severities::default()),
            max_input_size: None,
            unpack_limit: 100,
            reverse_index: true,
        }
    }
}

/// What was taken in.
#[derive(Debug, Clone)]
pub struct Received {
    /// Where the objects are now.
    pub stored: Stored,
    /// Bytes that were read.
    pub bytes: u64,
    /// The objects that were in the pack, and bases that were added to it.
    pub objects: NewObjects,
}

/// Where objects were put. Files are durable, the directories that hold them are not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// Nowhere: there were none.
    Nothing,
    /// In `pack/pack-<checksum>.pack` of the quarantine, with `.idx` and possibly `.rev`.
    Pack {
        /// The pack's checksum, which is its name.
        checksum: Oid,
    },
    /// In the quarantine's fan-out directories, or in memory.
    Loose,
}

/// Reads a pack to its end and puts its objects into `quarantine`, a directory that exists, is
/// laid out like `objects/`, and that no other pack is being put into.
///
/// When it fails, files may be left in the quarantine, which is the caller's to remove. Nothing
/// outside of it is touched, and `source` may not have been read to its end.
///
/// # Errors
/// [`Error::Malformed`] when the pack is not one, with the words that git has for it after
/// `fatal: `; what fsck found goes to `observer` first.
///
/// # Limits
/// [`crate::Limits::object_size`] for what must be in memory: commits, tags, trees, deltas, their
/// bases and results. Blobs that are stored whole are never held.
pub async fn receive<S: WriteStorage>(
    repository: &Repository<S>,
    quarantine: &str,
    source: &mut impl PackSource,
    options: &Options,
    observer: &mut impl Observer,
) -> Result<Received> {
    receive_into(repository, &Quarantine::existing(quarantine), source, options, observer).await
}

/// As [`receive`]; the objects of a small push stay in memory.
pub(crate) async fn receive_into<S: WriteStorage>(
    repository: &Repository<S>,
    quarantine: &Quarantine,
    source: &mut impl PackSource,
    options: &Options,
    observer: &mut impl Observer,
) -> Result<Received> {
    let engine = &repository.engine;
    let format = repository.object_format();
    let pack = format!("{}/{PACK}", quarantine.path());
    let mut spool = Spool::new(engine, quarantine);
    let mut inspector = Inspector::new(repository, options.fsck.as_ref(), observer);
    let mut input = Input::new(source, format);
    let count = unpack::head(&mut input, &mut spool, repository).await?;
    let few = count < options.unpack_limit;
    input.set_limit(options.max_input_size.map(|bytes| SizeLimit { bytes, is_told: !few }))?;
    if !few {
        inspector.note_links();
    }
    let stage = if few { Stage::Unpacking } else { Stage::Receiving };
    let unpacked = unpack::unpack(input, &mut spool, &mut inspector, count, stage).await?;
    spool.seal().await?;

    let bytes = unpacked.bytes;
    let loose = few && bytes <= engine.limits.unpack_bytes;
    let loose = loose.then(|| LooseWriter::new(engine, quarantine, &repository.memory));
    let mut resolver = Resolver {
        arrived: unpacked.entries.len(),
        entries: unpacked.entries,
        deltas: unpacked.deltas,
        kept: unpacked.kept,
        spool: &mut spool,
        inspector: &mut inspector,
        loose,
        quarantine,
        tally: Tally::default(),
        stage: Stage::Resolving,
    };
    resolver.compare_large(&unpacked.to_compare).await?;
    resolver.write_whole().await?;
    resolver.resolve().await?;
    let added = if options.fix_thin && resolver.tally.resolved < resolver.deltas.count() {
        resolver.complete().await?;
        resolver.tally.added
    } else {
        0
    };
    let left = resolver.deltas.count() - resolver.tally.resolved;
    if left > 0 {
        return Err(unpack::unresolved(left));
    }
    let order = resolver.entries.by_oid(engine).await?;
    resolver.check_named_blobs(&order).await?;
    let Resolver { entries, loose, deltas, kept, .. } = resolver;
    drop((deltas, kept));
    let mut objects = NewObjects::new(&entries, &order, &repository.memory)?;
    if let Some(links) = inspector.take_links()
        && added == 0
        && links.are_within(&objects, engine).await
    {
        objects.close();
    }
    let stored = if let Some(mut loose) = loose {
        loose.flush().await?;
        spool.remove().await?;
        if objects.is_empty() { Stored::Nothing } else { Stored::Loose }
    } else if objects.is_empty() {
        spool.remove().await?;
        Stored::Nothing
    } else {
        unique(&entries, &order)?;
        let count = (added > 0).then_some(entries.len());
        let trailer = spool.finish(count, unpacked.checksum, Hasher::new(format)).await?;
        let checksum = Oid::from_bytes(&trailer).ok_or_else(|| Error::corrupt("a checksum"))?;
        let name = format!("{pack}/pack-{checksum}");
        spool.rename(&format!("{name}.pack")).await?;
        if options.reverse_index {
            let rev = format!("{name}.rev");
            write_index::rev(engine, &rev, format, &order, &trailer, entries.memory()).await?;
        }
        // Last, for it is what makes a pack of them.
        let (temporary, idx) = (format!("{pack}/tmp_idx_incoming"), format!("{name}.idx"));
        write_index::idx(engine, &temporary, format, &entries, &order, &trailer).await?;
        engine.storage.rename(&temporary, &idx).await?;
        Stored::Pack { checksum }
    };
    Ok(Received { stored, bytes, objects })
}

/// Refuses packs that hold an object twice, as `git index-pack --strict` does: they are a burden
/// to whoever reads them.
fn unique(entries: &entries::Entries, order: &[u32]) -> Result<()> {
    let twice = order.windows(2).find(|two| entries.oid_bytes(two[0]) == entries.oid_bytes(two[1]));
    match twice {
        Some(two) => Err(Error::Malformed(format!(
            "The same object {} appears twice in the pack",
            entries.oid(two[0])
        ))),
        None => Ok(()),
    }
}

impl<S: WriteStorage, O: Observer> Resolver<'_, '_, S, O> {
    /// Writes what is stored whole as loose objects, if that is what they become.
    async fn write_whole(&mut self) -> Result<()> {
        let Some(loose) = &mut self.loose else { return Ok(()) };
        for entry in 0..self.entries.len() {
            let Some(kind) = self.entries.whole(entry) else { continue };
            let oid = self.entries.oid(entry);
            if let Some(content) = self.kept.find(entry, kept::Part::Object) {
                loose.write(kind, &oid, &content).await?;
            } else {
                let offset = self.entries.offset(entry);
                let head = self.spool.head(offset, oid.as_bytes().len()).await?;
                let offset = offset + head.length as u64;
                let mut stream = Inflating::new(&*self.spool, self.inspector.pool(), offset);
                loose.copy(kind, &oid, head.size, &mut stream).await?;
            }
        }
        Ok(())
    }
}
