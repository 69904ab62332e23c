//! What is asked of every object that arrives, whole or resolved: that it is no other object than
//! the one of that oid that the repository has, and that fsck finds no fault with it.

use std::collections::BTreeSet;

use gitwasi_wire::{ObjectFormat, Oid};

use super::Observer;
use super::existing::Existing;
use super::links::Links;
use super::unpack::collision;
use crate::fsck::{DotGit, Findings, Severities};
use crate::object::{Commit, Kind, Tag, changed_entries, only_oids_differ};
use crate::odb::{InflatePool, Location};
use crate::storage::Storage;
use crate::working_memory::Lease;
use crate::{Engine, Error, Repository, Result, fsck};

/// Bytes that a blob takes whose name matters.
const NAMED: usize = 64;

/// Looks at objects.
pub(super) struct Inspector<'r, S: Storage, O> {
    pub(super) repository: &'r Repository<S>,
    pub(super) observer: &'r mut O,
    existing: Existing<'r, S>,
    fsck: Option<&'r Severities>,
    /// What the objects name, if that is to be known and can be.
    links: Option<Links>,
    /// Whether no fault was found yet.
    spotless: bool,
    /// Blobs that trees name `.gitmodules` or `.gitattributes`.
    named: BTreeSet<(DotGit, Oid)>,
    lease: Lease,
}

impl<'r, S: Storage, O: Observer> Inspector<'r, S, O> {
    pub(super) fn new(
        repository: &'r Repository<S>,
        fsck: Option<&'r Severities>,
        observer: &'r mut O,
    ) -> Self {
        let existing = Existing::new(repository.odb());
        let lease = Lease::new(&repository.memory);
        let named = BTreeSet::new();
        let spotless = true;
        Self { repository, observer, existing, fsck, links: None, spotless, named, lease }
    }

    /// Notes from now on what objects name.
    pub(super) fn note_links(&mut self) {
        self.links = Some(Links::new(&self.repository.memory));
    }

    /// What the objects that were looked at name, if that is known of all.
    pub(super) fn take_links(&mut self) -> Option<Links> {
        self.links.take()
    }

    pub(super) fn engine(&self) -> &'r Engine<S> {
        &self.repository.engine
    }

    pub(super) fn format(&self) -> ObjectFormat {
        self.repository.object_format()
    }

    pub(super) fn pool(&self) -> &'r InflatePool {
        &self.repository.odb.inflaters
    }

    /// An object that is in memory, and the object of the pack that it is a delta to.
    pub(super) async fn object(
        &mut self,
        kind: Kind,
        oid: &Oid,
        content: &[u8],
        base: Option<&[u8]>,
    ) -> Result<()> {
        self.compare(kind, oid, content).await?;
        let (format, oid_len) = (self.format(), oid.as_bytes().len());
        // Of trees, what they have in common with their bases was looked at there.
        let (mut named, mut checked) = (content, content);
        if let (Kind::Tree, Some(base)) = (kind, base)
            && let Some(changed) = changed_entries(content, base, oid_len)
        {
            named = &content[changed.clone()];
            if self.spotless && only_oids_differ(content, base, &changed, oid_len) {
                checked = named;
            }
        }
        self.links = self.links.take().and_then(|links| links.with(kind, named, format));
        let Some(severities) = self.fsck.filter(|_| kind != Kind::Blob) else { return Ok(()) };
        let mut lease = Lease::new(&self.repository.memory);
        if kind == Kind::Tree {
            // Names that may be taken for one another are noted, and those that matter.
            lease.cover(2 * checked.len())?;
        }
        let findings = fsck::check(kind, oid, checked, severities);
        self.spotless &= findings.is_spotless();
        if self.report(&findings).await? {
            return Err(Error::Malformed("fsck error in packed object".into()));
        }
        self.named.extend(findings.named());
        if self.named.len() > self.engine().limits.dotgit_blobs {
            return Err(Error::LimitExceeded("dotgit_blobs"));
        }
        self.lease.cover(self.named.len() * NAMED)?;
        // Findings that the configuration lets pass may still be more than anybody can read.
        let readable = match kind {
            Kind::Commit => Commit::parse(content, self.format()).is_ok(),
            Kind::Tag => Tag::parse(content, self.format()).is_ok(),
            Kind::Tree | Kind::Blob => true,
        };
        if readable { Ok(()) } else { Err(Error::Malformed(format!("invalid {}", kind.name()))) }
    }

    /// Blobs that were named `.gitmodules` or `.gitattributes`, and how severe findings in them
    /// are.
    pub(super) fn take_named(&mut self) -> Option<(BTreeSet<(DotGit, Oid)>, &'r Severities)> {
        Some((std::mem::take(&mut self.named), self.fsck?))
    }

    /// Passes findings on; whether one of them is an error.
    pub(super) async fn report(&mut self, findings: &Findings<'_>) -> Result<bool> {
        for line in findings.lines() {
            self.observer.message(line).await?;
        }
        Ok(findings.has_errors())
    }

    /// A blob that is not; whether the repository has one of that oid, to be compared later.
    pub(super) async fn large_blob(&mut self, oid: &Oid, size: u64) -> Result<bool> {
        let Some(location) = self.existing.find(oid).await? else { return Ok(false) };
        let header = self.repository.odb.header(oid, location).await?;
        if header == (Kind::Blob, size) { Ok(true) } else { Err(collision(oid)) }
    }

    /// Where the repository has an object.
    pub(super) async fn find_existing(&self, oid: &Oid) -> Result<Option<Location>> {
        self.existing.find(oid).await
    }

    async fn compare(&self, kind: Kind, oid: &Oid, content: &[u8]) -> Result<()> {
        let Some(location) = self.existing.find(oid).await? else { return Ok(()) };
        let odb = &self.repository.odb;
        if odb.header(oid, location).await? != (kind, content.len() as u64) {
            return Err(collision(oid));
        }
        match odb.read_at(oid, location).await {
            Ok(object) if object.content.as_slice() == content => Ok(()),
            Ok(_) => Err(collision(oid)),
            Err(Error::Corrupt(_)) => {
                Err(Error::Corrupt(format!("cannot read existing object {oid}")))
            }
            Err(error) => Err(error),
        }
    }
}
