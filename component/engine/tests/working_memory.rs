//! What requests hold is leased from one budget: who asks for too much is refused, the others go
//! on, and in the end all of it is free again.

mod support;

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use futures_util::future::join;
use gitwasi_engine::receive_pack::{self, AcceptAll, PackSource, Pushed};
use gitwasi_engine::storage::native::{NativeStorage, block_on};
use gitwasi_engine::upload_pack::Output;
use gitwasi_engine::{Engine, Error, Limits, Repository, upload_pack};
use gitwasi_wire::ProtocolVersion;
use support::Lab;
use support::forge::{BLOB, COMMIT, Forge, TREE, append, oid};
use support::receive::{Chunks, Push, ZERO, files, options, serve};

type Native = Rc<Engine<NativeStorage>>;

const TOO_LARGE: &str = "limit exceeded: working_memory: too large for this server";
const BUSY: &str = "busy with other large requests, try again later";

/// An engine whose requests have so many KiB.
fn engine(lab: &Lab, kib: usize) -> Native {
    let limits = Limits { working_memory: kib << 10, ..Limits::default() };
    Engine::new(NativeStorage::new(lab.dir.path()), limits)
}

fn open(engine: &Native, name: &str) -> Repository<NativeStorage> {
    block_on(engine.open(name)).expect("a repository")
}

