//! The files that a dumb client reads: computed from refs and packs, or as they are stored.
//!
//! What git writes to disk with `git update-server-info` is computed here whenever it is asked
//! for, as git-http-backend does. Hidden refs are told, too: `transfer.hideRefs` is about the
//! services, and the objects can be had anyhow.
//!
//! Spec: gitprotocol-http(5), "Dumb Clients"; git-update-server-info(1)

mod computed;
mod stored;

use std::rc::Rc;

use crate::storage::{Kind, Storage, StorageFile};
use crate::upload_pack::Output;
use crate::{Repository, Result};

/// A file that the dumb protocol names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// `HEAD`: what it points to.
    Head,
    /// `info/refs`: the refs.
    InfoRefs,
    /// `objects/info/packs`: the repository's own packs.
    Packs,
    /// `objects/info/<name>`, for instance `alternates`.
    Info(String),
    /// A loose object, by its whole oid.
    LooseObject(String),
    /// `objects/pack/pack-<checksum>.pack`, by its checksum.
    Pack(String),
    /// `objects/pack/pack-<checksum>.idx`, by its checksum.
    PackIndex(String),
}

/// What is known of a file before it is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Length in bytes; `None` when the file is computed while it is read.
    pub size: Option<u64>,
    /// Last modification, in seconds since 1970-01-01T00:00:00Z; `None` when it is computed.
    pub modified: Option<u64>,
}

/// An open file of the dumb protocol.
#[derive(Debug)]
pub struct File<S: Storage>(Content<S>);

#[derive(Debug)]
enum Content<S: Storage> {
    Computed { repository: Rc<Repository<S>>, what: Computed },
    Stored { file: S::File, attributes: Attributes },
}

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Computed {
    Head,
    InfoRefs,
    Packs,
}

/// Opens a file; `None` if there is none of that name, or if the name is none.
pub async fn open<S: Storage>(
    repository: &Rc<Repository<S>>,
    name: &Name,
) -> Result<Option<File<S>>> {
    let computed =
        |what| Ok(Some(File(Content::Computed { repository: Rc::clone(repository), what })));
    let path = match name {
        Name::Head => return computed(Computed::Head),
        Name::InfoRefs => return computed(Computed::InfoRefs),
        Name::Packs => return computed(Computed::Packs),
        Name::Info(name) if is_component(name) => format!("objects/info/{name}"),
        Name::LooseObject(oid) if is_oid(oid) => format!("objects/{}/{}", &oid[..2], &oid[2..]),
        Name::Pack(checksum) if is_oid(checksum) => format!("objects/pack/pack-{checksum}.pack"),
        Name::PackIndex(checksum) if is_oid(checksum) => {
            format!("objects/pack/pack-{checksum}.idx")
        }
        Name::Info(_) | Name::LooseObject(_) | Name::Pack(_) | Name::PackIndex(_) => {
            return Ok(None);
        }
    };
    let file = match repository.engine.storage.open(&repository.file(&path)).await {
        Ok(file) => file,
        Err(error) if error.is_absent() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let stat = file.stat().await?;
    if stat.kind != Kind::File {
        return Ok(None);
    }
    let modified = Some(stat.modified / 1_000_000_000);
    let attributes = Attributes { size: Some(stat.size), modified };
    Ok(Some(File(Content::Stored { file, attributes })))
}

impl<S: Storage> File<S> {
    /// What was known when the file was opened.
    pub fn attributes(&self) -> Attributes {
        match &self.0 {
            Content::Computed { .. } => Attributes::default(),
            Content::Stored { attributes, .. } => *attributes,
        }
    }

    /// Writes `length` bytes from `offset`, or all up to the end when `length` is `None`.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`] if the file ends before `length` bytes were written;
    /// [`crate::Error::Unsupported`] for a part of a file that is computed.
    ///
    /// # Cancel safety
    /// Dropping the future ends the output short: whoever wrote the head of the response has
    /// promised a length, or has to break the transfer off.
    pub async fn read(
        &self,
        offset: u64,
        length: Option<u64>,
        output: &mut impl Output,
    ) -> Result<()> {
        match &self.0 {
            Content::Computed { repository, what } => {
                if offset > 0 || length.is_some() {
                    let text = "a part of a file that is computed";
                    return Err(crate::Error::Unsupported(text.into()));
                }
                match what {
                    Computed::Head => computed::head(repository, output).await,
                    Computed::InfoRefs => computed::info_refs(repository, output).await,
                    Computed::Packs => computed::packs(repository, output).await,
                }
            }
            Content::Stored { file, .. } => stored::read(file, offset, length, output).await,
        }
    }
}

/// Whether a name stays in its directory, whatever it says.
fn is_component(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '\0'])
}

fn is_oid(hex: &str) -> bool {
    matches!(hex.len(), 40 | 64)
        && hex.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}
