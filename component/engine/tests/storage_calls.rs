//! How often a request asks the storage: in a guest each call costs 2 to 10 microseconds, which
//! is what a small request takes.

mod support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use gitwasi_engine::storage::native::{NativeFile, NativeStorage, block_on};
use gitwasi_engine::storage::{
    DirEntry, Stat, Storage, StorageError, StorageFile, StorageWriter, WriteStorage,
};
use gitwasi_engine::{Engine, Limits, upload_pack};
use gitwasi_wire::ProtocolVersion;
use support::Lab;
use support::receive::{Push, serve};

type Calls = Rc<RefCell<BTreeMap<&'static str, usize>>>;

#[derive(Debug)]
struct Counting {
    inner: NativeStorage,
    calls: Calls,
}

#[derive(Debug)]
struct CountingFile {
    inner: NativeFile,
    calls: Calls,
}

fn count(calls: &Calls, what: &'static str) {
    *calls.borrow_mut().entry(what).or_default() += 1;
}

impl Storage for Counting {
    type File = CountingFile;

    async fn entries(&self, dir: &str, limit: usize) -> Result<Vec<DirEntry>, StorageError> {
        count(&self.calls, "entries");
        self.inner.entries(dir, limit).await
    }

    async fn open(&self, path: &str) -> Result<CountingFile, StorageError> {
        count(&self.calls, "open");
        let inner = self.inner.open(path).await?;
        Ok(CountingFile { inner, calls: Rc::clone(&self.calls) })
    }

    async fn stat(&self, path: &str) -> Result<Stat, StorageError> {
        count(&self.calls, "stat");
        self.inner.stat(path).await
    }

    async fn look(&self, path: &str) -> Result<Stat, StorageError> {
        count(&self.calls, "look");
        self.inner.look(path).await
    }

    /// An hour ahead: what was written just now counts as old.
    fn wall_clock(&self) -> u64 {
        self.inner.wall_clock() + 3_600_000_000_000
    }

    fn locate(&self, absolute: &str) -> Option<String> {
        self.inner.locate(absolute)
    }

    fn now(&self) -> std::time::Duration {
        self.inner.now()
    }

    async fn yield_now(&self) {}

    async fn pause(&self, _milliseconds: u64) {}
}

impl StorageFile for CountingFile {
    async fn stat(&self) -> Result<Stat, StorageError> {
        count(&self.calls, "file stat");
        self.inner.stat().await
    }

    async fn read_at(&self, offset: u64, length: usize) -> Result<Vec<u8>, StorageError> {
        count(&self.calls, "read");
        self.inner.read_at(offset, length).await
    }
}

impl WriteStorage for Counting {
    type Writer = CountingFile;

    async fn create_new(&self, path: &str) -> Result<CountingFile, StorageError> {
        count(&self.calls, "create");
        let inner = self.inner.create_new(path).await?;
        Ok(CountingFile { inner, calls: Rc::clone(&self.calls) })
    }

    async fn open_or_create(&self, path: &str) -> Result<CountingFile, StorageError> {
        count(&self.calls, "create");
        let inner = self.inner.open_or_create(path).await?;
        Ok(CountingFile { inner, calls: Rc::clone(&self.calls) })
    }

    async fn create_directory(&self, path: &str) -> Result<(), StorageError> {
        count(&self.calls, "create directory");
        self.inner.create_directory(path).await
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        count(&self.calls, "rename");
        self.inner.rename(from, to).await
    }

    async fn link(&self, from: &str, to: &str) -> Result<(), StorageError> {
        count(&self.calls, "link");
        self.inner.link(from, to).await
    }

    async fn remove_file(&self, path: &str) -> Result<(), StorageError> {
        count(&self.calls, "remove");
        self.inner.remove_file(path).await
    }

    async fn remove_directory(&self, path: &str) -> Result<(), StorageError> {
        count(&self.calls, "remove directory");
        self.inner.remove_directory(path).await
    }

    async fn sync_directory(&self, path: &str) -> Result<(), StorageError> {
        count(&self.calls, "sync directory");
        self.inner.sync_directory(path).await
    }

