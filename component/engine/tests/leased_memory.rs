//! What is leased is what is taken: every allocation is counted beside it.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use gitwasi_engine::receive_pack::{self, AcceptAll, PackSource};
use gitwasi_engine::storage::native::{NativeStorage, block_on};
use gitwasi_engine::upload_pack::Output;
use gitwasi_engine::{Engine, Error, Limits, upload_pack};
use gitwasi_wire::ProtocolVersion;
use support::Lab;
use support::forge::{BLOB, COMMIT, Forge, TREE, oid};
use support::receive::{Push, ZERO, options};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is left to the system's allocator.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(now, Relaxed);
        // SAFETY: as for the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as for the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Looks, whenever it is asked, at what is leased and at what is taken.
struct Scales<'a> {
    engine: &'a Engine<NativeStorage>,
    before: usize,
    most: (usize, usize),
}

impl<'a> Scales<'a> {
    fn new(engine: &'a Engine<NativeStorage>) -> Self {
        let before = NOW.load(Relaxed);
        MOST.store(before, Relaxed);
        Self { engine, before, most: (0, 0) }
    }

    fn look(&mut self) {
        let taken = NOW.load(Relaxed).saturating_sub(self.before);
        self.most = self.most.max((taken, self.engine.leased_memory()));
    }

    /// At least four fifths of what was taken, beyond what every request may take.
    #[track_caller]
    fn check(&self, what: &str) {
        let (taken, leased) = self.most;
        let peak = MOST.load(Relaxed) - self.before;
        println!("{what}: {taken} taken, {leased} leased, {peak} at most");
        assert!(leased * 10 >= taken.saturating_sub(2 << 20) * 8, "{what}: {taken} {leased}");
    }
}

struct Source<'a, 's> {
    bytes: &'a [u8],
    scales: Scales<'s>,
}

impl PackSource for Source<'_, '_> {
    async fn read(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.scales.look();
        let (now, later) = self.bytes.split_at(self.bytes.len().min(64 << 10));
        self.bytes = later;
        Ok((!now.is_empty()).then(|| now.to_vec()))
    }
}

struct Nowhere<'s>(Scales<'s>);

impl Output for Nowhere<'_> {
    async fn write(&mut self, _chunk: Vec<u8>) -> Result<(), Error> {
        self.0.look();
        Ok(())
    }
}

/// One test, because every allocation counts.
#[test]
fn what_is_leased_is_what_is_taken() {
    let lab = Lab::new();
    lab.git("", &["init", "-q", "--bare", "-b", "main", "a.git"]);
    let limits = Limits { block_cache: 256 << 10, base_cache: 256 << 10, ..Limits::default() };
    let engine = Engine::new(NativeStorage::new(lab.dir.path()), limits);

    let mut forge = Forge::new();
    let mut tree = Vec::new();
    for number in 0..200_000 {
        let blob = format!("blob {number}");
        let at = forge.whole(BLOB, blob.as_bytes());
        if number % 2 == 0 {
            forge.ofs_delta(at, &support::forge::append(blob.len(), b"more"));
        }
        if number < 20_000 {
            tree.extend(format!("100644 {number:08}\0").bytes());
            tree.extend(oid("blob", blob.as_bytes()));
        }
    }
    forge.whole(TREE, &tree);
    let hex = |oid: [u8; 20]| oid.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let tree = hex(oid("tree", &tree));
    let commit = format!("tree {tree}\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\nx\n");
    forge.whole(COMMIT, commit.as_bytes());
    let tip = hex(oid("commit", commit.as_bytes()));
    let push = Push::new("").update(ZERO, &tip, "refs/heads/main");
    let bytes = Push { pack: forge.finish(), ..push }.bytes();
    pushes(&engine, &bytes, "300,000 objects");

    let mut push = Push::new("atomic");
    for number in 0..20_000 {
        push = push.update(ZERO, &tip, &format!("refs/heads/topic/number-{number}"));
    }
    let pack = lab.pack("a.git", &[], "\n");
    pushes(&engine, &Push { pack, ..push }.bytes(), "20,000 refs");

    lab.git("", &["init", "-q", "--bare", "-b", "main", "b.git"]);
    lab.git("b.git", &["fetch", "-q", "../a.git", "main:main"]);
    let pack = lab.pack("b.git", &["--all"], "");
    lab.git("", &["init", "-q", "--bare", "-b", "main", "c.git"]);
    assert!(lab.git_with("c.git", &["unpack-objects", "-q"], &pack, &[]).status.success());
    lab.git("c.git", &["update-ref", "refs/heads/main", &tip]);
    let mut request = b"0011command=fetch0001".to_vec();
    for line in [format!("want {tip}\n"), "done\n".to_owned()] {
        request.extend(format!("{:04x}{line}", line.len() + 4).bytes());
    }
    request.extend(b"0000");
    let mut output = Nowhere(Scales::new(&engine));
    block_on(async {
        let repository = engine.open("c.git").await?;
        upload_pack::serve(&repository, ProtocolVersion::V2, &request, &mut output).await
    })
    .expect("a pack");
    output.0.check("a clone of 20,000 loose objects");
    assert_eq!(engine.leased_memory(), 0);
}

fn pushes(engine: &std::rc::Rc<Engine<NativeStorage>>, bytes: &[u8], what: &str) {
    let mut source = Source { bytes, scales: Scales::new(engine) };
    let mut output = Nowhere(Scales::new(engine));
    let pushed = block_on(async {
        let repository = engine.open("a.git").await?;
        let options = options();
        receive_pack::serve(&repository, &mut source, &mut AcceptAll, &options, &mut output).await
    });
    assert!(!pushed.expect("an answer").ref_updates.is_empty(), "{what}");
    source.scales.check(what);
    output.0.check(what);
    assert_eq!(engine.leased_memory(), 0);
}
