//! Conditional and range requests for files that never change.
//!
//! Spec: RFC 9110, sections 13 (conditional requests) and 14 (range requests).

use std::time::{Duration, SystemTime};

/// What identifies a version of a file.
pub(crate) struct Validators {
    /// A strong entity tag, quoted.
    pub(crate) etag: String,
    /// Seconds since 1970.
    pub(crate) modified: u64,
}

impl Validators {
    pub(crate) fn new(size: u64, modified: u64) -> Self {
        Self { etag: format!("\"{modified:x}-{size:x}\""), modified }
    }

    /// The value of `Last-Modified`.
    pub(crate) fn last_modified(&self) -> String {
        httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(self.modified))
    }

    /// Whether the client wants nothing of this version.
    ///
    /// RFC 9110, 13.1.4: "A recipient MUST ignore If-Unmodified-Since if the request contains an
    /// If-Match header field"; a weak tag matches nothing here (13.1.1).
    pub(crate) fn changed(
        &self,
        if_match: Option<&str>,
        if_unmodified_since: Option<&str>,
    ) -> bool {
        match (if_match, if_unmodified_since) {
            (Some(tags), _) => {
                !tags.split(',').map(str::trim).any(|tag| tag == "*" || tag == self.etag)
            }
            (None, Some(date)) => seconds(date).is_some_and(|since| self.modified > since),
            (None, None) => false,
        }
    }

    /// Whether the client has this version already.
    ///
    /// RFC 9110, 13.1.3: "A recipient MUST ignore If-Modified-Since if the request contains an
    /// If-None-Match header field".
    pub(crate) fn not_modified(
        &self,
        if_none_match: Option<&str>,
        if_modified_since: Option<&str>,
    ) -> bool {
        match (if_none_match, if_modified_since) {
            (Some(tags), _) => tags
                .split(',')
                .map(str::trim)
                .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag),
            (None, Some(date)) => seconds(date).is_some_and(|since| self.modified <= since),
            (None, None) => false,
        }
    }

    /// Whether a range may be taken of this version, by the value of `If-Range`.
    fn allows_range(&self, if_range: Option<&str>) -> bool {
        match if_range {
            None => true,
            Some(value) if value.starts_with('"') => value == self.etag,
            Some(date) => seconds(date) == Some(self.modified),
        }
    }
}

/// What part of a file is sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// All of it: 200.
    Whole,
    /// From the first byte to the last, inclusive: 206.
    Part { first: u64, last: u64 },
    /// The range lies past the end: 416.
    NotSatisfiable,
}

/// Selects by the value of `Range`.
///
/// Several ranges, other units and malformed values are ignored, as RFC 9110, 14.2 allows: the
/// whole file is sent.
pub(crate) fn select(
    range: Option<&str>,
    if_range: Option<&str>,
    validators: &Validators,
    size: u64,
) -> Selection {
    let Some(spec) = range.and_then(|range| range.strip_prefix("bytes=")) else {
        return Selection::Whole;
    };
    if !validators.allows_range(if_range) {
        return Selection::Whole;
    }
    let Some((first, last)) = spec.trim().split_once('-') else { return Selection::Whole };
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first > last => Selection::Whole,
        (Some(first), _) if first >= size => match last.is_empty() || number(last).is_some() {
            true => Selection::NotSatisfiable,
            false => Selection::Whole,
        },
        (Some(first), Some(last)) => Selection::Part { first, last: last.min(size - 1) },
        (Some(first), None) if last.is_empty() => Selection::Part { first, last: size - 1 },
        (None, Some(0)) if first.is_empty() => Selection::NotSatisfiable,
        (None, Some(_)) if first.is_empty() && size == 0 => Selection::NotSatisfiable,
        (None, Some(length)) if first.is_empty() => {
            Selection::Part { first: size.saturating_sub(length), last: size - 1 }
        }
        _ => Selection::Whole,
    }
}

/// Digits and nothing else.
fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

fn seconds(date: &str) -> Option<u64> {
    let time = httpdate::parse_http_date(date).ok()?;
    Some(time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs())
}

#[cfg(test)]
mod tests {
    use super::{Selection, Validators, select};

    #[test]
    fn one_range_is_selected() {
        let validators = Validators::new(10, 0);
        for (range, selection) in [
            ("bytes=0-3", Selection::Part { first: 0, last: 3 }),
            ("bytes=4-", Selection::Part { first: 4, last: 9 }),
            ("bytes=-3", Selection::Part { first: 7, last: 9 }),
            ("bytes=-30", Selection::Part { first: 0, last: 9 }),
            ("bytes=8-30", Selection::Part { first: 8, last: 9 }),
            ("bytes=10-", Selection::NotSatisfiable),
            ("bytes=-0", Selection::NotSatisfiable),
            ("bytes=3-2", Selection::Whole),
            ("bytes=0-1,3-4", Selection::Whole),
            ("bytes=", Selection::Whole),
            ("bytes=-", Selection::Whole),
            ("bytes=a-b", Selection::Whole),
            ("bytes=99999999999999999999-", Selection::Whole),
            ("lines=0-1", Selection::Whole),
        ] {
            assert_eq!(select(Some(range), None, &validators, 10), selection, "{range}");
        }
    }

    #[test]
    fn a_range_of_an_empty_file_is_not_satisfiable() {
        let validators = Validators::new(0, 0);
        for range in ["bytes=0-", "bytes=-1", "bytes=0-0"] {
            assert_eq!(select(Some(range), None, &validators, 0), Selection::NotSatisfiable);
        }
    }

    #[test]
    fn a_stale_if_range_gets_the_whole_file() {
        let validators = Validators::new(10, 784_111_777);
        let range = Some("bytes=0-3");
        for (if_range, whole) in [
            ("\"2ebca4a1-a\"", true),
            ("\"2ebc9be1-a\"", true),
            ("Sun, 06 Nov 1994 08:49:37 GMT", false),
            ("Sun, 06 Nov 1994 08:49:38 GMT", true),
            ("W/\"x\"", true),
        ] {
            let selected = select(range, Some(if_range), &validators, 10);
            assert_eq!(selected == Selection::Whole, whole, "{if_range}");
        }
        assert_ne!(select(range, Some(&validators.etag), &validators, 10), Selection::Whole);
    }

    #[test]
    fn if_none_match_goes_before_if_modified_since() {
        let validators = Validators::new(10, 784_111_777);
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert!(validators.not_modified(None, date));
        assert!(!validators.not_modified(Some("\"other\""), date));
        assert!(validators.not_modified(Some(&format!("\"a\", {}", validators.etag)), None));
        assert!(validators.not_modified(Some("*"), None));
        assert!(!validators.not_modified(None, Some("Sun, 06 Nov 1994 08:49:36 GMT")));
    }
}
