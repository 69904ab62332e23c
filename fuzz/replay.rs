//! The fuzz targets without a fuzzer: seeds, artefacts and mutations of them, in an ordinary test.
//!
//! Included by the tests. `GITWASI_FUZZ_SECONDS` is the time for each target, a fraction of a second
//! unless told otherwise; `GITWASI_FUZZ_SEED` repeats a run, which prints its seed when it fails or
//! was given its time. An input that makes a target fail is written to `artifacts/<target>/`.

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Makes a test of each target, and one that none is forgotten.
macro_rules! targets {
    ($file:literal: $($target:ident),* $(,)?) => {
        $(
            #[test]
            fn $target() {
                replay::replay(stringify!($target), entry::$target);
            }
        )*

        #[test]
        fn every_target_is_tested() {
            assert_eq!(replay::names($file), [$(stringify!($target)),*]);
        }
    };
}
pub(crate) use targets;

/// Time for each target where nobody says so.
const SECONDS: f64 = 0.2;

/// Mutations that are tried however little time there is.
const LEAST: u64 = 100;

/// What one input may take. An input that takes longer is a finding.
const SLOW: Duration = Duration::from_secs(20);

/// Bytes of a mutation at most.
const LONGEST: usize = 1 << 20;

/// Where a run begins that nobody gives a seed or time.
const SEED: u64 = 0x2545_f491_4f6c_dd1d;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The targets whose entries are in that file, by their names.
pub(crate) fn names(file: &str) -> Vec<String> {
    let mut names = Vec::new();
    for target in std::fs::read_dir(fuzz().join("fuzz_targets")).expect("targets") {
        let path = target.expect("a target").path();
        let text = std::fs::read_to_string(&path).expect("readable");
        if text.contains(&format!("entry/{file}")) {
            names.push(path.file_stem().expect("a name").to_string_lossy().into_owned());
        }
    }
    names.sort();
    names
}

/// Puts every input of a target through its entry, then mutations of them until the time is over.
pub(crate) fn replay(target: &str, entry: fn(&[u8])) {
    let inputs = inputs(target);
    for input in &inputs {
        entry(input);
    }
    let setting = |name| std::env::var(name).ok();
    let told = setting("GITWASI_FUZZ_SECONDS");
    let seconds = told.as_ref().map_or(SECONDS, |told| told.parse().expect("seconds"));
    let seed = match setting("GITWASI_FUZZ_SEED") {
        Some(seed) => seed.parse().expect("a seed"),
        None if told.is_some() => RandomState::new().hash_one(target),
        None => SEED,
    };
    let mut mutator = Mutator { random: Random(seed | 1), words: words(), inputs: &inputs };
    let start = Instant::now();
    let (mut runs, mut slowest) = (0, Duration::ZERO);
    while runs < LEAST || start.elapsed().as_secs_f64() < seconds {
        let input = mutator.input();
        let before = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| entry(&input)));
        let took = before.elapsed();
        slowest = slowest.max(took);
        if outcome.is_err() || took > SLOW {
            let path = keep(target, &input);
            eprintln!("{target}, seed {seed}, run {runs}, {took:?}: {}", path.display());
        }
        if let Err(panic) = outcome {
            resume_unwind(panic);
        }
        assert!(took <= SLOW, "{target} took {took:?}");
        runs += 1;
    }
    if told.is_some() {
        eprintln!("{target}: seed {seed}, {runs} runs, the slowest {slowest:?}");
    }
}

/// Seeds, and what once made the target fail.
fn inputs(target: &str) -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for folder in ["seeds", "artifacts"] {
        let Ok(files) = std::fs::read_dir(fuzz().join(folder).join(target)) else {
            assert_eq!(folder, "artifacts", "{target} has no seeds");
            continue;
        };
        let mut paths: Vec<_> = files.map(|file| file.expect("readable").path()).collect();
        paths.sort();
        inputs.extend(paths.iter().map(|path| std::fs::read(path).expect("readable")));
    }
    assert!(!inputs.is_empty());
    inputs
}

fn keep(target: &str, input: &[u8]) -> PathBuf {
    let directory = fuzz().join("artifacts").join(target);
    std::fs::create_dir_all(&directory).expect("a directory");
    // A name that is the same for the same input.
    let hash = input.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let path = directory.join(format!("crash-{hash:016x}"));
    std::fs::write(&path, input).expect("written");
    path
}

