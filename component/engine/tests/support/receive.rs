//! Requests of pushes, answered by the engine and by the installed git.

use std::collections::BTreeMap;
use std::path::Path;

use gitwasi_engine::receive_pack::{self, AcceptAll, Identity, Options, PackSource, Pushed};
use gitwasi_engine::storage::WriteStorage;
use gitwasi_engine::storage::native::block_on;
use gitwasi_engine::{Error, Repository};

use super::{Lab, write};

/// A repository with a history, and a working copy that is ahead of it.
///
/// `main` has commits `a`, `b`, `c` in the working copy; the bare `base.git` is at `b` of `main`
/// and has `topic` at `a`, an annotated tag, and half of its refs packed.
pub struct Case {
    pub lab: Lab,
    pub a: String,
    pub b: String,
    pub c: String,
    /// A commit beside `c`, on `b`'s parent.
    pub d: String,
}

impl Case {
    pub fn new(config: &[(&str, &str)]) -> Self {
        Self::with_format(config, "sha1")
    }

    pub fn with_format(config: &[(&str, &str)], format: &str) -> Self {
        Self::with_refs(config, format, "files")
    }

    /// As [`Self::new`], with a format of objects and one of refs.
    pub fn with_refs(config: &[(&str, &str)], format: &str, refs: &str) -> Self {
        let lab = Lab::new();
        let format = format!("--object-format={format}");
        let refs = format!("--ref-format={refs}");
        lab.git("", &["init", "-q", "-b", "main", &format, "work"]);
        lab.git("", &["init", "-q", "--bare", "-b", "main", &format, &refs, "base.git"]);
        let commit = |name: &str| {
            write(&lab.path("work").join(format!("{name}.txt")), name.repeat(400).as_bytes());
            write(
                &lab.path("work").join("shared.txt"),
                (name.repeat(50) + &"x".repeat(4000)).as_bytes(),
            );
            lab.git("work", &["add", "."]);
            lab.git("work", &["commit", "-qm", name]);
            lab.git("work", &["rev-parse", "HEAD"])
        };
        let (a, b) = (commit("a"), commit("b"));
        lab.git("work", &["tag", "-am", "tag", "v1", &a]);
        lab.git(
            "work",
            &["push", "-q", "../base.git", "main", &format!("{a}:refs/heads/topic"), "v1"],
        );
        lab.git("base.git", &["pack-refs", "--all"]);
        lab.git("base.git", &["update-ref", "refs/heads/main", &b, &b]);
        let c = commit("c");
        lab.git("work", &["checkout", "-q", "-b", "side", &a]);
        let d = commit("d");
        lab.git("base.git", &["config", "receive.fsckObjects", "true"]);
        lab.git("base.git", &["config", "gc.auto", "0"]);
        lab.git("base.git", &["config", "receive.autogc", "false"]);
        for (key, value) in config {
            lab.git("base.git", &["config", "--add", key, value]);
        }
        Self { lab, a, b, c, d }
    }

    /// Sends the same request to both and compares everything.
    #[track_caller]
    pub fn same(&self, push: &Push) -> String {
        let report = self.same_but_objects(push);
        assert_eq!(self.lab.all_objects("ours.git"), self.lab.all_objects("gits.git"));
        report
    }

    #[track_caller]
    pub fn same_but_objects(&self, push: &Push) -> String {
        let lab = &self.lab;
        self.fresh();
        let ours = lab.engine_receives("ours.git", &push.bytes());
        let gits = lab.git_receives("gits.git", &push.bytes());
        let plain = |messages: &[String]| {
            let plain = messages
                .iter()
                .map(|line| line.replace(&format!("{}/./", lab.path("gits.git").display()), ""));
            plain.collect::<Vec<_>>()
        };
        assert_eq!(ours.report, gits.report, "{:?} {:?}", ours.messages, gits.messages);
        assert_eq!(plain(&ours.messages), plain(&gits.messages));
        assert_eq!(lab.all_refs("ours.git"), lab.all_refs("gits.git"));
        assert_eq!(lab.reflogs("ours.git"), lab.reflogs("gits.git"));
        // A test may make refs that lead nowhere.
        if lab.git_with("gits.git", &["fsck", "--strict"], b"", &[]).status.success() {
            lab.fsck("ours.git");
        }
        self.nothing_is_left();
        ours.report
    }

