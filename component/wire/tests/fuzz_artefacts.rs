//! Seeds and artefacts of the fuzz targets, and damage done to them, as an ordinary test.

#[path = "../../../fuzz/entry/wire.rs"]
mod entry;

use std::path::Path;

/// Every input of a target goes through its entry; then damaged ones do, the same on every run.
fn replay(target: &str, entry: fn(&[u8])) {
    const DAMAGED: usize = 1_500;
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
    const PIECES: &[&[u8]] =
        &[b"0000", b"0001", b"0002", b"0004", b"fff0", b"\0", b"\n", b" ", b"%", b"+", b"=", b":"];
    let at = random.below(input.len() + 1);
    let end = (at + random.below(60)).min(input.len());
    match random.below(6) {
        0 if at < input.len() => input[at] = u8::try_from(random.below(256)).expect("a byte"),
        1 => drop(input.drain(at..end)),
        2 => input.truncate(at),
        3 => {
            let piece = input[at..end].to_vec();
            let to = random.below(input.len() + 1);
            input.splice(to..to, piece);
        }
        4 => {
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
fn pkt_line() {
    replay("pkt_line", entry::pkt_line);
}

#[test]
fn receive_pack_head() {
    replay("receive_pack_head", entry::receive_pack_head);
}

#[test]
fn receive_pack_report() {
    replay("receive_pack_report", entry::receive_pack_report);
}

#[test]
fn v2_request() {
    replay("v2_request", entry::v2_request);
}

#[test]
fn v0_request() {
    replay("v0_request", entry::v0_request);
}

#[test]
fn filter() {
    replay("filter", entry::filter);
}
