//! Filters: which objects a partial clone leaves out.
//!
//! Spec: git-rev-list(1), "--filter"; gitprotocol-v2(5), "fetch", filter

use bstr::{BString, ByteSlice};

use super::depth::decimal;
use crate::Quoted;

/// Filters within filters within filters. git recurses as deep as a client says, which is 8,000.
const MAX_DEPTH: usize = 8;

/// Filters of one request; each is asked about each object.
const MAX_FILTERS: usize = 64;

/// A filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// `blob:none`: no blobs.
    BlobNone,
    /// `blob:limit=<n>`: no blobs of this many bytes or more.
    BlobLimit(u64),
    /// `tree:<depth>`: no blobs and trees this many levels or more below a root tree, which is at
    /// level 0.
    TreeDepth(u64),
    /// `object:type=<type>`: only objects of this type.
    ObjectType(ObjectKind),
    /// `sparse:oid=<blob-ish>`: only blobs on the paths that this blob, named as git names
    /// revisions, has as a sparse-checkout specification. It costs dear: git hosts refuse it.
    SparseOid(BString),
    /// `combine:<filter>+<filter>...`: only what passes all of these.
    Combine(Vec<Filter>),
}

/// A type of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    /// `commit`.
    Commit,
    /// `tree`.
    Tree,
    /// `blob`.
    Blob,
    /// `tag`, an annotated one.
    Tag,
}

/// The client sent a filter-spec that git does not have, or too much of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// None of the forms git has.
    #[error("invalid filter-spec '{0}'")]
    Invalid(Quoted),
    /// `tree:` without a number.
    #[error("expected 'tree:<depth>'")]
    ExpectedTreeDepth,
    /// `object:type=` without a type.
    #[error("'{0}' for 'object:type=<type>' is not a valid object type")]
    BadObjectType(Quoted),
    /// `sparse:path=`, which git has given up for its dangers.
    #[error("sparse:path filters support has been dropped")]
    SparsePath,
    /// `combine:` and nothing.
    #[error("expected something after combine:")]
    EmptyCombine,
    /// A character in a combined filter-spec that must be written as `%xx`.
    #[error("must escape char in sub-filter-spec: '{0}'")]
    MustEscape(Quoted),
    /// `combine:` within `combine:`, too often.
    #[error("the filter-spec is nested more than {0} deep")]
    TooDeep(usize),
    /// Too many filters combined.
    #[error("the filter-spec combines more than {0} filters")]
    TooMany(usize),
}

impl Filter {
    /// Parses a filter-spec, as git sends it after `filter `.
    ///
    /// # Errors
    ///
    /// As git, with git's texts.
    ///
    /// # Limits
    ///
    /// `combine:` may be nested 8 deep and name 64 filters in all.
    ///
    /// # Deviation
    ///
    /// Numbers are decimal without a leading zero, which git would read as octal; a unit of `k`,
    /// `m` or `g` may follow.
    pub fn parse(spec: &[u8]) -> Result<Self, FilterError> {
        let mut filters = MAX_FILTERS;
        parse(spec, MAX_DEPTH, &mut filters)
    }
}

/// `depth` is how often `combine:` may come yet, `filters` how many filters.
fn parse(spec: &[u8], depth: usize, filters: &mut usize) -> Result<Filter, FilterError> {
    *filters = filters.checked_sub(1).ok_or(FilterError::TooMany(MAX_FILTERS))?;
    let invalid = || FilterError::Invalid(Quoted::new(spec));
    if spec == b"blob:none" {
        Ok(Filter::BlobNone)
    } else if let Some(limit) = spec.strip_prefix(b"blob:limit=") {
        number(limit).map(Filter::BlobLimit).ok_or_else(invalid)
    } else if let Some(levels) = spec.strip_prefix(b"tree:") {
        number(levels).map(Filter::TreeDepth).ok_or(FilterError::ExpectedTreeDepth)
    } else if let Some(kind) = spec.strip_prefix(b"object:type=") {
        object_kind(kind).map(Filter::ObjectType)
    } else if let Some(name) = spec.strip_prefix(b"sparse:oid=") {
        Ok(Filter::SparseOid(name.into()))
    } else if spec.starts_with(b"sparse:path=") {
        Err(FilterError::SparsePath)
    } else if let Some(specs) = spec.strip_prefix(b"combine:") {
        let depth = depth.checked_sub(1).ok_or(FilterError::TooDeep(MAX_DEPTH))?;
        combine(specs, depth, filters)
    } else {
        Err(invalid())
    }
}

