//! Our answers beside those of `git upload-pack`: every repository times every request.
//!
//! What has to be equal: advertisements, refs, acknowledgments, shallow lines, the texts of errors
//! that git tells, and the objects in the pack, which has to index strictly where the client has
//! what it says it has, and nothing else. `push.rs` does the same for pushes.

#![allow(missing_docs, unreachable_pub)]

#[path = "../support/mod.rs"]
mod support;

mod compare;
mod push;
mod push_shallow;
mod random;
mod repositories;
mod requests;
mod response;

use compare::Subject;
use requests::ALL;
use requests::Topic::{self, Depth, Filters, Odd, Packs, Refs, Uris, V0};
use support::Lab;

macro_rules! cells {
    ($($repository:ident: $topics:expr,)*) => {
        $(
            #[test]
            fn $repository() {
                compare_all(stringify!($repository), repositories::$repository, $topics);
            }
        )*
    };
}

fn compare_all(name: &str, make: fn(&Lab), topics: &[Topic]) {
    let lab = Lab::new();
    make(&lab);
    let subject = Subject::new(&lab, name);
    subject.advertisements();
    for topic in topics {
        for request in requests::about(*topic) {
            subject.compare(&request);
        }
    }
    subject.finish();
}

cells! {
    linear: ALL,
    liberal: ALL,
    merges: &[Packs, Depth, V0],
    octopus: &[Packs, Depth],
    many_tags: &[Refs, Packs],
    chains_of_tags: &[Refs, Packs],
    two_thousand_refs: &[Refs, Packs],
    fifty_thousand_refs: &[Refs, Packs],
    packed_and_loose: &[Packs],
    several_packs: &[Packs],
    multi_pack_index: &[Packs],
    incremental_multi_pack_index: &[Packs],
    multi_pack_bitmap: &[Packs, Depth],
    pack_bitmap: &[Packs, Depth],
    commit_graph: &[Packs, Depth],
    commit_graph_chain: &[Packs, Depth],
    alternates: &[Packs],
    shallow: &[Refs, Packs, Depth, V0],
    sha256: &[Refs, Packs, V0],
    reftable: &[Refs, Packs, V0],
    empty_reftable: &[Refs],
    empty: ALL,
    empty_silent: &[Refs],
    unborn_head: &[Refs, V0],
    detached_head: &[Refs, V0],
    hidden: &[Refs, V0],
    hidden_but_tips_allowed: &[Refs, V0, Odd],
    hidden_but_reachable_allowed: &[Refs, V0],
    hidden_head: &[Refs, V0],
    without_head: &[Refs, V0],
    broken: &[Refs, Packs],
    broken_and_packed: &[Refs],
    filters: &[Filters, Odd],
    filters_restricted: &[Filters],
    filters_contradictory: &[Filters],
    worktree_config: &[Odd],
    skewed_clocks: &[Packs, Depth],
    packfile_uris: &[Packs, V0, Uris],
    packfile_uris_sha256: &[Uris],
}

#[test]
fn packfile_uris_that_make_no_sense() {
    let lab = Lab::new();
    repositories::packfile_uris(&lab);
    let config = std::fs::read(lab.path("a.git/config")).expect("a configuration");
    let oid = lab.git("a.git", &["rev-parse", "main:sparse"]);
    let hash = "4".repeat(40);
    for value in [
        "".to_owned(),
        " =".to_owned(),
        " = https://e.com/x".to_owned(),
        format!(" = {oid} {hash}"),
        format!(" = {oid}"),
        format!(" = {oid} {hash}  https://e.com/x"),
        format!(" = {oid}  {hash} https://e.com/x"),
        format!(" = {oid} \"{hash} \""),
        format!(" = {}x {hash} https://e.com/x", &oid[..39]),
        format!(" = {oid} {} https://e.com/x", &hash[..39]),
        format!(" = {} {} https://e.com/x", oid.repeat(2), hash.repeat(2)),
        format!(" = {oid} {hash} https://e.com/x\nblobPackfileUri = {oid} {hash} ftp://e.com/x"),
    ] {
        let lines = format!("[uploadpack]\nblobPackfileUri{value}\n");
        support::write(&lab.path("a.git/config"), &[&config, lines.as_bytes()].concat());
        let subject = Subject::new(&lab, &lines);
        subject.advertisements();
        for request in requests::about(Uris) {
            subject.compare(&request);
        }
        subject.finish();
    }
}

/// Seeds that are always tried.
const SEEDS: std::ops::Range<u64> = 0..8;

#[test]
fn repositories_and_requests_made_by_chance() {
    for seed in random::seeds(SEEDS) {
        eprintln!("fetches, seed {seed}");
        let lab = Lab::new();
        let mut random = random::Random::new(seed);
        let (commits, dated) = random::repository(&lab, &mut random);
        let refs = lab.git("a.git", &["for-each-ref", "--format=%(objectname)"]);
        let refs: Vec<String> = refs.lines().map(str::to_owned).collect();
        let name = format!("seed {seed}");
        let mut subject = Subject::new(&lab, &name);
        subject.has_copies = true;
        subject.know(commits.iter().chain(&refs));
        subject.advertisements();
        let specification = b"d0/\n*/e1/\n!f2\n/d2/*/f0\n";
        let hash = ["hash-object", "-w", "--stdin"];
        let sparse = lab.git_with("a.git", &hash, specification, &[]).stdout;
        let sparse = String::from_utf8(sparse).expect("an oid");
        for _ in 0..14 {
            subject.compare(&random::request(&mut random, &commits, &refs, sparse.trim()));
        }
        for _ in 0..6 {
            subject.compare(&random::request_v0(&mut random, &commits, &refs, dated));
        }
        subject.finish();
    }
}
