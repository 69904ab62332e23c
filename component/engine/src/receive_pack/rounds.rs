//! Ref updates of one push that have to be made one after the other.
//!
//! Git makes each by itself, in the order of the request. Here they are made together, except
//! those whose outcome depends on one before: of the same ref, or, if both are created, of one
//! whose name is a directory of the other's. What exists is in the way by itself.

use std::collections::BTreeMap;

use bstr::ByteSlice;
use gitwasi_wire::receive_pack::RefUpdate;

/// How often a push may come back to a name. What comes later goes into one transaction, which
/// refuses what is in its own way: a request cannot ask for a transaction, with its flushes, by each
/// of its lines.
const MAX: usize = 16;

/// Splits ref updates, each with its number, into those that are made together.
pub(super) fn rounds(updates: &[(usize, &RefUpdate)]) -> Vec<Vec<usize>> {
    // With the slash before all else, what is below a name follows right behind it.
    let rank = |byte| if byte == b'/' { 0 } else { byte };
    let mut sorted = updates.to_vec();
    sorted.sort_unstable_by(|(_, a), (_, b)| {
        let by_name = a.name.bytes().map(rank).cmp(b.name.bytes().map(rank));
        by_name.then_with(|| is_create(b).cmp(&is_create(a)))
    });
    // The outermost name of those that are related to others, by the number of the update.
    let mut related = BTreeMap::new();
    let mut first: Option<(usize, &RefUpdate)> = None;
    let mut before: Option<(usize, &RefUpdate)> = None;
    for (number, update) in sorted {
        let twin = before.filter(|(_, before)| before.name == update.name);
        before = Some((number, update));
        if let Some((other, _)) = twin {
            let outermost = *related.entry(other).or_insert(&update.name);
            related.insert(number, outermost);
            continue;
        }
        match first {
            Some((other, outermost)) if is_create(outermost) && is_below(update, outermost) => {
                if is_create(update) {
                    related.insert(number, &outermost.name);
                    related.insert(other, &outermost.name);
                }
            }
            _ => first = before,
        }
    }
    let mut rounds = vec![Vec::with_capacity(updates.len())];
    let mut counts = BTreeMap::new();
    for (number, _) in updates {
        let mut round = 0;
        if let Some(outermost) = related.get(number) {
            let count = counts.entry(*outermost).or_insert(0);
            round = MAX.min(*count);
            *count += 1;
        }
        if round == rounds.len() {
            rounds.push(Vec::new());
        }
        rounds[round].push(*number);
    }
    rounds
}

fn is_create(update: &RefUpdate) -> bool {
    update.old_oid.is_zero()
}

fn is_below(update: &RefUpdate, outermost: &RefUpdate) -> bool {
    let rest = update.name.strip_prefix(outermost.name.as_slice());
    rest.is_some_and(|rest| rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use gitwasi_wire::Oid;

    use super::*;

    /// A name in capitals stands for a ref that is there.
    fn split(names: &[&str]) -> Vec<Vec<usize>> {
        let oid = |digit: &str| Oid::from_hex(digit.repeat(40).as_bytes()).expect("an oid");
        let update = |name: &&str| RefUpdate {
            old_oid: oid(if name.to_lowercase() == **name { "0" } else { "1" }),
            new_oid: oid("2"),
            name: name.to_lowercase().into(),
        };
        let updates: Vec<_> = names.iter().map(update).collect();
        rounds(&updates.iter().enumerate().collect::<Vec<_>>())
    }

    #[test]
    fn what_is_not_related_is_made_together() {
        assert_eq!(split(&["a"]), [[0]]);
        assert_eq!(split(&["b/x", "a", "b-x", "ab", "b/xy", "a-b/c"]), [[0, 1, 2, 3, 4, 5]]);
        assert_eq!(split(&["A", "a/b", "A/C", "D/E", "d"]), [[0, 1, 2, 3, 4]]);
    }

    #[test]
    fn what_is_related_is_made_in_its_order() {
        assert_eq!(split(&["a", "b", "a"]), vec![vec![0, 1], vec![2]]);
        assert_eq!(split(&["a", "A/C", "A/C"]), vec![vec![0, 1], vec![2]]);
        assert_eq!(split(&["a/c", "a", "A/C"]), vec![vec![0], vec![1], vec![2]]);
        assert_eq!(split(&["A", "b", "A", "a/b"]), vec![vec![0, 1, 3], vec![2]]);
        assert_eq!(split(&["A", "a", "a/b", "A/C"]), vec![vec![0, 3], vec![1], vec![2]]);
        assert_eq!(split(&["a/b", "a-b", "a"]), vec![vec![0, 1], vec![2]]);
        assert_eq!(split(&["a", "c", "a-b", "a/b"]), vec![vec![0, 1, 2], vec![3]]);
        assert_eq!(split(&["a/b/c", "x", "a", "x", "a/b"]), vec![vec![0, 1], vec![2, 3], vec![4]]);
        let many = split(&["a"; 40]);
        assert_eq!(many.len(), MAX + 1);
        assert_eq!(many[MAX].len(), 40 - MAX);
    }
}