fn combine(specs: &[u8], depth: usize, filters: &mut usize) -> Result<Filter, FilterError> {
    if specs.is_empty() {
        return Err(FilterError::EmptyCombine);
    }
    // A plus sign at the end ends nothing: to git it is a part of the last filter-spec.
    let (body, end) = match specs.strip_suffix(b"+") {
        Some(body) => (body, &specs[body.len()..]),
        None => (specs, &b""[..]),
    };
    let mut parts = body.split(|byte| *byte == b'+').peekable();
    let mut combined = Vec::new();
    while let Some(part) = parts.next() {
        let mut part = part.to_vec();
        if parts.peek().is_none() {
            part.extend_from_slice(end);
        }
        if let Some(byte) = part.iter().find(|byte| is_reserved(**byte)) {
            return Err(FilterError::MustEscape(Quoted::new(&[*byte])));
        }
        combined.push(parse(&percent_decode(&part), depth, filters)?);
    }
    Ok(Filter::Combine(combined))
}

fn object_kind(name: &[u8]) -> Result<ObjectKind, FilterError> {
    match name {
        b"commit" => Ok(ObjectKind::Commit),
        b"tree" => Ok(ObjectKind::Tree),
        b"blob" => Ok(ObjectKind::Blob),
        b"tag" => Ok(ObjectKind::Tag),
        _ => Err(FilterError::BadObjectType(Quoted::new(name))),
    }
}

fn number(text: &[u8]) -> Option<u64> {
    let (digits, unit) = match text.split_last()? {
        (b'k' | b'K', digits) => (digits, 1 << 10),
        (b'm' | b'M', digits) => (digits, 1 << 20),
        (b'g' | b'G', digits) => (digits, 1 << 30),
        _ => (text, 1),
    };
    if digits.len() > 1 && digits[0] == b'0' {
        return None;
    }
    decimal(digits)?.checked_mul(unit)
}

/// Control characters, space, and all beyond ASCII, which is negative in git's `char`; and what
/// git reserves.
fn is_reserved(byte: u8) -> bool {
    byte <= b' ' || byte >= 0x80 || br##"~`!@#$^&*()[]{}\;'",<>?"##.contains(&byte)
}