    fn random(&self) -> u64 {
        self.inner.random()
    }
}

impl StorageWriter for CountingFile {
    async fn write_at(&self, offset: u64, bytes: Vec<u8>) -> Result<(), StorageError> {
        count(&self.calls, "write");
        self.inner.write_at(offset, bytes).await
    }

    async fn set_size(&self, size: u64) -> Result<(), StorageError> {
        count(&self.calls, "set size");
        self.inner.set_size(size).await
    }

    async fn sync(&self) -> Result<(), StorageError> {
        count(&self.calls, "sync");
        self.inner.sync().await
    }
}

fn request(command: &str, lines: &[String]) -> Vec<u8> {
    let mut request = format!("{:04x}command={command}0001", command.len() + 12).into_bytes();
    for line in lines {
        request.extend(format!("{:04x}{line}\n", line.len() + 5).bytes());
    }
    request.extend(b"0000");
    request
}

/// Calls of the first and of the second request of its kind in an instance.
fn calls(lab: &Lab, name: &str, request: &[u8]) -> [BTreeMap<&'static str, usize>; 2] {
    let calls = Calls::default();
    let storage = Counting { inner: NativeStorage::new(lab.dir.path()), calls: Rc::clone(&calls) };
    let engine = Engine::new(storage, Limits::default());
    [(); 2].map(|()| {
        block_on(async {
            let repository = engine.open(name).await.expect("a repository");
            let mut out = Vec::new();
            upload_pack::serve(&repository, ProtocolVersion::V2, request, &mut out)
                .await
                .expect("a response");
        });
        std::mem::take(&mut *calls.borrow_mut())
    })
}

fn ls_refs() -> Vec<u8> {
    let lines =
        ["peel", "symrefs", "ref-prefix HEAD", "ref-prefix refs/heads/", "ref-prefix refs/tags/"];
    request("ls-refs", &lines.map(str::to_owned))
}

#[test]
fn ls_refs_of_a_small_repository() {
    let lab = Lab::new();
    lab.history("a.git", 30, &[]);
    lab.git("a.git", &["repack", "-adq"]);
    lab.git("a.git", &["pack-refs", "--all"]);
    let [first, second] = calls(&lab, "a.git", &ls_refs());
    eprintln!("packed: {first:?}, {second:?}");
    assert!(second.values().sum::<usize>() <= 9, "{second:?}");
    lab.git("a.git", &["update-ref", "refs/heads/main", "main~2"]);
    let [first, second] = calls(&lab, "a.git", &ls_refs());
    eprintln!("main loose: {first:?}, {second:?}");
    assert!(second.values().sum::<usize>() <= 9, "{second:?}");
}

#[test]
fn a_fetch_of_one_commit() {
    let lab = Lab::new();
    lab.history("a.git", 30, &[]);
    lab.git("a.git", &["repack", "-adq"]);
    let (want, have) =
        (lab.git("a.git", &["rev-parse", "main"]), lab.git("a.git", &["rev-parse", "main~1"]));
    let lines =
        [format!("want {want}"), format!("have {have}"), "done".to_owned(), "ofs-delta".to_owned()];
    let [first, second] = calls(&lab, "a.git", &request("fetch", &lines));
    eprintln!("fetch: {first:?}, {second:?}");
    assert!(second.values().sum::<usize>() <= 4, "{second:?}");
}

