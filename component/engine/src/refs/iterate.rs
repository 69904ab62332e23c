//! All refs in order, whichever way they are stored.

use std::collections::VecDeque;

use bstr::{BStr, BString};
use gitwasi_wire::Oid;

use super::files::FilesIter;
use super::reftable::ReftableIter;
use super::selector::Selector;
use super::{Peeled, Ref};
use crate::hex;
use crate::repository::RefStorage;
use crate::storage::Storage;
use crate::{Error, Repository, Result};

/// Iterates over refs in the order of their names.
#[derive(Debug)]
pub struct RefIter<'a, S: Storage> {
    repository: &'a Repository<S>,
    selector: Selector,
    stored: Stored<S>,
    ended: bool,
    /// Refs that [`Self::next`] has ahead.
    ahead: VecDeque<Ref>,
    seen: usize,
}

/// Refs of either kind of storage.
#[derive(Debug)]
enum Stored<S: Storage> {
    Files(FilesIter<S>),
    Reftable(ReftableIter<S>),
}

/// A ref as it goes onto the wire: nothing of it is copied. Oids are lower-case hex digits.
#[derive(Debug, Clone, Copy)]
pub struct RefLine<'a> {
    /// The oid, a space, and the full name. For a broken ref the oid is zeros.
    pub text: &'a [u8],
    /// Digits of the oid.
    pub hex_len: usize,
    /// For a symbolic ref, the name of the ref at the end of the chain.
    pub symref_target: Option<&'a BStr>,
    /// What is known of its peeled value.
    pub peeled: PeeledHex<'a>,
}

/// [`Peeled`], in hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeeledHex<'a> {
    /// The object has to be looked at.
    Unknown,
    /// The ref points to no annotated tag.
    No,
    /// The ref points to an annotated tag which, in the end, points here.
    To(&'a [u8]),
}

impl<'a, S: Storage> RefIter<'a, S> {
    pub(super) async fn new(
        repository: &'a Repository<S>,
        prefixes: &[BString],
        hidden: &[BString],
    ) -> Result<Self> {
        let mut selector = Selector::new(prefixes);
        selector.hide(hidden);
        let stored = match repository.config.ref_storage {
            RefStorage::Files => Stored::Files(FilesIter::new(repository, &selector).await?),
            RefStorage::Reftable => {
                Stored::Reftable(ReftableIter::seek(repository, selector.first()).await?)
            }
        };
        Ok(Self { repository, selector, stored, ended: false, ahead: VecDeque::new(), seen: 0 })
    }

    /// Hands some more refs to `take`, as many as can be had without waiting; false when there
    /// are no more.
    ///
    /// With `peel`, the peeled value of each of them is known.
    ///
    /// # Limits
    /// [`crate::Limits::refs`].
    pub async fn lines(
        &mut self,
        peel: bool,
        mut take: impl FnMut(RefLine<'_>) -> Result<()>,
    ) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        let (before, limit) = (self.seen, self.repository.engine.limits.refs);
        let mut count = |line: RefLine<'_>| {
            self.seen += 1;
            if self.seen > limit { Err(Error::LimitExceeded("refs")) } else { take(line) }
        };
        let (repository, selector) = (self.repository, &mut self.selector);
        let more = match &mut self.stored {
            Stored::Files(files) => files.lines(repository, selector, peel, &mut count).await?,
            Stored::Reftable(refs) => refs.lines(repository, selector, peel, &mut count).await?,
        };
        self.ended = !more;
        // Some twenty of them a microsecond.
        self.repository.engine.worked((self.seen - before) as u64 / 16 + 1).await;
        Ok(more)
    }

    /// The next ref; `None` behind the last.
    ///
    /// # Limits
    /// [`crate::Limits::refs`].
    pub async fn next(&mut self) -> Result<Option<Ref>> {
        while self.ahead.is_empty() && !self.ended {
            let mut ahead = std::mem::take(&mut self.ahead);
            self.lines(false, |line| {
                ahead.push_back(line.to_ref()?);
                Ok(())
            })
            .await?;
            self.ahead = ahead;
        }
        Ok(self.ahead.pop_front())
    }
}

impl<'a> RefLine<'a> {
    /// The object's digits.
    pub fn hex(&self) -> &'a [u8] {
        self.text.get(..self.hex_len).unwrap_or_default()
    }

    /// The full name.
    pub fn name(&self) -> &'a BStr {
        BStr::new(self.text.get(self.hex_len + 1..).unwrap_or_default())
    }

    /// The object.
    pub(super) fn oid(&self) -> Result<Oid> {
        hex::decode(self.hex()).ok_or_else(|| Error::corrupt("a ref"))
    }

    /// What is known of the peeled value.
    pub(super) fn peeled(&self) -> Result<Peeled> {
        Ok(match self.peeled {
            PeeledHex::Unknown => Peeled::Unknown,
            PeeledHex::No => Peeled::No,
            PeeledHex::To(hex) => {
                Peeled::To(hex::decode(hex).ok_or_else(|| Error::corrupt("a ref"))?)
            }
        })
    }

    fn to_ref(self) -> Result<Ref> {
        Ok(Ref {
            name: self.name().to_owned(),
            oid: self.oid()?,
            symref_target: self.symref_target.map(ToOwned::to_owned),
            peeled: self.peeled()?,
        })
    }
}

impl Ref {
    /// Hands the ref to `take` as a line; with `peel`, its peeled value is known.
    pub async fn line<S: Storage>(
        &self,
        repository: &Repository<S>,
        peel: bool,
        take: impl FnOnce(RefLine<'_>) -> Result<()>,
    ) -> Result<()> {
        let (mut text, mut digits) = (Vec::new(), Vec::new());
        hex::append(&self.oid, &mut text);
        let hex_len = text.len();
        text.push(b' ');
        text.extend_from_slice(&self.name);
        let peeled = match self.peeled {
            Peeled::Unknown if peel => {
                repository.odb.peel_unverified(&self.oid).await?.map_or(Peeled::No, Peeled::To)
            }
            peeled => peeled,
        };
        let peeled = match peeled {
            Peeled::Unknown => PeeledHex::Unknown,
            Peeled::No => PeeledHex::No,
            Peeled::To(oid) => {
                hex::append(&oid, &mut digits);
                PeeledHex::To(&digits)
            }
        };
        let symref_target = self.symref_target.as_ref().map(|target| target.as_ref());
        take(RefLine { text: &text, hex_len, symref_target, peeled })
    }

    /// The object at the end of the chain of annotated tags; `None` if this is no such tag.
    pub async fn peel<S: Storage>(&self, repository: &Repository<S>) -> Result<Option<Oid>> {
        match self.peeled {
            Peeled::No => Ok(None),
            Peeled::To(oid) => Ok(Some(oid)),
            Peeled::Unknown => repository.odb.peel_unverified(&self.oid).await,
        }
    }
}
