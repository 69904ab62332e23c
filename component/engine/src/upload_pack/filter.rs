//! Object filters.
//!
//! Spec: git-rev-list(1), "--filter=`<filter-spec>`"

use crate::object::Kind;
use crate::repository::Config;
use crate::{Error, Result};

use super::request::malformed;

/// What of the objects that are reachable is sent: all conditions together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Blobs have to be smaller than this, in bytes; 0 sends none.
    pub blob_limit: Option<u64>,
    /// Trees and blobs have to be fewer levels than this below a root tree, which is at 0.
    pub tree_depth: Option<u64>,
    /// Objects have to be of this kind.
    pub kind: Option<Kind>,
    /// Two kinds were asked for at once, which no object has.
    pub nothing: bool,
}

/// Nested combinations at most.
const MAX_DEPTH: usize = 16;

impl Filter {
    /// Whether objects of a kind are sent at all.
    pub(crate) fn sends(&self, kind: Kind) -> bool {
        !self.nothing && self.kind.is_none_or(|wanted| wanted == kind)
    }

    /// Parses a filter-spec.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what git does not know or the repository does not allow;
    /// [`Error::Unsupported`] for `sparse:oid`.
    pub(super) fn parse(spec: &[u8], config: &Config) -> Result<Self> {
        let mut filter = Self::default();
        filter.add(spec, config, 0)?;
        Ok(filter)
    }

    fn add(&mut self, spec: &[u8], config: &Config, depth: usize) -> Result<()> {
        let bad = || malformed("invalid filter-spec");
        if spec == b"blob:none" {
            allowed("blob:none", config)?;
            self.blob_limit = Some(0);
        } else if let Some(limit) = spec.strip_prefix(b"blob:limit=") {
            allowed("blob:limit", config)?;
            let limit = magnitude(limit).ok_or_else(bad)?;
            self.blob_limit = Some(self.blob_limit.unwrap_or(u64::MAX).min(limit));
        } else if let Some(levels) = spec.strip_prefix(b"tree:") {
            allowed("tree", config)?;
            let levels = magnitude(levels).ok_or_else(bad)?;
            if config.filter_tree_max_depth.is_some_and(|most| levels > most) {
                return Err(malformed("tree filter allows max depth of less than that"));
            }
            self.tree_depth = Some(self.tree_depth.unwrap_or(u64::MAX).min(levels));
        } else if let Some(kind) = spec.strip_prefix(b"object:type=") {
            allowed("object:type", config)?;
            let kind = Kind::from_name(kind).ok_or_else(bad)?;
            self.nothing |= self.kind.replace(kind).is_some_and(|before| before != kind);
        } else if let Some(parts) = spec.strip_prefix(b"combine:") {
            allowed("combine", config)?;
            if depth == MAX_DEPTH {
                return Err(bad());
            }
            for part in parts.split(|byte| *byte == b'+') {
                self.add(&url_decode(part).ok_or_else(bad)?, config, depth + 1)?;
            }
        } else if spec.starts_with(b"sparse:oid=") {
            return Err(Error::Unsupported("filter sparse:oid".into()));
        } else {
            return Err(bad());
        }
        Ok(())
    }
}

fn allowed(name: &str, config: &Config) -> Result<()> {
    let choice = config.filter_choices.iter().rev().find(|(filter, _)| **filter == name);
    if choice.map_or(config.filter_allow, |(_, allow)| *allow) {
        Ok(())
    } else {
        Err(Error::Malformed(format!("git upload-pack: filter '{name}' not supported")))
    }
}

fn magnitude(text: &[u8]) -> Option<u64> {
    let (digits, unit) = match text {
        [digits @ .., b'k' | b'K'] => (digits, 10),
        [digits @ .., b'm' | b'M'] => (digits, 20),
        [digits @ .., b'g' | b'G'] => (digits, 30),
        digits => (digits, 0),
    };
    let number: u64 = str::from_utf8(digits).ok()?.parse().ok()?;
    number.checked_mul(1 << unit)
}

fn url_decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte == b'%' {
            let (hex, after) = rest.split_at_checked(2)?;
            out.push(u8::from_str_radix(str::from_utf8(hex).ok()?, 16).ok()?);
            rest = after;
        } else {
            out.push(*byte);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combined_filters_are_all_obeyed() {
        let config = Config::parse(b"").expect("a config");
        let filter = Filter::parse(b"combine:blob:limit=1k+tree%3A3+blob:limit=2k", &config);
        let filter = filter.expect("a filter");
        assert_eq!((filter.blob_limit, filter.tree_depth), (Some(1024), Some(3)));
        for bad in [&b"blob"[..], b"tree:", b"combine:", b"object:type=x", b"blob:limit=1x"] {
            assert!(Filter::parse(bad, &config).is_err());
        }
    }

    #[test]
    fn a_filter_that_the_repository_does_not_allow_is_refused() {
        let config = Config::parse(
            b"[uploadpackfilter]\nallow=false\n[uploadpackfilter \"blob:none\"]\nallow=true\n",
        );
        let config = config.expect("a config");
        assert!(Filter::parse(b"blob:none", &config).is_ok());
        assert!(Filter::parse(b"tree:1", &config).is_err());
    }
}
