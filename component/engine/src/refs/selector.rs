//! Which refs are asked for and shown: prefixes and hidden refs, judged in the order of names.
//!
//! What is skipped is skipped in one step wherever the names are sorted, so that neither hidden
//! refs nor those outside of the prefixes cost anything by their number.

use std::cmp::Ordering;

use bstr::{BString, ByteSlice as _};

/// Directories that are looked at one by one: a client may name many that are not there, and the
/// walk from the top meets none of these.
const DIRECTORIES: usize = 16;

/// Which refs to list.
#[derive(Debug, Default)]
pub(super) struct Selector {
    /// Sorted, and none begins with another; none at all means every ref.
    prefixes: Vec<BString>,
    /// The prefix that the names have arrived at.
    at: usize,
    hidden: Vec<Hidden>,
}

/// What to do with a ref.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement<'s> {
    /// It is listed.
    Take,
    /// It is not.
    Drop,
    /// Neither it is nor any before this name.
    SkipTo(&'s [u8]),
    /// Neither it is nor any behind it.
    Past,
}

#[derive(Debug)]
struct Hidden {
    /// Without `!` and `^`.
    pattern: BString,
    negated: bool,
    /// For a pattern that nothing below makes an exception from: what follows all it hides.
    end: Option<BString>,
}

impl Selector {
    /// Selects the refs that have one of `prefixes`.
    pub(super) fn new(prefixes: &[BString]) -> Self {
        Self { prefixes: minimal(prefixes), ..Self::default() }
    }

    /// Leaves out what these patterns of `transfer.hideRefs` hide.
    pub(super) fn hide(&mut self, patterns: &[BString]) {
        let mut hidden: Vec<Hidden> = patterns
            .iter()
            .map(|pattern| {
                let (negated, pattern) = match pattern.strip_prefix(b"!") {
                    Some(pattern) => (true, pattern),
                    None => (false, pattern.as_slice()),
                };
                let pattern = pattern.strip_prefix(b"^").unwrap_or(pattern).into();
                Hidden { pattern, negated, end: None }
            })
            .collect();
        // The last pattern that matches decides.
        hidden.reverse();
        for number in 0..hidden.len() {
            let Hidden { pattern, negated, .. } = &hidden[number];
            let related = |other: &Hidden| {
                other.pattern.starts_with(pattern) || pattern.starts_with(&other.pattern)
            };
            if !negated && !hidden.iter().any(|other| other.negated && related(other)) {
                let mut end = pattern.clone();
                end.push(b'/' + 1);
                hidden[number].end = Some(end);
            }
        }
        self.hidden = hidden;
    }

    /// The directories below which everything is that may be taken, none within another.
    pub(super) fn directories(&self) -> Vec<String> {
        let all = || vec!["refs".to_owned()];
        if self.prefixes.is_empty() {
            return all();
        }
        let mut directories: Vec<&str> = Vec::new();
        for prefix in &self.prefixes {
            if b"refs/".starts_with(prefix) {
                return all();
            }
            // What is no UTF-8 has no file here.
            if let Some((directory, _)) = prefix.to_str().ok().and_then(|it| it.rsplit_once('/'))
                && directory.split('/').next() == Some("refs")
            {
                directories.push(directory);
            }
        }
        directories.sort_unstable();
        directories.dedup();
        if directories.len() > DIRECTORIES {
            return all();
        }
        let within = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
        };
        let outermost = directories
            .iter()
            .filter(|inner| !directories.iter().any(|outer| within(inner, outer)));
        outermost.map(|directory| (*directory).to_owned()).collect()
    }

    /// The least name that is asked for.
    pub(super) fn first(&self) -> &[u8] {
        self.prefixes.first().map_or(&[], |prefix| prefix.as_slice())
    }

    /// Judges the next name; names come in order.
    pub(super) fn judge(&mut self, name: &[u8]) -> Judgement<'_> {
        while let Some(prefix) = self.prefixes.get(self.at) {
            if name.starts_with(prefix) {
                break;
            }
            if name.cmp(prefix.as_slice()) == Ordering::Less {
                return Judgement::SkipTo(&self.prefixes[self.at]);
            }
            self.at += 1;
            if self.at == self.prefixes.len() {
                return Judgement::Past;
            }
        }
        for hidden in &self.hidden {
            let Some(rest) = name.strip_prefix(hidden.pattern.as_slice()) else { continue };
            match (rest.first(), &hidden.end) {
                (Some(b'/'), Some(end)) => return Judgement::SkipTo(end),
                (None | Some(b'/'), _) if hidden.negated => return Judgement::Take,
                (None | Some(b'/'), _) => return Judgement::Drop,
                (Some(_), _) => {}
            }
        }
        Judgement::Take
    }

    /// Whether a ref, or anything below a directory with a slash at its end, may be listed.
    pub(super) fn may_take(&self, name: &str) -> bool {
        let name = name.as_bytes();
        let directory = name.ends_with(b"/");
        let asked = self.prefixes.is_empty()
            || self
                .prefixes
                .iter()
                .any(|prefix| name.starts_with(prefix) || directory && prefix.starts_with(name));
        asked && !self.hides(name)
    }

    /// Whether the ref is hidden, or all of the directory.
    fn hides(&self, name: &[u8]) -> bool {
        for hidden in &self.hidden {
            let Some(rest) = name.strip_prefix(hidden.pattern.as_slice()) else { continue };
            if rest.first().is_none_or(|byte| *byte == b'/') {
                let directory = name.ends_with(b"/");
                return !hidden.negated && (!directory || hidden.end.is_some());
            }
        }
        false
    }
}

