//! Makes repositories of every shape that the scenarios ask for, quickly and always alike.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::http::pkt_line;
use crate::random::Random;
use crate::{Git, ObjectFormat, command, git};

/// A repository on the server's disk.
#[derive(Clone, Debug)]
pub struct Repository {
    path: PathBuf,
    git: Git,
}

impl Repository {
    /// Makes an empty bare repository.
    #[track_caller]
    #[must_use]
    pub fn bare(git: &Git, path: &Path, format: ObjectFormat) -> Self {
        let format = format!("--object-format={}", format.name());
        git.run([
            "init".as_ref(),
            "--quiet".as_ref(),
            "--bare".as_ref(),
            format.as_ref(),
            path.as_os_str(),
        ]);
        Self::at(git, path)
    }

    /// Takes a repository that is there already; `path` is a git directory.
    #[must_use]
    pub fn at(git: &Git, path: &Path) -> Self {
        Self { path: path.to_owned(), git: git.within(path) }
    }

    /// Returns the git directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a git that works in the repository.
    #[must_use]
    pub fn git(&self) -> &Git {
        &self.git
    }

    /// Sets a value of the repository's own configuration.
    #[track_caller]
    pub fn set(&self, key: &str, value: &str) {
        self.git.run(["config", key, value]);
    }

    /// Returns the oid of a revision.
    #[track_caller]
    #[must_use]
    pub fn oid(&self, revision: &str) -> String {
        self.git.run(["rev-parse", "--verify", revision])
    }

    /// Tells whether a revision is there.
    #[must_use]
    pub fn has(&self, revision: &str) -> bool {
        self.git.attempt(["rev-parse", "--verify", "--quiet", revision]).success()
    }

    /// Returns every ref with its oid, one per line.
    #[track_caller]
    #[must_use]
    pub fn refs(&self) -> String {
        self.git.run(["for-each-ref", "--format=%(objectname) %(refname)"])
    }

    /// Checks every object.
    #[track_caller]
    pub fn fsck(&self) {
        self.git.run(["fsck", "--full", "--strict", "--no-dangling"]);
    }

    /// Packs every object into one pack.
    #[track_caller]
    pub fn repack(&self) {
        self.git.run(["repack", "-adq"]);
    }

    /// Writes what clients of the dumb protocol look for.
    #[track_caller]
    pub fn update_server_info(&self) {
        self.git.run(["update-server-info"]);
    }

    /// Feeds a stream to git-fast-import.
    #[track_caller]
    pub fn import(&self, stream: &[u8]) {
        let _ = self.git.feed(["fast-import", "--quiet", "--force"], stream).succeeded();
    }

    /// Puts one more commit on a branch, changing one file; returns its oid.
    #[track_caller]
    pub fn commit(&self, branch: &str, file: &str, content: &[u8]) -> String {
        let name = format!("refs/heads/{branch}");
        let from = if self.has(&name) { format!("from {name}^0\n") } else { String::new() };
        let mut stream = commit_head(&name, &format!("change {file}")).into_bytes();
        stream.extend_from_slice(from.as_bytes());
        stream.extend_from_slice(format!("M 644 inline {file}\n").as_bytes());
        stream.extend_from_slice(format!("data {}\n", content.len()).as_bytes());
        stream.extend_from_slice(content);
        stream.push(b'\n');
        self.import(&stream);
        self.oid(&name)
    }

    /// Fills it with three commits on `main`, a branch `side`, the tag `light` and the annotated
    /// tag `v1`; one process, because nearly every test starts with it.
    #[track_caller]
    pub fn small(self) -> Self {
        let one = "pub fn one() {}\n";
        let two = format!("{one}pub fn two() {{}}\n");
        let mut stream = String::new();
        for (mark, branch, from, file, content) in [
            (1, "main", 0, "README", "hello\n"),
            (2, "main", 1, "src/lib.rs", one),
            (3, "main", 2, "src/lib.rs", &two),
            (4, "side", 2, "side", "another way\n"),
        ] {
            let name = format!("refs/heads/{branch}");
            stream.push_str(&marked_commit_head(&name, &format!("change {file}"), Some(mark)));
            if from > 0 {
                let _ = writeln!(stream, "from :{from}");
            }
            let _ = writeln!(stream, "M 644 inline {file}\ndata {}\n{content}", content.len());
        }
        stream.push_str("reset refs/tags/light\nfrom :1\n\n");
        let _ =
            writeln!(stream, "tag v1\nfrom :3\ntagger {WHO} {}\ndata 10\nthe first\n", git::DATE);
        self.import(stream.as_bytes());
        self
    }

    /// Adds `count` branches `many/<n>`, each with a commit of its own.
    #[track_caller]
    pub fn add_branches(&self, count: usize) {
        let mut stream = String::new();
        for n in 0..count {
            stream.push_str(&commit_head(&format!("refs/heads/many/{n}"), &format!("branch {n}")));
            let content = format!("{n}\n");
            let _ = write!(stream, "M 644 inline n\ndata {}\n{content}\n", content.len());
        }
        self.import(stream.as_bytes());
        self.git.run(["pack-refs", "--all"]);
    }