    /// Makes the copies of `base.git` anew, one for each side.
    pub fn fresh(&self) {
        for name in ["ours.git", "gits.git"] {
            _ = std::fs::remove_dir_all(self.lab.path(name));
            self.lab.copy("base.git", name);
        }
    }

    #[track_caller]
    pub fn nothing_is_left(&self) {
        let left: Vec<_> = files(&self.lab.path("ours.git"))
            .into_keys()
            .filter(|name| name.contains("tmp_") || name.ends_with(".lock"))
            .collect();
        assert_eq!(left, Vec::<String>::new());
    }

    /// A push that is refused as a whole changes no file and no directory.
    #[track_caller]
    pub fn refused(&self, push: &Push) -> String {
        let report = self.same_but_objects(push);
        assert_eq!(
            files(&self.lab.path("ours.git")),
            files(&self.lab.path("base.git")),
            "{report}"
        );
        report
    }

    /// A push of a commit whose author has no address, which fsck refuses, and the commit.
    pub fn without_address(&self) -> (Push, String) {
        let tree = self.lab.git("work", &["rev-parse", "main^{tree}"]);
        let commit = format!("tree {tree}\nauthor A 1 +0000\ncommitter A <a> 1 +0000\n\nx\n");
        let arguments = ["hash-object", "-t", "commit", "-w", "--stdin", "--literally"];
        let bad = self.lab.git_with("work", &arguments, commit.as_bytes(), &[]).stdout;
        let bad = String::from_utf8_lossy(&bad).trim().to_owned();
        let push = Push::new("").update(ZERO, &bad, "refs/heads/bad");
        (push.pack(&self.lab, "work", &[&bad, &format!("^{}", self.b)]), bad)
    }

    pub fn push(&self, old: &str, new: &str, name: &str) -> Push {
        let push = Push::new("").update(old, new, name);
        if new == ZERO {
            push
        } else {
            push.pack(&self.lab, "work", &[new, &format!("^{}", self.b)])
        }
    }
}

pub const ZERO: &str = "0000000000000000000000000000000000000000";

/// A request under construction.
#[derive(Clone, Default)]
pub struct Push {
    pub capabilities: String,
    pub updates: Vec<(String, String, String)>,
    pub options: Vec<String>,
    pub shallow: Vec<String>,
    pub pack: Vec<u8>,
}

impl Push {
    pub fn new(capabilities: &str) -> Self {
        let capabilities = format!("report-status side-band-64k {capabilities}");
        Self { capabilities, ..Self::default() }
    }

    pub fn update(mut self, old: &str, new: &str, name: &str) -> Self {
        self.updates.push((old.into(), new.into(), name.into()));
        self
    }

    /// Adds what `git pack-objects` makes of revisions of a repository.
    pub fn pack(self, lab: &Lab, from: &str, revisions: &[&str]) -> Self {
        let args = ["pack-objects", "--stdout", "--revs", "--thin", "--delta-base-offset", "-q"];
        self.pack_by(lab, from, revisions, &args)
    }

    /// As [`Self::pack`], with all bases in it.
    pub fn pack_whole(self, lab: &Lab, from: &str, revisions: &[&str]) -> Self {
        self.pack_by(lab, from, revisions, &["pack-objects", "--stdout", "--revs", "-q"])
    }

    fn pack_by(mut self, lab: &Lab, from: &str, revisions: &[&str], args: &[&str]) -> Self {
        let input = format!("{}\n", revisions.join("\n"));
        self.pack = lab.git_with(from, args, input.as_bytes(), &[]).stdout;
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for oid in &self.shallow {
            line(format!("shallow {oid}").as_bytes(), &mut out);
        }
        for (number, (old, new, name)) in self.updates.iter().enumerate() {
            let mut text = format!("{old} {new} {name}");
            if number == 0 {
                text.push_str(&format!("\0 {}", self.capabilities));
            }
            line(text.as_bytes(), &mut out);
        }
        out.extend(b"0000");
        if self.capabilities.contains("push-options") {
            for option in &self.options {
                line(option.as_bytes(), &mut out);
            }
            out.extend(b"0000");
        }
        out.extend(&self.pack);
        out
    }
}

