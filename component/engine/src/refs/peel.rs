//! Peeling annotated tags.

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
        let Some(location) = self.find(oid).await? else { return Ok(None) };
        if self.header(oid, location).await?.0 != Kind::Tag {
            return Ok(None);
        }
        let mut current = *oid;
        for _ in 0..=self.engine.limits.tag_depth {
            let Some(location) = self.find(&current).await? else { return Ok(None) };
            let object = self.read_at(&current, location).await?;
            if object.kind != Kind::Tag {
                return Ok(None);
            }
            let tag = Tag::parse(&object.content, self.format)?;
            current = tag.target;
            if tag.kind != Kind::Tag {
                return Ok(Some(current));
            }
        }
        Err(Error::LimitExceeded("tag_depth"))
    }
}
