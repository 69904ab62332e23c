//! The bars: memory under large transfers and many of them.
//!
//! One test at a time, so that a figure means one thing; the data is made once and goes when the
//! last test has ended.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod beside;
mod big;
mod many;
mod slow;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use e2e::{Repository, Server, World, process};
use flate2::Compression;
use flate2::write::GzEncoder;
use libtest_mimic::{Arguments, Trial};

const MIB: u64 = 1 << 20;

/// The server's own peak, git children not counted.
const BOUND: u64 = 64 * MIB;

/// The incompressible file.
const FILE: usize = 600 * 1024 * 1024;

type Test = (&'static str, fn(&Data));

/// What all tests share.
struct Data {
    world: World,
    prepared: OnceLock<Prepared>,
}

/// A repository with the big file, and pushes of it as they are on the wire.
struct Prepared {
    repository: Repository,
    push: PathBuf,
    gzip: PathBuf,
}

impl Data {
    fn prepared(&self) -> &Prepared {
        self.prepared.get_or_init(|| {
            let repository = self.world.empty("big.git");
            repository.add_incompressible(FILE);
            let (push, gzip) = (self.world.beside("push"), self.world.beside("push.gz"));
            repository.write_push("big", "refs/heads/big", &push);
            let mut encoder = GzEncoder::new(File::create(&gzip).unwrap(), Compression::none());
            io::copy(&mut File::open(&push).unwrap(), &mut encoder).unwrap();
            encoder.finish().unwrap();
            Prepared { repository, push, gzip }
        })
    }
}

/// Panics if the server's peak has been above `bound` bytes.
#[track_caller]
fn assert_peak(server: &Server, what: &str, bound: u64) {
    let peak = process::memory(server.pid(), "VmHWM");
    println!("{what}: peak {} KiB of {} KiB", peak / 1024, bound / 1024);
    assert!(peak < bound, "{what}: the server's peak is {peak} bytes, the bound {bound}");
}

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let data = Arc::new(Data { world: World::default(), prepared: OnceLock::new() });
    let tests: &[Test] = &[
        ("big::push_with_content_length", big::push_with_content_length),
        ("big::push_chunked_by_git", big::push_chunked_by_git),
        ("big::push_chunked_and_compressed", big::push_chunked_and_compressed),
        ("big::clone", big::clone),
        ("big::download_of_the_pack", big::download_of_the_pack),
        ("slow::reader_at_one_megabyte_per_second", slow::reader_at_one_megabyte_per_second),
        ("slow::reader_that_stops_reading", slow::reader_that_stops_reading),
        ("beside::clones_do_not_hold_up_info_refs", beside::clones_do_not_hold_up_info_refs),
        ("many::clones_at_once", many::clones_at_once),
        ("many::pushes_at_once", many::pushes_at_once),
        ("many::pushes_to_git_at_once", many::pushes_to_git_at_once),
    ];
    let trial = |(name, test): &Test| {
        let (data, test) = (Arc::clone(&data), *test);
        Trial::test(*name, move || {
            test(&data);
            Ok(())
        })
    };
    let conclusion = libtest_mimic::run(&arguments, tests.iter().map(trial).collect());
    // Before the exit, which drops nothing.
    drop(data);
    conclusion.exit();
}