fn line(text: &[u8], out: &mut Vec<u8>) {
    out.extend(format!("{:04x}", text.len() + 4).bytes());
    out.extend(text);
}

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// Band 1, pkt-line lengths removed; the raw bytes for a client without side-band.
    pub report: String,
    /// Band 2, lines that begin with `error:` or `warning:`.
    pub messages: Vec<String>,
    /// All of band 2.
    pub told: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let (mut report, mut messages) = (Vec::new(), Vec::new());
        let mut rest = bytes;
        while let Some((length, after)) = rest.split_at_checked(4) {
            let length = std::str::from_utf8(length).ok();
            let length = length.and_then(|length| usize::from_str_radix(length, 16).ok());
            let Some(length) = length else { break };
            if length < 4 {
                rest = after;
                continue;
            }
            let (data, after) = after.split_at(length - 4);
            match data.first() {
                Some(1) => report.extend(&data[1..]),
                Some(2) => messages.extend(&data[1..]),
                _ => report.extend(data),
            }
            rest = after;
        }
        let told = String::from_utf8_lossy(&messages).into_owned();
        // What `git rev-list` says of missing objects is not for people.
        let kept = |line: &&str| {
            (line.starts_with("error:") || line.starts_with("warning:"))
                && !line.starts_with("error: Could not read")
        };
        let messages = told.lines().filter(kept).map(str::to_owned).collect();
        Self { report: lines_of(&report), messages, told }
    }

    /// What ended the taking in of the pack.
    pub fn fatal(&self) -> Option<&str> {
        self.told.lines().find(|line| line.starts_with("fatal:"))
    }
}

/// Removes the lengths of the pkt-lines within a report.
fn lines_of(report: &[u8]) -> String {
    let mut out = Vec::new();
    let mut rest = report;
    while let Some((digits, _)) = rest.split_at_checked(4) {
        let length = std::str::from_utf8(digits).ok();
        let length = length.and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let Some(line) = length.and_then(|length| rest.get(4..length)) else { break };
        out.extend(line);
        rest = &rest[4 + line.len()..];
    }
    String::from_utf8_lossy(if out.is_empty() { report } else { &out }).into_owned()
}

/// Chunks of a request.
pub struct Chunks(Vec<Vec<u8>>);

impl Chunks {
    pub fn new(bytes: &[u8], size: usize) -> Self {
        let mut chunks: Vec<_> = bytes.chunks(size).map(<[u8]>::to_vec).collect();
        chunks.reverse();
        Self(chunks)
    }
}

impl PackSource for Chunks {
    async fn read(&mut self) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.0.pop())
    }
}

pub fn options() -> Options {
    Options::new(Identity::new("C", "c@example.com"))
}

/// Pushes to an open repository.
pub fn serve<S: WriteStorage>(
    repository: &Repository<S>,
    bytes: &[u8],
) -> (Answer, Result<Pushed, Error>) {
    let mut output = Vec::new();
    let pushed = serve_raw(repository, bytes, &mut output);
    (Answer::parse(&output), pushed)
}

/// As [`serve`]; the answer as it is on the wire.
pub fn serve_raw<S: WriteStorage>(
    repository: &Repository<S>,
    bytes: &[u8],
    output: &mut Vec<u8>,
) -> Result<Pushed, Error> {
    serve_with(repository, bytes, &options(), output)
}

pub fn serve_with<S: WriteStorage>(
    repository: &Repository<S>,
    bytes: &[u8],
    options: &Options,
    output: &mut Vec<u8>,
) -> Result<Pushed, Error> {
    let (mut input, mut gate) = (Chunks::new(bytes, 1000), AcceptAll);
    block_on(receive_pack::serve(repository, &mut input, &mut gate, options, output))
}

