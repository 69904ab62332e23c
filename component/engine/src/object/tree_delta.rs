//! What a tree has that an earlier version of it does not have: where the two differ.
//!
//! Trees are stored as deltas to their own earlier or later versions. When the walk has been to
//! the base, all that both have in common needs no second look, which is nearly all of it.

use std::ops::Range;

/// Bytes that are compared at once.
const STEP: usize = 32;

/// The part of `content` outside of which every entry is one of `base`, too; `None` if one of them
/// makes no sense.
///
/// Both ends are where entries begin, in `content` as in `base`.
pub(crate) fn changed_entries(content: &[u8], base: &[u8], oid_len: usize) -> Option<Range<usize>> {
    let same = common_prefix(content, base);
    let mut start = 0;
    while let Some(end) = end_of_entry(content, start, oid_len).filter(|end| *end <= same) {
        start = end;
    }
    let (mut at, mut base_at) = (start, start);
    let tail = common_suffix(&content[start..], &base[start..]);
    // Behind the first place in what they end with at which entries of both begin, all are equal.
    while at < content.len() {
        let left = content.len() - at;
        if left <= tail {
            let mirrored = base.len() - left;
            while base_at < mirrored {
                base_at = end_of_entry(base, base_at, oid_len)?;
            }
            if base_at == mirrored {
                return Some(start..at);
            }
        }
        at = end_of_entry(content, at, oid_len)?;
    }
    Some(start..content.len())
}

/// Whether both trees have the same names and modes within `range`, what [`changed_entries`] found,
/// and so everywhere.
pub(crate) fn only_oids_differ(
    content: &[u8],
    base: &[u8],
    range: &Range<usize>,
    oid_len: usize,
) -> bool {
    if content.len() != base.len() {
        return false;
    }
    let mut start = range.start;
    while start < range.end {
        match end_of_entry(content, start, oid_len) {
            Some(end) if content[start..end - oid_len] == base[start..end - oid_len] => start = end,
            _ => return false,
        }
    }
    true
}

fn end_of_entry(tree: &[u8], start: usize, oid_len: usize) -> Option<usize> {
    let name = tree.get(start..)?.iter().position(|byte| *byte == 0)?;
    let end = start + name + 1 + oid_len;
    (end <= tree.len()).then_some(end)
}

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let steps = a.chunks_exact(STEP).zip(b.chunks_exact(STEP));
    let equal = steps.take_while(|(a, b)| a == b).count() * STEP;
    let rest = a[equal..].iter().zip(&b[equal..]);
    equal + rest.take_while(|(a, b)| a == b).count()
}

fn common_suffix(a: &[u8], b: &[u8]) -> usize {
    let steps = a.rchunks_exact(STEP).zip(b.rchunks_exact(STEP));
    let equal = steps.take_while(|(a, b)| a == b).count() * STEP;
    let (a, b) = (&a[..a.len() - equal], &b[..b.len() - equal]);
    let rest = a.iter().rev().zip(b.iter().rev());
    equal + rest.take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(entries: &[(&str, u8)]) -> Vec<u8> {
        let mut tree = Vec::new();
        for (name, oid) in entries {
            tree.extend(format!("100644 {name}\0").bytes());
            tree.extend([*oid; 20]);
        }
        tree
    }

    #[test]
    fn only_entries_that_differ_are_left() {
        let names: Vec<String> = (0..40).map(|number| format!("file-{number:03}")).collect();
        let entries: Vec<(&str, u8)> = names.iter().map(|name| (name.as_str(), 1)).collect();
        let base = tree(&entries);
        let one = base.len() / 40;
        assert_eq!(changed_entries(&base, &base, 20).map(|range| range.is_empty()), Some(true));
        for at in [0, 1, 17, 38, 39] {
            let mut changes = entries.clone();
            changes[at].1 = 2;
            let range = changed_entries(&tree(&changes), &base, 20).expect("trees");
            assert_eq!(range, at * one..(at + 1) * one, "changed {at}");
            assert!(only_oids_differ(&tree(&changes), &base, &range, 20));
            changes[at].0 = "file-00Y";
            let renamed = tree(&changes);
            let range = changed_entries(&renamed, &base, 20).expect("trees");
            assert!(!only_oids_differ(&renamed, &base, &range, 20), "renamed {at}");
            let mut fewer = entries.clone();
            fewer.remove(at);
            let range = changed_entries(&tree(&fewer), &base, 20).expect("trees");
            assert!(range.is_empty(), "removed {at}: {range:?}");
            assert!(!only_oids_differ(&tree(&fewer), &base, &range, 20));
            let mut more = entries.clone();
            more.insert(at, ("file-000a", 3));
            let content = tree(&more);
            let range = changed_entries(&content, &base, 20).expect("trees");
            assert!(
                range.contains(&(at * one)) && range.len() <= 2 * one + 1,
                "added {at}: {range:?}"
            );
        }
        assert_eq!(changed_entries(&base, b"", 20), Some(0..base.len()));
        assert_eq!(changed_entries(b"", &base, 20), Some(0..0));
    }

    /// Zeros everywhere: the ends of two trees are equal, but entries begin at different places.
    #[test]
    fn equal_bytes_are_no_equal_entries() {
        let content = tree(&[("a", 0), ("b", 0)]);
        let base = tree(&[("a-much-longer-name", 0), ("b", 0)]);
        let range = changed_entries(&content, &base, 20).expect("trees");
        assert_eq!(range, 0..content.len() / 2);
        let mut odd = b"100644 x\0".to_vec();
        odd.extend([b'1'; 5]);
        odd.extend(&content[..15]);
        assert!(
            changed_entries(&content, &odd, 20).is_none_or(|range| range == (0..content.len()))
        );
    }
}
