//! Peeling annotated tags.

use std::collections::HashMap;

use gitwasi_wire::Oid;

use crate::object::{Kind, Tag};
use crate::odb::Odb;
use crate::storage::Storage;
use crate::{Error, Result};

impl<S: Storage> Odb<S> {
    /// Follows annotated tags to what is none; `None` if `oid` itself is no tag.
    ///
    /// # Limits
    /// [`crate::Limits::tag_depth`].
    pub async fn peel(&self, oid: &Oid) -> Result<Option<Oid>> {
        let mut current = *oid;
        for depth in 0..=self.engine.limits.tag_depth {
            let Some(location) = self.find(&current).await? else { return Ok(None) };
            let (kind, _) = self.header(&current, location).await?;
            if kind != Kind::Tag {
                return Ok((depth > 0).then_some(current));
            }
            let object = self.read_at(&current, location).await?;
            current = Tag::parse(&object.content, self.format)?.target;
        }
        Err(Error::LimitExceeded("tag_depth"))
    }

    /// As [`Self::peel`], but takes a tag's word for what it points to, which may not be here. So
    /// does git when it lists refs.
    ///
    /// # Limits
    /// [`crate::Limits::tag_depth`].
    pub(crate) async fn peel_unverified(&self, oid: &Oid) -> Result<Option<Oid>> {
        let directory = self.directories().first().map_or("", String::as_str);
        if let Some(peeled) = self.engine.peeled.borrow().find(directory, oid) {
            return Ok(peeled);
        }
        let peeled = self.look_and_peel(oid).await?;
        if let Some(peeled) = peeled {
            let limit = self.engine.limits.peeled_objects;
            self.engine.peeled.borrow_mut().note(directory, oid, peeled, limit);
        }
        Ok(peeled.flatten())
    }

    /// `None` if an object on the way is not there.
    async fn look_and_peel(&self, oid: &Oid) -> Result<Option<Option<Oid>>> {
        let Some(location) = self.find(oid).await? else { return Ok(None) };
        if self.header(oid, location).await?.0 != Kind::Tag {
            return Ok(Some(None));
        }
        let mut current = *oid;
        for _ in 0..=self.engine.limits.tag_depth {
            let Some(location) = self.find(&current).await? else { return Ok(None) };
            let object = self.read_at(&current, location).await?;
            if object.kind != Kind::Tag {
                return Ok(Some(None));
            }
            let tag = Tag::parse(&object.content, self.format)?;
            current = tag.target;
            if tag.kind != Kind::Tag {
                return Ok(Some(Some(current)));
            }
        }
        Err(Error::LimitExceeded("tag_depth"))
    }
}

/// What objects that refs point to were found to peel to, by object directory. It never changes.
#[derive(Debug, Default)]
pub(crate) struct PeeledTags {
    known: HashMap<String, HashMap<Oid, Option<Oid>>>,
    count: usize,
}

impl PeeledTags {
    fn find(&self, directory: &str, oid: &Oid) -> Option<Option<Oid>> {
        self.known.get(directory)?.get(oid).copied()
    }

    fn note(&mut self, directory: &str, oid: &Oid, peeled: Option<Oid>, limit: usize) {
        if self.count >= limit {
            *self = Self::default();
        }
        self.count += 1;
        self.known.entry(directory.to_owned()).or_default().insert(*oid, peeled);
    }
}