    /// Adds `commits` commits to `main`, a minute apart; each brings a blob, two trees and itself:
    /// four objects.
    #[track_caller]
    pub fn add_history(&self, commits: usize) {
        let mut random = Random::new(1);
        let mut stream = String::new();
        for n in 0..commits {
            stream.push_str(&dated_commit_head("refs/heads/main", &format!("change {n}"), n));
            let mut content = String::new();
            for line in 0..40 {
                let _ = writeln!(content, "line {line}: {:x}", random.number() >> 40);
            }
            let (directory, file) = (n % 40, n % 977);
            let _ = write!(
                stream,
                "M 644 inline part-{directory}/file-{file}.txt\ndata {}\n{content}\n",
                content.len()
            );
        }
        self.import(stream.as_bytes());
    }

    /// Adds a file of `length` bytes that do not compress to a new branch `big`.
    #[track_caller]
    pub fn add_incompressible(&self, length: usize) {
        let head = commit_head("refs/heads/big", "big");
        let start = format!("{head}M 644 inline big\ndata {length}\n");
        let mut import = self
            .git
            .config("core.bigFileThreshold", "1m")
            .config("core.compression", "0")
            .config("pack.compression", "0")
            .config("fastimport.unpackLimit", "0")
            .command();
        import.args(["fast-import", "--quiet"]).stdin(Stdio::piped());
        let child = import.spawn().expect("git-fast-import");
        let outcome = command::feed(child, command::show(&import), |mut stdin| {
            let mut random = Random::new(length as u64);
            let mut written = stdin.write_all(start.as_bytes());
            let mut left = length;
            while left > 0 && written.is_ok() {
                let piece = left.min(1 << 20);
                written = stdin.write_all(&random.bytes(piece));
                left -= piece;
            }
            let _ = stdin.write_all(b"\n");
        });
        let _ = outcome.succeeded();
    }

    /// Writes the body of a push that creates `name` at `revision`, its pack included.
    #[track_caller]
    pub fn write_push(&self, revision: &str, name: &str, to: &Path) {
        self.write_push_of(&format!("{}\n", self.oid(revision)), revision, name, to);
    }

    /// Writes the body of a push that creates `name` at `revision` to a server that has `base`.
    #[track_caller]
    pub fn write_thin_push(&self, revision: &str, base: &str, name: &str, to: &Path) {
        let revisions = format!("{}\n^{}\n", self.oid(revision), self.oid(base));
        self.write_push_of(&revisions, revision, name, to);
    }

    #[track_caller]
    fn write_push_of(&self, revisions: &str, revision: &str, name: &str, to: &Path) {
        let oid = self.oid(revision);
        let zero = "0".repeat(oid.len());
        let line = pkt_line(&format!("{zero} {oid} {name}\0report-status"));
        let mut file = File::create(to).expect("a file for the push");
        file.write_all(format!("{line}0000").as_bytes()).expect("the head of the push");
        let mut pack = self.git.command();
        pack.args(["pack-objects", "--revs", "--thin", "--stdout", "-q"]);
        pack.stdin(Stdio::piped()).stdout(file);
        let child = pack.spawn().expect("git-pack-objects");
        let outcome = command::finish(child, revisions.as_bytes(), command::show(&pack));
        let _ = outcome.succeeded();
    }

    /// Returns the number of objects, loose and packed.
    #[track_caller]
    #[must_use]
    pub fn count_objects(&self) -> usize {
        let listing = self.git.run(["cat-file", "--batch-all-objects", "--batch-check"]);
        listing.lines().count()
    }

    /// Returns the paths of all packs.
    #[must_use]
    pub fn packs(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path.join("objects/pack")).expect("the pack directory");
        let mut packs: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        packs.retain(|path| path.extension().is_some_and(|extension| extension == "pack"));
        packs.sort();
        packs
    }
}

/// Who makes every commit of these tests.
const WHO: &str = "A U Thor <author@example.com>";

fn commit_head(name: &str, message: &str) -> String {
    marked_commit_head(name, message, None)
}

/// As [`commit_head`], `minutes` later: what a walk by dates costs depends on them.
fn dated_commit_head(name: &str, message: &str, minutes: usize) -> String {
    let (seconds, zone) = git::DATE.split_once(' ').expect("a date");
    let seconds = seconds.parse::<usize>().expect("seconds") + minutes * 60;
    let length = message.len();
    format!("commit {name}\ncommitter {WHO} {seconds} {zone}\ndata {length}\n{message}\n")
}

fn marked_commit_head(name: &str, message: &str, mark: Option<u32>) -> String {
    let mark = mark.map(|mark| format!("mark :{mark}\n")).unwrap_or_default();
    let length = message.len();
    format!("commit {name}\n{mark}committer {WHO} {}\ndata {length}\n{message}\n", git::DATE)
}