/// Sorts prefixes and drops those that another one covers.
fn minimal(prefixes: &[BString]) -> Vec<BString> {
    let mut sorted = prefixes.to_vec();
    sorted.sort_unstable();
    let mut minimal: Vec<BString> = Vec::new();
    for prefix in sorted {
        if prefix.is_empty() {
            return Vec::new();
        }
        if !minimal.last().is_some_and(|last| prefix.starts_with(last)) {
            minimal.push(prefix);
        }
    }
    minimal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Vec<BString> {
        names.iter().map(|name| (*name).into()).collect()
    }

    #[test]
    fn prefixes_that_others_cover_are_dropped() {
        let minimal = |names: &[&str]| minimal(&list(names));
        assert_eq!(
            minimal(&["refs/tags/", "refs/heads/a", "refs/heads/"]),
            ["refs/heads/", "refs/tags/"]
        );
        assert!(minimal(&["refs/heads/", ""]).is_empty());
    }

    #[test]
    fn names_between_prefixes_are_skipped_in_one_step() {
        let mut selector = Selector::new(&list(&["refs/heads/", "refs/tags/v"]));
        assert_eq!(selector.judge(b"refs/a"), Judgement::SkipTo(b"refs/heads/"));
        assert_eq!(selector.judge(b"refs/heads/a"), Judgement::Take);
        assert_eq!(selector.judge(b"refs/pull/1"), Judgement::SkipTo(b"refs/tags/v"));
        assert_eq!(selector.judge(b"refs/tags/v1"), Judgement::Take);
        assert_eq!(selector.judge(b"refs/tags/w"), Judgement::Past);
    }

    #[test]
    fn what_is_hidden_whole_is_skipped_in_one_step() {
        let mut selector = Selector::new(&[]);
        selector.hide(&list(&["refs/a", "refs/b", "!refs/b/c", "^refs/d"]));
        assert_eq!(selector.judge(b"refs/a"), Judgement::Drop);
        assert_eq!(selector.judge(b"refs/a-b"), Judgement::Take);
        assert_eq!(selector.judge(b"refs/a/x"), Judgement::SkipTo(b"refs/a0"));
        assert_eq!(selector.judge(b"refs/b/a"), Judgement::Drop);
        assert_eq!(selector.judge(b"refs/b/c/d"), Judgement::Take);
        assert_eq!(selector.judge(b"refs/d/x"), Judgement::SkipTo(b"refs/d0"));
        assert!(!selector.may_take("refs/a/") && selector.may_take("refs/b/"));
        assert!(!selector.may_take("refs/a") && !selector.may_take("refs/d/e/"));
    }

    #[test]
    fn a_later_exception_for_a_shorter_prefix_wins() {
        let mut selector = Selector::new(&[]);
        selector.hide(&list(&["refs/a/b", "!refs/a"]));
        assert_eq!(selector.judge(b"refs/a/b/c"), Judgement::Take);
        assert!(selector.may_take("refs/a/b/"));
    }

    #[test]
    fn directories_hold_all_that_is_asked_for_once() {
        let directories = |prefixes: &[&str]| {
            let prefixes: Vec<BString> = prefixes.iter().map(|prefix| (*prefix).into()).collect();
            Selector::new(&prefixes).directories()
        };
        assert_eq!(directories(&[]), ["refs"]);
        assert_eq!(directories(&["HEAD", "re"]), ["refs"]);
        assert_eq!(
            directories(&["HEAD", "refs/heads/", "refs/tags/v"]),
            ["refs/heads", "refs/tags"]
        );
        assert_eq!(directories(&["refs/heads/a/b/", "refs/heads/a0"]), ["refs/heads"]);
        assert_eq!(
            directories(&["refs/heads/a/", "refs/heads-x/"]),
            ["refs/heads-x", "refs/heads/a"]
        );
        assert!(directories(&["HEAD", "refsx/y"]).is_empty());
        let many: Vec<String> = (0..99).map(|number| format!("refs/{number}/")).collect();
        assert_eq!(directories(&many.iter().map(String::as_str).collect::<Vec<_>>()), ["refs"]);
    }
}