impl Lab {
    /// The engine's answer.
    pub fn engine_receives(&self, name: &str, bytes: &[u8]) -> Answer {
        serve(&self.open(name), bytes).0
    }

    /// The engine's answer, when no other push is going on: all leftovers are left.
    pub fn engine_receives_alone(&self, name: &str, bytes: &[u8]) -> Answer {
        let mut output = Vec::new();
        let options = Options { stale_after: 0, ..options() };
        _ = serve_with(&self.open(name), bytes, &options, &mut output);
        Answer::parse(&output)
    }

    /// The engine's answer, as it is on the wire.
    pub fn engine_receives_raw(&self, name: &str, bytes: &[u8]) -> Vec<u8> {
        let mut output = Vec::new();
        serve_raw(&self.open(name), bytes, &mut output).expect("an answer");
        output
    }

    /// The installed git's answer.
    pub fn git_receives(&self, name: &str, bytes: &[u8]) -> Answer {
        let output = self.git_with("", &["receive-pack", "--stateless-rpc", name], bytes, &[]);
        Answer::parse(&output.stdout)
    }

    /// All refs with what they are at, HEAD included.
    pub fn all_refs(&self, name: &str) -> String {
        let format = "--format=%(refname) %(objectname) %(symref)";
        let head = std::fs::read_to_string(self.path(name).join("HEAD")).expect("HEAD");
        head + &self.git(name, &["for-each-ref", format])
    }

    /// The names of all objects.
    pub fn all_objects(&self, name: &str) -> String {
        self.git(name, &["cat-file", "--batch-all-objects", "--batch-check", "--unordered"])
            .lines()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .fold(String::new(), |all, line| all + line + "\n")
    }

    /// The reflogs without times.
    pub fn reflogs(&self, name: &str) -> BTreeMap<String, String> {
        if self.path(name).join("reftable").exists() {
            return self.reflogs_in_tables(name);
        }
        let mut logs = files(&self.path(name).join("logs"));
        for content in logs.values_mut() {
            let text = String::from_utf8_lossy(content);
            let lines = text.lines().map(|line| {
                let (entry, message) = line.split_once('\t').unwrap_or((line, ""));
                let entry = entry.rsplitn(3, ' ').last().expect("an entry");
                format!("{entry}\t{message}\n")
            });
            *content = lines.collect::<String>().into_bytes();
        }
        logs.into_iter()
            .map(|(name, content)| (name, String::from_utf8_lossy(&content).into_owned()))
            .collect()
    }

    fn reflogs_in_tables(&self, name: &str) -> BTreeMap<String, String> {
        let list = self.git(name, &["reflog", "list"]);
        let show = |log: &str| {
            let format = "--format=%H %gd %gn <%ge> %gs";
            let output = self.git_with(name, &["log", "-g", format, log, "--"], b"", &[]);
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        list.lines().map(|log| (log.to_owned(), show(log))).collect()
    }

    pub fn copy(&self, from: &str, to: &str) {
        let (from, to) = (self.path(from), self.path(to));
        std::fs::create_dir(&to).expect("a directory");
        for (name, content) in files(&from) {
            match name.strip_suffix('/') {
                Some(name) => std::fs::create_dir(to.join(name)).expect("a directory"),
                None => write(&to.join(name), &content),
            }
        }
    }

    pub fn fsck(&self, name: &str) {
        let output = self.git_with(name, &["fsck", "--full", "--strict"], b"", &[]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let problems: Vec<&str> =
            text.lines().filter(|line| !line.starts_with("notice:")).collect();
        assert!(output.status.success() && problems.is_empty(), "{name}: {problems:?}");
    }
}

/// All files and directories below a path, with their content.
pub fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut unread = vec![root.to_owned()];
    while let Some(directory) = unread.pop() {
        let Ok(entries) = std::fs::read_dir(&directory) else { continue };
        for entry in entries {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(root).expect("below").to_string_lossy().into_owned();
            if path.is_dir() {
                found.insert(format!("{name}/"), Vec::new());
                unread.push(path);
            } else {
                found.insert(name, std::fs::read(&path).expect("a file"));
            }
        }
    }
    found
}