/// Of a push that adds a commit to a long loose history, all of it made in one second: nothing of it
/// is read but the commit that is built on, and the bases of deltas.
#[test]
fn a_push_of_one_commit() {
    let lab = Lab::new();
    lab.git("", &["init", "-q", "--bare", "-b", "main", "a.git"]);
    let tree = |content: &str| {
        let blob =
            lab.git_with("a.git", &["hash-object", "-w", "--stdin"], content.as_bytes(), &[]);
        let blob = String::from_utf8(blob.stdout).expect("an oid");
        let line = format!("100644 blob {}\tfile\n", blob.trim());
        let tree = lab.git_with("a.git", &["mktree"], line.as_bytes(), &[]);
        String::from_utf8(tree.stdout).expect("an oid").trim().to_owned()
    };
    let commit = |number: usize, parent: &str| {
        let tree = tree(&format!("{number}\n").repeat(100));
        let message = number.to_string();
        let mut args = vec!["commit-tree", &tree, "-m", &message];
        args.extend(["-p", parent].iter().filter(|_| !parent.is_empty()));
        lab.git("a.git", &args)
    };
    let mut history = vec![commit(0, "")];
    for number in 1..40 {
        history.push(commit(number, &history[number - 1]));
    }
    let [.., old, middle, new] = history.as_slice() else { unreachable!() };
    lab.git("a.git", &["update-ref", "refs/heads/main", old]);
    lab.copy("a.git", "b.git");
    let calls = Calls::default();
    let storage = Counting { inner: NativeStorage::new(lab.dir.path()), calls: Rc::clone(&calls) };
    let engine = Engine::new(storage, Limits::default());
    let pushes = [(old, middle), (middle, new)].map(|(old, new)| {
        let push = Push::new("").update(old, new, "refs/heads/main");
        let push = push.pack(&lab, "b.git", &[new, &format!("^{old}")]);
        for oid in lab.git("b.git", &["rev-list", "--objects", new, &format!("^{old}")]).lines() {
            let (directory, file) = oid[..40].split_at(2);
            _ = std::fs::remove_file(lab.path("a.git/objects").join(directory).join(file));
        }
        push
    });
    let [first, second] = pushes.map(|push| {
        let repository = block_on(engine.open("a.git")).expect("a repository");
        let (answer, _) = serve(&repository, &push.bytes());
        assert_eq!(answer.report, "unpack ok\nok refs/heads/main\n", "{:?}", answer.messages);
        std::mem::take(&mut *calls.borrow_mut())
    });
    eprintln!("push: {first:?}, {second:?}");
    assert!(second.values().sum::<usize>() <= 50, "{second:?}");
}

/// No more packs stay open than the limit says, and none that a request still reads is closed.
#[test]
fn packs_are_closed_when_there_are_too_many() {
    let lab = Lab::new();
    lab.history("a.git", 10, &[]);
    for number in 0..12 {
        let tree = lab.git("a.git", &["rev-parse", "main^{tree}"]);
        let message = format!("more {number}");
        let commit = lab.git("a.git", &["commit-tree", &tree, "-p", "main", "-m", &message]);
        lab.git("a.git", &["update-ref", "refs/heads/main", &commit]);
        lab.git("a.git", &["repack", "-dq"]);
    }
    lab.history("b.git", 10, &[]);
    lab.git("b.git", &["repack", "-adq"]);
    let want = lab.git("a.git", &["rev-parse", "main"]);
    let storage = NativeStorage::new(lab.dir.path());
    let engine = Engine::new(storage, Limits { open_packs: 3, ..Limits::default() });
    let open = || {
        std::fs::read_dir("/proc/self/fd").map_or(0, |files| {
            files
                .filter_map(|file| std::fs::read_link(file.ok()?.path()).ok())
                .filter(|path| path.starts_with(lab.dir.path().join("a.git/objects")))
                .count()
        })
    };
    let held = block_on(engine.open("a.git")).expect("a repository");
    let oid = gitwasi_wire::Oid::from_hex(want.as_bytes()).expect("an oid");
    let mut next = Some(oid);
    while let Some(oid) = next {
        next = block_on(held.odb().commit(&oid)).expect("a commit").parents.first().copied();
    }
    assert!(open() > 20);
    // Another repository's request closes them, but for those that are in use.
    let other = block_on(engine.open("b.git")).expect("a repository");
    let main = lab.git("b.git", &["rev-parse", "main"]);
    let main = gitwasi_wire::Oid::from_hex(main.as_bytes()).expect("an oid");
    block_on(other.odb().read(&main)).expect("an object");
    block_on(held.odb().read(&oid)).expect("still there");
    assert!(open() > 20);
    drop(held);
    assert_eq!(open(), 0);
}
