//! Requests that read.

use std::path::{Path, PathBuf};
use std::thread;

use e2e::http::pkt_line;
use e2e::{Repository, World};

use crate::figures::Column;
use crate::subject::Subject;

/// What is read.
pub(crate) struct Reading {
    large: Repository,
    small: Repository,
    /// A clone of `small` that has everything.
    current: Repository,
    /// The requests of `git ls-remote` and of fetches, as scripts of wrk and as bodies.
    ls_refs: PathBuf,
    fetch_one: PathBuf,
    clone: PathBuf,
    clone_walked: PathBuf,
}

impl Reading {
    pub(crate) fn new(world: &World) -> Self {
        let large = world.empty("large.git");
        large.add_history(6000);
        large.git().run(["pack-refs", "--all"]);
        let walked = world.empty("walked.git");
        walked.import(large.git().run(["fast-export", "--all"]).as_bytes());
        for (repository, bitmaps) in [(&large, "true"), (&walked, "false")] {
            repository.set("repack.writeBitmaps", bitmaps);
            repository.repack();
        }
        let small = world.small("small.git");
        world.empty("refs.git").add_branches(50_000);
        let (path, copy) = (small.path().to_str().expect("a path"), "current.git");
        world.git().run(["clone", "--quiet", "--bare", path, copy]);
        let current = world.clone_at(copy);
        let (ls_refs, fetch_one) = (world.beside("ls-refs.lua"), world.beside("fetch-one.lua"));
        std::fs::write(
            &ls_refs,
            script(&format!("{}0009peel\\n000csymrefs\\n0000", head("ls-refs"))),
        )
        .expect("a script");
        let (tip, before) = (large.oid("main"), large.oid("main~1"));
        let lines = format!("0032want {tip}\\n0032have {before}\\n0009done\\n0000");
        let fetch = format!("{}000ethin-pack\\n000eofs-delta\\n{lines}", head("fetch"));
        std::fs::write(&fetch_one, script(&fetch)).expect("a script");
        let request = |repository: &Repository, name: &str| {
            let body: String = [
                &pkt_line("command=fetch\n"),
                "0001",
                &pkt_line("thin-pack\n"),
                &pkt_line("ofs-delta\n"),
                &pkt_line(&format!("want {}\n", repository.oid("main"))),
                &pkt_line("done\n"),
                "0000",
            ]
            .concat();
            let path = world.beside(name);
            std::fs::write(&path, body).expect("a request");
            path
        };
        let clone = request(&large, "clone-request");
        let clone_walked = request(&walked, "clone-walked-request");
        Self { large, small, current, ls_refs, fetch_one, clone, clone_walked }
    }

    /// How many objects a clone has.
    pub(crate) fn objects(&self) -> usize {
        self.large.count_objects()
    }

    /// Many small requests.
    pub(crate) fn rates(&self, subject: &Subject, seconds: usize, column: &mut Column<'_>) {
        let info_refs = "large.git/info/refs?service=git-upload-pack";
        let rows: [(&str, &str, Option<&Path>); 5] = [
            ("`info/refs`", info_refs, None),
            ("dumb `HEAD` file", "large.git/HEAD", None),
            ("`ls-refs` of 4 refs", "small.git/git-upload-pack", Some(&self.ls_refs)),
            ("`ls-refs` of 50,000 refs", "refs.git/git-upload-pack", Some(&self.ls_refs)),
            ("fetch of one commit", "large.git/git-upload-pack", Some(&self.fetch_one)),
        ];
        for (name, path, script) in rows {
            let (rate, cpu) = subject.rate(path, seconds, script);
            column.more(&format!("{name}, 8 connections"), "requests/s", rate);
            column.less(&format!("{name}, server CPU"), "ms", cpu);
        }
        const FETCHES: u32 = 10;
        let url = subject.server.url("small.git");
        let cost = subject.cost(|| {
            for _ in 0..FETCHES {
                self.current.git().run(["fetch", "--quiet", &url, "refs/heads/*:refs/heads/*"]);
            }
        });
        assert_eq!(self.current.refs(), self.small.refs());
        let cpu = cost.cpu_seconds * 1000.0 / f64::from(FETCHES);
        column.less("`git fetch` of nothing new, server CPU", "ms", cpu);
    }

    /// Whole clones.
    pub(crate) fn clones(&self, world: &World, subject: &Subject, column: &mut Column<'_>) {
        for (name, count) in [("full clone", 1), ("8 clones at once", 8)] {
            let cost = subject.cost(|| clone(world, subject, count));
            column.less(name, "s", cost.seconds);
            column.less(&format!("{name}, server CPU"), "s", cost.cpu_seconds);
            for n in 0..count {
                let copy = world.clone_at(&format!("copy-{n}"));
                assert_eq!(copy.refs(), self.large.refs(), "a clone is not whole");
                std::fs::remove_dir_all(copy.path()).expect("to remove a clone");
            }
        }
        self.replays(subject, column);
        for (name, path, request) in self.replayed() {
            let name = format!("32 clones at once to {name}");
            let memory = subject.peak_memory(|| {
                let cost = subject.cost(|| at_once(subject, 32, path, request));
                column.less(&name, "s", cost.seconds);
            });
            column.less(&format!("{name}, private memory of all processes"), "MiB", memory);
        }
    }

    /// Clones whose pack is thrown away, one after the other.
    pub(crate) fn replays(&self, subject: &Subject, column: &mut Column<'_>) {
        const REPLAYS: u32 = 5;
        for (name, path, request) in self.replayed() {
            let name = format!("clone to {name}");
            let cost = subject.cost(|| {
                for _ in 0..REPLAYS {
                    subject.replay(path, "git-upload-pack", request);
                }
            });
            let each = |seconds: f64| seconds / f64::from(REPLAYS);
            column.less(&name, "s", each(cost.seconds));
            column.less(&format!("{name}, server CPU"), "s", each(cost.cpu_seconds));
        }
    }

    /// What is cloned to nowhere: how it is named, where it is and what is asked for.
    fn replayed(&self) -> [(&'static str, &'static str, &Path); 2] {
        [
            ("`/dev/null`, bitmaps", "large.git", &self.clone),
            ("`/dev/null`, no bitmaps", "walked.git", &self.clone_walked),
        ]
    }
}

fn at_once(subject: &Subject, count: usize, path: &str, request: &Path) {
    thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| subject.replay(path, "git-upload-pack", request));
        }
    });
}

fn clone(world: &World, subject: &Subject, count: usize) {
    thread::scope(|scope| {
        for n in 0..count {
            let (git, url) = (world.git(), subject.server.url("large.git"));
            scope
                .spawn(move || git.run(["clone", "--quiet", "--bare", &url, &format!("copy-{n}")]));
        }
    });
}

/// The head of a command of version 2, for a script.
fn head(command: &str) -> String {
    format!("{:04x}command={command}\\n0016object-format=sha10001", 13 + command.len())
}

/// A script that makes wrk send `body`.
fn script(body: &str) -> String {
    format!(
        "wrk.method = \"POST\"\n\
         wrk.headers[\"Content-Type\"] = \"application/x-git-upload-pack-request\"\n\
         wrk.headers[\"Git-Protocol\"] = \"version=2\"\n\
         wrk.body = \"{body}\"\n"
    )
}
