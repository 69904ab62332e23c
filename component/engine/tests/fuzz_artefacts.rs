//! Seeds and artefacts of the fuzz targets, and damage done to them, as an ordinary test.

#[path = "../../../fuzz/entry/engine.rs"]
mod entry;

use std::path::Path;

/// Every input of a target goes through its entry; then damaged ones do, the same on every run.
fn replay(target: &str, entry: fn(&[u8])) {
    const DAMAGED: usize = 400;
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let mut inputs = Vec::new();
    for folder in ["seeds", "artifacts"] {
        let Ok(files) = std::fs::read_dir(fuzz.join(folder).join(target)) else {
            assert_eq!(folder, "artifacts", "{target} has no seeds");
            continue;
        };
        let mut paths: Vec<_> = files.map(|file| file.expect("readable").path()).collect();
        paths.sort();
        inputs.extend(paths.iter().map(|path| std::fs::read(path).expect("readable")));
    }
    assert!(!inputs.is_empty());
    inputs.iter().for_each(|input| entry(input));

    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for run in 0..DAMAGED {
        let mut input = inputs[run % inputs.len()].clone();
        for _ in 0..=random.below(4) {
            damage(&mut input, &inputs, &mut random);
        }
        entry(&input);
    }
}

fn damage(input: &mut Vec<u8>, inputs: &[Vec<u8>], random: &mut Random) {
    const PIECES: &[&[u8]] = &[
        b"\0",
        b"\xff",
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
        b"\x7f\xff\xff\xff",
        b"\x80",
        b"\n",
        b" ",
        b"^",
        b"=",
    ];
    let at = random.below(input.len() + 1);
    let end = (at + random.below(60)).min(input.len());
    match random.below(7) {
        0 if at < input.len() => input[at] = u8::try_from(random.below(256)).expect("a byte"),
        1 => drop(input.drain(at..end)),
        2 => input.truncate(at),
        3 => {
            let piece = input[at..end].to_vec();
            let to = random.below(input.len() + 1);
            input.splice(to..to, piece);
        }
        // Most of these files have tables at places that are counted: they break less when the
        // length stays the same.
        4 => {
            for byte in &mut input[at..end] {
                *byte = PIECES[random.below(PIECES.len())][0];
            }
        }
        5 => {
            let other = &inputs[random.below(inputs.len())];
            let from = random.below(other.len() + 1);
            input.splice(at.., other[from..].iter().copied());
        }
        _ => drop(input.splice(at..at, PIECES[random.below(PIECES.len())].iter().copied())),
    }
}

/// A xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound.max(1) as u64).expect("small")
    }
}

#[test]
fn nothing_is_wrong_with_the_files_that_are_replaced() {
    let errors = entry::whole();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn idx() {
    replay("idx", entry::idx);
}

#[test]
fn bitmap() {
    replay("bitmap", entry::bitmap);
}

#[test]
fn multi_pack_index() {
    replay("multi_pack_index", entry::multi_pack_index);
}

#[test]
fn commit_graph() {
    replay("commit_graph", entry::commit_graph);
}

#[test]
fn packed_refs() {
    replay("packed_refs", entry::packed_refs);
}

#[test]
fn reftable() {
    replay("reftable", entry::reftable);
}

#[test]
fn config() {
    replay("config", entry::config);
}

#[test]
fn pack_entry() {
    replay("pack_entry", entry::pack_entry);
}

#[test]
fn delta() {
    replay("delta", entry::delta);
}