/// Decodes `%xx`; keeps what is not one, and `%00`, as git does.
fn percent_decode(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find_byte(b'%') {
        decoded.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let byte = match rest {
            [_, high, low, ..] => crate::pkt_line::hex_digit(*high)
                .zip(crate::pkt_line::hex_digit(*low))
                .map(|(high, low)| high << 4 | low)
                .filter(|byte| *byte != 0),
            _ => None,
        };
        let taken = if byte.is_some() { 3 } else { 1 };
        decoded.push(byte.unwrap_or(b'%'));
        rest = &rest[taken..];
    }
    decoded.extend_from_slice(rest);
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        for (spec, filter) in [
            ("blob:none", Filter::BlobNone),
            ("blob:limit=0", Filter::BlobLimit(0)),
            ("blob:limit=1k", Filter::BlobLimit(1024)),
            ("blob:limit=2M", Filter::BlobLimit(2 << 20)),
            ("blob:limit=3g", Filter::BlobLimit(3 << 30)),
            ("blob:limit=18446744073709551615", Filter::BlobLimit(u64::MAX)),
            ("tree:0", Filter::TreeDepth(0)),
            ("tree:1k", Filter::TreeDepth(1024)),
            ("object:type=commit", Filter::ObjectType(ObjectKind::Commit)),
            ("object:type=tag", Filter::ObjectType(ObjectKind::Tag)),
            ("sparse:oid=main:spec", Filter::SparseOid("main:spec".into())),
            ("combine:blob:none", Filter::Combine(vec![Filter::BlobNone])),
            (
                "combine:blob%3anone+tree%3A1",
                Filter::Combine(vec![Filter::BlobNone, Filter::TreeDepth(1)]),
            ),
            (
                "combine:sparse:oid=a%20b%2b%25%zz%00",
                Filter::Combine(vec![Filter::SparseOid("a b+%%zz%00".into())]),
            ),
            (
                "combine:combine:blob:none%2btree:1+tree:2",
                Filter::Combine(vec![
                    Filter::Combine(vec![Filter::BlobNone, Filter::TreeDepth(1)]),
                    Filter::TreeDepth(2),
                ]),
            ),
        ] {
            assert_eq!(Filter::parse(spec.as_bytes()), Ok(filter), "{spec}");
        }
    }

    /// The texts are git 2.47's.
    #[test]
    fn what_git_refuses_is_refused_in_its_words() {
        for (spec, text) in [
            ("", "invalid filter-spec ''"),
            ("BLOB:NONE", "invalid filter-spec 'BLOB:NONE'"),
            ("blob:none ", "invalid filter-spec 'blob:none '"),
            ("blob:limit=", "invalid filter-spec 'blob:limit='"),
            ("blob:limit=k", "invalid filter-spec 'blob:limit=k'"),
            ("blob:limit=1t", "invalid filter-spec 'blob:limit=1t'"),
            ("blob:limit=1kk", "invalid filter-spec 'blob:limit=1kk'"),
            ("blob:limit=-1", "invalid filter-spec 'blob:limit=-1'"),
            (
                "blob:limit=18446744073709551615k",
                "invalid filter-spec 'blob:limit=18446744073709551615k'",
            ),
            ("tree:", "expected 'tree:<depth>'"),
            ("tree:x", "expected 'tree:<depth>'"),
            ("object:type=foo", "'foo' for 'object:type=<type>' is not a valid object type"),
            ("object:type=", "'' for 'object:type=<type>' is not a valid object type"),
            ("sparse:path=x", "sparse:path filters support has been dropped"),
            ("combine:", "expected something after combine:"),
            ("combine:+", "invalid filter-spec '+'"),
            ("combine:blob:none+", "invalid filter-spec 'blob:none+'"),
            ("combine:+blob:none", "invalid filter-spec ''"),
            ("combine:blob:none++tree:1", "invalid filter-spec ''"),
            ("combine:blob%3Anone%", "invalid filter-spec 'blob:none%'"),
            ("combine:blob%zznone", "invalid filter-spec 'blob%zznone'"),
            ("combine:blob:none!", "must escape char in sub-filter-spec: '!'"),
            ("combine:tree:1 ", "must escape char in sub-filter-spec: ' '"),
        ] {
            let error = Filter::parse(spec.as_bytes()).expect_err(spec);
            assert_eq!(error.to_string(), text, "{spec}");
        }
        assert!(Filter::parse("combine:blob:nöne".as_bytes()).is_err());
        // Ours alone: git reads this as 8.
        assert!(Filter::parse(b"blob:limit=010").is_err());
    }

    #[test]
    fn filters_are_limited_in_depth_and_number() {
        let deep = |depth| format!("{}blob:none", "combine:".repeat(depth));
        assert!(Filter::parse(deep(8).as_bytes()).is_ok());
        assert_eq!(Filter::parse(deep(9).as_bytes()), Err(FilterError::TooDeep(8)));
        assert_eq!(Filter::parse(deep(8_000).as_bytes()), Err(FilterError::TooDeep(8)));

        let wide = |count| format!("combine:{}", vec!["tree:1"; count].join("+"));
        assert!(Filter::parse(wide(63).as_bytes()).is_ok());
        assert_eq!(Filter::parse(wide(64).as_bytes()), Err(FilterError::TooMany(64)));
    }
}
