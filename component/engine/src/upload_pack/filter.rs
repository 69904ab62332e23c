//! Object filters.
//!
//! Spec: git-rev-list(1), "--filter=`<filter-spec>`"

use bstr::BString;
use gitwasi_wire::upload_pack as wire;

use crate::object::Kind;
use crate::repository::Config;
use crate::{Error, Result};

/// What of the objects that are reachable is sent: all conditions together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Blobs have to be smaller than this, in bytes; 0 sends none.
    pub blob_limit: Option<u64>,
    /// Trees and blobs have to be fewer levels than this below a root tree, which is at 0.
    pub tree_depth: Option<u64>,
    /// Objects have to be of this kind.
    pub kind: Option<Kind>,
    /// Blobs have to be on paths that all of these sparse-checkout specifications match; named as
    /// a client names them.
    pub(crate) sparse: Vec<BString>,
    /// Two kinds were asked for at once, which no object has.
    pub nothing: bool,
}

impl Filter {
    /// Whether objects of a kind are sent at all.
    pub(crate) fn sends(&self, kind: Kind) -> bool {
        !self.nothing && self.kind.is_none_or(|wanted| wanted == kind)
    }

    /// What a client's filter asks for.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what the repository does not allow.
    pub(super) fn new(asked: &wire::Filter, config: &Config) -> Result<Self> {
        let mut filter = Self::default();
        filter.add(asked, config)?;
        Ok(filter)
    }

    fn add(&mut self, asked: &wire::Filter, config: &Config) -> Result<()> {
        allowed(name(asked), config)?;
        match asked {
            wire::Filter::BlobNone => self.blob_limit = Some(0),
            wire::Filter::BlobLimit(limit) => {
                self.blob_limit = Some(self.blob_limit.map_or(*limit, |less| less.min(*limit)));
            }
            wire::Filter::TreeDepth(levels) => {
                if let Some(most) = config.filter_tree_max_depth.filter(|most| levels > most) {
                    return Err(Error::Malformed(format!(
                        "tree filter allows max depth {most}, but got {levels}"
                    )));
                }
                self.tree_depth = Some(self.tree_depth.map_or(*levels, |less| less.min(*levels)));
            }
            wire::Filter::ObjectType(kind) => {
                let kind = match kind {
                    wire::ObjectKind::Commit => Kind::Commit,
                    wire::ObjectKind::Tree => Kind::Tree,
                    wire::ObjectKind::Blob => Kind::Blob,
                    wire::ObjectKind::Tag => Kind::Tag,
                };
                self.nothing |= self.kind.replace(kind).is_some_and(|before| before != kind);
            }
            wire::Filter::Combine(parts) => {
                for part in parts {
                    self.add(part, config)?;
                }
            }
            wire::Filter::SparseOid(name) => self.sparse.push(name.clone()),
        }
        Ok(())
    }
}

/// What the configuration calls a filter.
fn name(filter: &wire::Filter) -> &'static str {
    match filter {
        wire::Filter::BlobNone => "blob:none",
        wire::Filter::BlobLimit(_) => "blob:limit",
        wire::Filter::TreeDepth(_) => "tree",
        wire::Filter::ObjectType(_) => "object:type",
        wire::Filter::SparseOid(_) => "sparse:oid",
        wire::Filter::Combine(_) => "combine",
    }
}

fn allowed(name: &str, config: &Config) -> Result<()> {
    let choice = config.filter_choices.iter().rev().find(|(filter, _)| **filter == name);
    if choice.map_or(config.filter_allow, |(_, allow)| *allow) {
        Ok(())
    } else {
        Err(Error::Malformed(format!("filter '{name}' not supported")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(spec: &[u8], config: &[u8]) -> Result<Filter> {
        let asked = wire::Filter::parse(spec).expect("a filter");
        Filter::new(&asked, &Config::parse(config).expect("a config"))
    }

    #[test]
    fn combined_filters_are_all_obeyed() {
        let filter = filter(b"combine:blob:limit=1k+tree%3A3+blob:limit=2k", b"");
        let filter = filter.expect("a filter");
        assert_eq!((filter.blob_limit, filter.tree_depth), (Some(1024), Some(3)));
    }

    #[test]
    fn a_filter_that_the_repository_does_not_allow_is_refused() {
        let config = b"[uploadpackfilter]\nallow=false\n\
            [uploadpackfilter \"blob:none\"]\nallow=true\n\
            [uploadpackfilter \"combine\"]\nallow\n\
            [uploadpackfilter \"tree\"]\nmaxDepth = 3\n";
        for (spec, allowed) in [
            (&b"blob:none"[..], true),
            (b"blob:limit=1", false),
            (b"tree:3", true),
            (b"tree:4", false),
            (b"combine:blob:none+tree:1", true),
            (b"combine:blob:none+tree:4", false),
            (b"combine:blob:none+object:type=blob", false),
        ] {
            assert_eq!(filter(spec, config).is_ok(), allowed, "{}", spec.escape_ascii());
        }
    }
}