fn hex(oid: &[u8]) -> String {
    oid.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Adds so many blobs, and a commit whose tree names the first of them.
fn commit(forge: &mut Forge, blobs: u32, named: u32, seed: &str) -> String {
    let mut tree = Vec::new();
    for number in 0..blobs {
        let blob = format!("{seed} {number}");
        forge.whole(BLOB, blob.as_bytes());
        if number < named {
            tree.extend(format!("100644 {number:08}\0").bytes());
            tree.extend(oid("blob", blob.as_bytes()));
        }
    }
    forge.whole(TREE, &tree);
    let tree = hex(&oid("tree", &tree));
    let commit = format!("tree {tree}\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\n{seed}\n");
    forge.whole(COMMIT, commit.as_bytes());
    hex(&oid("commit", commit.as_bytes()))
}

/// A push of so many blobs, of which a commit names a few.
fn push(blobs: u32, seed: &str) -> Push {
    push_named(blobs, 100, seed)
}

fn push_named(blobs: u32, named: u32, seed: &str) -> Push {
    let mut forge = Forge::new();
    let tip = commit(&mut forge, blobs, named, seed);
    let push = Push::new("").update(ZERO, &tip, &format!("refs/heads/{seed}"));
    Push { pack: forge.finish(), ..push }
}

fn bare(lab: &Lab, name: &str) {
    lab.git("", &["init", "-q", "--bare", "-b", "main", name]);
}

fn clone_request(wants: &[&str]) -> Vec<u8> {
    let mut request = b"0011command=fetch0001".to_vec();
    let wants = wants.iter().map(|want| format!("want {want}\n"));
    for line in wants.chain(["ofs-delta\n".to_owned(), "done\n".to_owned()]) {
        request.extend(format!("{:04x}{line}", line.len() + 4).bytes());
    }
    request.extend(b"0000");
    request
}

async fn fetch(
    repository: &Repository<NativeStorage>,
    request: &Vec<u8>,
    output: &mut impl Output,
) -> Result<(), Error> {
    upload_pack::serve(repository, ProtocolVersion::V2, request, output).await
}

#[track_caller]
fn refused(lab: &Lab, engine: &Native, push: &Push, why: &str) {
    let before = files(&lab.path("a.git"));
    let (answer, pushed) = serve(&open(engine, "a.git"), &push.bytes());
    assert!(answer.report.starts_with(&format!("unpack {why}\nng refs/")), "{answer:?}");
    assert_eq!(pushed.expect("an answer"), Pushed::default());
    assert_eq!(files(&lab.path("a.git")), before);
    assert_eq!(engine.leased_memory(), 0);
}

#[test]
fn a_push_of_too_many_objects_leaves_nothing() {
    let lab = Lab::new();
    bare(&lab, "a.git");
    let engine = engine(&lab, 2 << 10);
    // By its count; and as it arrives, because it says to be smaller than what it is made of.
    refused(&lab, &engine, &push(40_000, "many"), TOO_LARGE);
    refused(&lab, &engine, &push(35_000, "fewer"), TOO_LARGE);
    let (answer, _) = serve(&open(&engine, "a.git"), &push(1_000, "few").bytes());
    assert_eq!(answer.report, "unpack ok\nok refs/heads/few\n");
    assert_eq!(engine.leased_memory(), 0);
    lab.fsck("a.git");
}

#[test]
fn a_clone_of_too_many_loose_objects_is_refused_and_others_are_answered() {
    let lab = Lab::new();
    bare(&lab, "a.git");
    let limits = Limits { unpack_bytes: 64 << 20, ..Limits::default() };
    let taking = Engine::new(NativeStorage::new(lab.dir.path()), limits);
    lab.git("a.git", &["config", "receive.unpackLimit", "100000"]);
    let (many, few) = (push_named(8_000, 8_000, "many"), push(10, "few"));
    for push in [&many, &few] {
        serve(&open(&taking, "a.git"), &push.bytes()).1.expect("pushed");
    }
    let engine = engine(&lab, 600);
    let repository = open(&engine, "a.git");
    let mut out = Vec::new();
    let outcome = block_on(fetch(&repository, &clone_request(&[&many.updates[0].1]), &mut out));
    assert!(matches!(outcome, Err(Error::LimitExceeded("working_memory"))), "{outcome:?}");
    let said = String::from_utf8_lossy(&out);
    assert!(said.contains(&format!("\u{3}upload-pack: {TOO_LARGE}")), "{said}");
    drop(repository);
    assert_eq!(engine.leased_memory(), 0);
    let repository = open(&engine, "a.git");
    block_on(fetch(&repository, &clone_request(&[&few.updates[0].1]), &mut out)).expect("a pack");
    drop(repository);
    assert_eq!(engine.leased_memory(), 0);
}

/// A push that stops in the middle until it may go on.
struct Halting {
    chunks: Chunks,
    left: usize,
    goes_on: Rc<Cell<bool>>,
}

impl PackSource for Halting {
    async fn read(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if self.left == 0 {
            let wait = poll_fn(|context| match self.goes_on.get() {
                true => Poll::Ready(()),
                false => {
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
            });
            wait.await;
        }
        self.left = self.left.saturating_sub(1);
        self.chunks.read().await
    }
}

fn halting(push: &Push) -> (Halting, Rc<Cell<bool>>) {
    let bytes = push.bytes();
    let goes_on = Rc::new(Cell::new(false));
    let left = bytes.len() / 1000 * 9 / 10;
    let chunks = Chunks::new(&bytes, 1000);
    (Halting { chunks, left, goes_on: Rc::clone(&goes_on) }, goes_on)
}

#[test]
fn a_push_for_which_others_leave_too_little_is_refused_and_they_go_on() {
    let lab = Lab::new();
    bare(&lab, "a.git");
    let engine = engine(&lab, 6 << 10);
    let first = push(40_000, "first");
    let (mut source, goes_on) = halting(&first);
    let repository = open(&engine, "a.git");
    let (mut gate, options, mut output) = (AcceptAll, options(), Vec::new());
    let slow = receive_pack::serve(&repository, &mut source, &mut gate, &options, &mut output);
    let meanwhile = async {
        while engine.leased_memory() < 3 << 20 {
            yield_once().await;
        }
        let repository = engine.open("a.git").await.expect("a repository");
        let mut output = Vec::new();
        let second = push(50_000, "second");
        let (mut source, mut gate) = (Chunks::new(&second.bytes(), 1000), AcceptAll);
        let pushed =
            receive_pack::serve(&repository, &mut source, &mut gate, &options, &mut output).await;
        assert_eq!(pushed.expect("an answer"), Pushed::default());
        let said = String::from_utf8_lossy(&output);
        assert!(said.contains(&format!("unpack {BUSY}\n")), "{said}");
        // One that needs little succeeds.
        let third = push(100, "third");
        let mut source = Chunks::new(&third.bytes(), 1000);
        let pushed =
            receive_pack::serve(&repository, &mut source, &mut gate, &options, &mut output).await;
        assert_eq!(pushed.expect("an answer").ref_updates.len(), 1);
        goes_on.set(true);
    };
    let (slow, ()) = block_on(join(slow, meanwhile));
    assert_eq!(slow.expect("an answer").ref_updates.len(), 1);
    drop(repository);
    assert_eq!(engine.leased_memory(), 0);
    // Nobody else is there now.
    let (answer, _) = serve(&open(&engine, "a.git"), &push(50_000, "second").bytes());
    assert_eq!(answer.report, "unpack ok\nok refs/heads/second\n");
    assert_eq!(lab.git("a.git", &["for-each-ref"]).lines().count(), 3);
    lab.fsck("a.git");
}

async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[test]
fn a_push_that_is_dropped_half_way_gives_everything_back() {
    let lab = Lab::new();
    bare(&lab, "a.git");
    let engine = engine(&lab, 8 << 10);
    let (mut source, _) = halting(&push(20_000, "half"));
    let repository = open(&engine, "a.git");
    let (mut gate, options, mut output) = (AcceptAll, options(), Vec::new());
    let pushed =
        Box::pin(receive_pack::serve(&repository, &mut source, &mut gate, &options, &mut output));
    let wait = Box::pin(async {
        while engine.leased_memory() < 1 << 20 {
            yield_once().await;
        }
    });
    block_on(futures_util::future::select(pushed, wait));
    drop(repository);
    assert_eq!(engine.leased_memory(), 0);
}

/// Objects that are too large, each with what it is: taken in by a push, and read by a clone.
#[test]
fn an_object_that_is_too_large_is_refused() {
    let lab = Lab::new();
    bare(&lab, "a.git");
    let engine = engine(&lab, 1 << 10);
    let entry = |number: u32| {
        let mut entry = format!("100644 {number:08}\0").into_bytes();
        entry.extend(number.to_be_bytes().repeat(5));
        entry
    };
    let tree: Vec<u8> = (1..60_000).flat_map(entry).collect();
    let mut commit = format!("tree {}\n", "1".repeat(40));
    for number in 0..60_000 {
        commit.push_str(&format!("parent {number:040x}\n"));
    }
    commit.push_str("author A <a> 1 +0000\ncommitter A <a> 1 +0000\n\nmany\n");
    for (kind, content) in [(TREE, &tree), (COMMIT, &commit.into_bytes())] {
        let mut forge = Forge::new();
        forge.whole(kind, content);
        let push = Push::new("").update(ZERO, &"2".repeat(40), "refs/heads/x");
        refused(&lab, &engine, &Push { pack: forge.finish(), ..push }, TOO_LARGE);
    }
    // The base is small enough, and what is made of it is not.
    let base: Vec<u8> = (1..3000).flat_map(entry).collect();
    let more: Vec<u8> = (3000..60_000).flat_map(entry).collect();
    let mut forge = Forge::new();
    let at = forge.whole(TREE, &base);
    forge.ofs_delta(at, &append(base.len(), &more)[..]);
    let push = Push::new("").update(ZERO, &"2".repeat(40), "refs/heads/x");
    refused(&lab, &engine, &Push { pack: forge.finish(), ..push }, TOO_LARGE);
}

#[test]
fn a_clone_that_reads_an_object_that_is_too_large_is_refused() {
    let lab = Lab::new();
    bare(&lab, "a.git");
    let push = push_named(30_000, 30_000, "large");
    let (answer, _) = serve(&lab.open("a.git"), &push.bytes());
    assert_eq!(answer.report, "unpack ok\nok refs/heads/large\n");
    let engine = engine(&lab, 512);
    let repository = open(&engine, "a.git");
    let mut out = Vec::new();
    let outcome = block_on(fetch(&repository, &clone_request(&[&push.updates[0].1]), &mut out));
    assert!(matches!(outcome, Err(Error::LimitExceeded("working_memory"))), "{outcome:?}");
    drop(repository);
    assert_eq!(engine.leased_memory(), 0);
}

#[test]
fn a_request_that_asks_for_too_much_is_refused() {
    let lab = Lab::new();
    lab.history("a.git", 3, &[]);
    let engine = engine(&lab, 512);
    let wants = vec!["1".repeat(40); 20_000];
    let wants: Vec<&str> = wants.iter().map(String::as_str).collect();
    let repository = open(&engine, "a.git");
    let mut out = Vec::new();
    let outcome = block_on(fetch(&repository, &clone_request(&wants), &mut out));
    assert!(matches!(outcome, Err(Error::LimitExceeded("working_memory"))), "{outcome:?}");
    let said = String::from_utf8_lossy(&out);
    assert!(said.contains(&format!("ERR upload-pack: {TOO_LARGE}")), "{said}");
    drop(repository);
    assert_eq!(engine.leased_memory(), 0);
}
