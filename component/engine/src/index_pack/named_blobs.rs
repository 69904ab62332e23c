//! Blobs that a tree of the pack names `.gitmodules` or `.gitattributes`, once all has arrived:
//! they may precede or follow the tree, or be in the repository already.

use gitwasi_wire::Oid;

use super::Observer;
use super::deltas::Node;
use super::resolve::Resolver;
use crate::object::Kind;
use crate::storage::WriteStorage;
use crate::{Error, Result};

/// What is known of such an object.
enum Content {
    Missing,
    /// It is no blob.
    Other,
    TooLarge,
    Whole(crate::working_memory::Content),
}

impl<S: WriteStorage, O: Observer> Resolver<'_, '_, S, O> {
    /// Looks at them. `order` has the entries in the order of their oids.
    pub(super) async fn check_named_blobs(&mut self, order: &[u32]) -> Result<()> {
        let Some((named, severities)) = self.inspector.take_named() else { return Ok(()) };
        let mut refused = false;
        for (name, oid) in named {
            let content = match self.named_blob(&oid, order).await {
                Err(Error::LimitExceeded("object_size")) => Content::TooLarge,
                content => content?,
            };
            let findings = match &content {
                Content::Missing => name.absent(&oid, false, severities),
                Content::Other => name.absent(&oid, true, severities),
                Content::TooLarge => name.check(&oid, None, severities),
                Content::Whole(content) => name.check(&oid, Some(content), severities),
            };
            refused |= self.inspector.report(&findings).await?;
        }
        if refused { Err(Error::Malformed("fsck error in pack objects".into())) } else { Ok(()) }
    }

    async fn named_blob(&mut self, oid: &Oid, order: &[u32]) -> Result<Content> {
        let place =
            order.binary_search_by(|entry| self.entries.oid_bytes(*entry).cmp(oid.as_bytes()));
        let (kind, content) = match place {
            Ok(at) if order[at] < self.arrived => {
                let entry = order[at];
                match self.entries.kind(entry) {
                    Some(Kind::Blob) => {}
                    _ => return Ok(Content::Other),
                }
                (Kind::Blob, self.content(Node::Entry(entry), oid).await?)
            }
            _ => {
                let Some(location) = self.inspector.find_existing(oid).await? else {
                    return Ok(Content::Missing);
                };
                let object = self.inspector.repository.odb.read_at(oid, location).await?;
                (object.kind, object.content)
            }
        };
        Ok(if kind == Kind::Blob { Content::Whole(content) } else { Content::Other })
    }
}