/// The words of `git.dict`: one in quotes on each line, with `\xNN`, `\\` and `\"`.
fn words() -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(fuzz().join("git.dict")).expect("a dictionary");
    text.lines().filter(|line| line.contains('"')).map(word).collect()
}

fn word(line: &str) -> Vec<u8> {
    let (_, quoted) = line.split_once('"').expect("a quote");
    let quoted = quoted.trim_end().strip_suffix('"').expect("another quote");
    let (mut word, mut rest) = (Vec::new(), quoted.as_bytes());
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            word.push(*byte);
        } else if let Some(hex) = after.strip_prefix(b"x") {
            let digits = std::str::from_utf8(&hex[..2]).expect("digits");
            word.push(u8::from_str_radix(digits, 16).expect("digits"));
            rest = &hex[2..];
        } else {
            word.push(after[0]);
            rest = &after[1..];
        }
    }
    word
}

/// Makes new inputs of those that there are.
struct Mutator<'a> {
    random: Random,
    words: Vec<Vec<u8>>,
    inputs: &'a [Vec<u8>],
}

/// Numbers at whose edges things go wrong.
const NUMBERS: [u64; 16] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0xffff,
    0x1_0000,
    0xff_ffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    u64::MAX >> 1,
    u64::MAX,
];

impl Mutator<'_> {
    fn input(&mut self) -> Vec<u8> {
        let mut input = self.inputs[self.random.below(self.inputs.len())].clone();
        // One change finds its way in deep; many find what the first check lets through.
        let changes = 1 << self.random.below(4);
        for _ in 0..1 + self.random.below(changes) {
            self.change(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let length = input.len();
        let at = self.random.below(length + 1);
        let end = (at + self.random.below(60)).min(length);
        match self.random.below(13) {
            0 if at < length => input[at] ^= 1 << self.random.below(8),
            1 if at < length => input[at] = self.random.byte(),
            2 if at < length => {
                let by = 1 + self.random.byte() % 16;
                input[at] = match self.random.below(2) {
                    0 => input[at].wrapping_add(by),
                    _ => input[at].wrapping_sub(by),
                };
            }
            3 => drop(input.drain(at..end)),
            4 => input.truncate(at),
            5 => {
                let piece = input[at..end].to_vec();
                let to = self.random.below(length + 1);
                input.splice(to..to, piece);
            }
            // Where tables are at places that are counted, lengths had better stay the same.
            6 => {
                let piece = input[at..end].to_vec();
                let to = self.random.below(length - piece.len() + 1);
                input[to..to + piece.len()].copy_from_slice(&piece);
            }
            7 => {
                let byte = [0, 0xff, self.random.byte()][self.random.below(3)];
                input[at..end].fill(byte);
            }
            8 | 9 => {
                let bytes = self.number();
                let end = (at + bytes.len()).min(length);
                input[at..end].copy_from_slice(&bytes[..end - at]);
            }
            10 => {
                let word = self.words[self.random.below(self.words.len())].clone();
                let end =
                    if self.random.below(2) == 0 { at } else { (at + word.len()).min(length) };
                input.splice(at..end, word);
            }
            11 => {
                let bytes: Vec<u8> = (at..end).map(|_| self.random.byte()).collect();
                input.splice(at..at, bytes);
            }
            _ => {
                let other = &self.inputs[self.random.below(self.inputs.len())];
                let from = self.random.below(other.len() + 1);
                input.splice(at.., other[from..].iter().copied());
            }
        }
    }

    /// A number of one of several widths, in one of several forms.
    fn number(&mut self) -> Vec<u8> {
        let number = NUMBERS[self.random.below(NUMBERS.len())];
        let width = [1, 2, 3, 4, 8][self.random.below(5)];
        match self.random.below(3) {
            0 => number.to_be_bytes()[8 - width..].to_vec(),
            1 => number.to_le_bytes()[..width].to_vec(),
            _ => {
                let mut digits = String::new();
                _ = write!(digits, "{:04x}", number & 0xffff);
                digits.into_bytes()
            }
        }
    }
}

/// A xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % bound.max(1) as u64).expect("small")
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).expect("a byte")
    }
}
