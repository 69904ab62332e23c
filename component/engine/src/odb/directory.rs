//! The packs of one object directory, kept from one request to the next.
//!
//! An index that was opened stays open, and what was read of it stays parsed, as long as the
//! directory lists its pack. A directory is listed again when it was changed, and when an object
//! is missed.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use gitwasi_wire::ObjectFormat;

use super::multi_pack_index::MultiPackIndex;
use super::{CommitGraph, Pack};
use crate::storage::{Kind, Stat, Storage};
use crate::{Engine, Error, Result};

/// What is known of object directories, by their paths.
#[derive(Debug)]
pub(crate) struct PackDirectories<S: Storage>(HashMap<String, Rc<PackDirectory<S>>>);

/// One object directory's packs, the newest first, as they were when it was listed.
#[derive(Debug)]
pub(super) struct PackDirectory<S: Storage> {
    /// The object directory's path.
    path: String,
    stat: Option<Stat>,
    /// Whether a change since then would show in that.
    settled: bool,
    graph: OnceCell<Option<CommitGraph<S>>>,
    pub(super) packs: Vec<Rc<Pack<S>>>,
    /// One, or the layers of a chain, the lowest first.
    pub(super) multi: Vec<Rc<MultiPackIndex<S>>>,
}

impl<S: Storage> Default for PackDirectories<S> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<S: Storage> Engine<S> {
    /// Closes what no request uses, if too much is open.
    fn close_packs_if_many(&self) {
        let limits = &self.limits;
        if self.kept.get() > limits.kept_tables || self.open_packs.get() > limits.open_packs {
            self.pack_directories.borrow_mut().0.clear();
            self.kept.set(0);
            self.open_packs.set(0);
        }
    }
}

impl<S: Storage> PackDirectory<S> {
    /// The packs below `directory`, an object directory: as they were listed before if nothing
    /// has changed since. With `again` it is listed even if a look cannot tell.
    ///
    /// # Limits
    /// [`crate::Limits::packs`], [`crate::Limits::directory_entries`],
    /// [`crate::Limits::open_directories`].
    pub(super) async fn open(
        engine: &Engine<S>,
        directory: &str,
        format: ObjectFormat,
        again: bool,
    ) -> Result<Rc<Self>> {
        let path = format!("{directory}/pack");
        // Before the listing: a change that comes between the two is then noticed.
        let stat = engine.look(&path).await?;
        engine.close_packs_if_many();
        let known = engine.pack_directories.borrow().0.get(directory).cloned();
        if let Some(known) = &known
            && known.stat == stat
            && (known.settled || !again)
        {
            return Ok(Rc::clone(known));
        }
        let listed = Rc::new(Self::list(engine, &path, format, stat, known).await?);
        let directories = &mut engine.pack_directories.borrow_mut().0;
        if directories.len() >= engine.limits.open_directories {
            directories.clear();
        }
        directories.insert(directory.to_owned(), Rc::clone(&listed));
        Ok(listed)
    }

    /// The directory's commit-graph, if it has one: as it was when it was first asked for.
    pub(super) async fn commit_graph(
        &self,
        engine: &Engine<S>,
        format: ObjectFormat,
    ) -> Result<Option<&CommitGraph<S>>> {
        if self.graph.get().is_none() {
            _ = self.graph.set(CommitGraph::open(engine, &self.path, format).await?);
        }
        Ok(self.graph.get().and_then(Option::as_ref))
    }

    async fn list(
        engine: &Engine<S>,
        path: &str,
        format: ObjectFormat,
        stat: Option<Stat>,
        known: Option<Rc<Self>>,
    ) -> Result<Self> {
        let settled = stat.as_ref().is_none_or(|stat| engine.is_settled(stat));
        let entries = match engine.storage.entries(path, engine.limits.directory_entries).await {
            Ok(entries) => entries,
            Err(error) if error.is_absent() => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let before: HashMap<&str, &Rc<Pack<S>>> = known
            .iter()
            .flat_map(|known| known.packs.iter().map(|pack| (pack.stem(), pack)))
            .collect();
        let files: HashMap<(&str, &str), ()> = entries
            .iter()
            .filter(|entry| entry.kind != Kind::Directory)
            .filter_map(|entry| Some((entry.name.rsplit_once('.')?, ())))
            .collect();
        let mut packs = Vec::new();
        for (name, _) in
            files.keys().filter(|(name, end)| *end == "idx" && name.starts_with("pack-"))
        {
            let stem = format!("{path}/{name}");
            if let Some(pack) = before.get(stem.as_str()) {
                packs.push(Rc::clone(pack));
                continue;
            }
            if packs.len() >= engine.limits.packs {
                return Err(Error::LimitExceeded("packs"));
            }
            // An index without a pack is left by a repack that is under way.
            if let Some(stat) = engine.look(&format!("{stem}.pack")).await? {
                let has = |end| files.contains_key(&(*name, end));
                packs.push(Rc::new(Pack::new(stem, stat.modified, has("rev"), has("bitmap"))));
            }
        }
        // The newest first, as git asks them; names decide between equals, to be deterministic.
        packs.sort_by(|a, b| b.modified().cmp(&a.modified()).then_with(|| a.stem().cmp(b.stem())));
        let has = |name| entries.iter().any(|entry| entry.name == name);
        let mut multi = Vec::new();
        if has("multi-pack-index") {
            multi.extend(MultiPackIndex::open(engine, path, format).await?);
        }
        if multi.is_empty() && has("multi-pack-index.d") {
            multi = MultiPackIndex::open_chain(engine, path, format).await?;
        }
        let multi = multi.into_iter().map(|multi| {
            let mut before = known.iter().flat_map(|known| &known.multi);
            let same = before.find(|before| multi.is_same_as(before)).map(Rc::clone);
            same.unwrap_or_else(|| Rc::new(multi))
        });
        let multi = multi.collect();
        let path = path.trim_end_matches("/pack").to_owned();
        Ok(Self { path, stat, settled, graph: OnceCell::new(), packs, multi })
    }
}
