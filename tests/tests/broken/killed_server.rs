//! The whole server is killed in the middle of a push, again and again.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::Duration;

use e2e::http::pkt_line;
use e2e::random::Random;
use e2e::{Backend, Cell, Repository, Request, Server, Setup, World, process};
use rustix::process::Signal;

/// How often it is killed on each backend; `E2E_KILL_ROUNDS` says otherwise.
const ROUNDS: usize = 30;

/// No push takes longer than this many microseconds, by far.
const LONGEST: u64 = 60_000;

#[test]
fn the_engine_s_pushes_are_whole_or_not_there() {
    rounds(Backend::Engine, ROUNDS);
}

#[test]
fn pushes_under_wasmtime_serve_are_whole_or_not_there() {
    rounds(Backend::WasmtimeServe, ROUNDS / 3);
}

fn rounds(backend: Backend, default: usize) {
    let rounds = std::env::var("E2E_KILL_ROUNDS").ok();
    let rounds = rounds.map_or(default, |rounds| rounds.parse().expect("a number"));
    let world = World::new(Cell { backend, ..Cell::DEFAULT });
    let target = world.small("target.git");
    target.set("receive.unpackLimit", "50");
    let source = world.small("../source.git");
    let mut random = Random::new(11);
    let mut unanswered = 0;
    for round in 0..rounds {
        let push = Push::of_kind(round % 4, round, &source, &target, &mut random);
        let body = push.body(&source);
        let server = world.serve(&Setup::default().allow_push());
        let mut connection = server.connect();
        connection.send(&body).expect("a server that takes it");
        thread::sleep(Duration::from_micros(random.number() % LONGEST));
        process::signal(server.pid(), Signal::KILL);
        let answer = connection.response("POST");
        let reported = answer.text().matches("ok refs/").count();
        let acknowledged = answer.status == 200 && reported == push.updates.len();
        unanswered += usize::from(!acknowledged);
        drop(server);
        let seen = push.outcome(&target, round);
        target.fsck();
        assert!(!acknowledged || seen == Seen::New, "round {round}: what was acknowledged is gone");
        if backend == Backend::Engine {
            let server = world.serve(&Setup::default().allow_push());
            push.again(&server, round, &source, &target);
            assert_nothing_is_left(&target);
        }
    }
    println!("{backend}: {unanswered} of {rounds} killed before they answered");
    assert!(unanswered > 0, "nothing was ever killed in time");
}

/// One push: what each ref is at, and what it shall be at.
struct Push {
    updates: Vec<(String, Option<String>, Option<String>)>,
    atomic: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Old,
    New,
    Some,
}

impl Push {
    /// A small one, one that goes to disk, one of many refs at once, one that deletes and makes.
    fn of_kind(
        kind: usize,
        round: usize,
        source: &Repository,
        target: &Repository,
        random: &mut Random,
    ) -> Self {
        let branch = format!("kind-{kind}");
        let size = if kind == 1 { 1_300_000 } else { 20 };
        let mut content: Vec<u8> = Vec::new();
        while content.len() < size {
            content.extend(random.number().to_le_bytes());
        }
        let new = source.commit(&branch, &format!("file-{round}"), &content);
        let at = |name: &str| target.has(name).then(|| target.oid(name));
        let to = |name: String, new: &Option<String>| (name.clone(), at(&name), new.clone());
        let new = Some(new);
        let branch = format!("refs/heads/{branch}");
        match kind {
            2 => Self {
                updates: (0..5).map(|n| to(format!("{branch}-{n}"), &new)).collect(),
                atomic: true,
            },
            3 => {
                let (made, gone) = match round % 8 {
                    3 => ("a", "b"),
                    _ => ("b", "a"),
                };
                let (made, gone) = (format!("{branch}/{made}"), format!("{branch}/{gone}"));
                let mut updates = vec![to(made, &new)];
                updates.extend(at(&gone).map(|old| (gone, Some(old), None)));
                Self { updates, atomic: false }
            }
            _ => Self { updates: vec![to(branch, &new)], atomic: false },
        }
    }

    fn body(&self, source: &Repository) -> Vec<u8> {
        let oid = |oid: &Option<String>| oid.clone().unwrap_or_else(|| "0".repeat(40));
        let mut lines = String::new();
        for (name, old, new) in &self.updates {
            let capabilities = match (lines.is_empty(), self.atomic) {
                (true, true) => "\0report-status atomic",
                (true, false) => "\0report-status",
                (false, _) => "",
            };
            lines += &pkt_line(&format!("{} {} {name}{capabilities}", oid(old), oid(new)));
        }
        let revisions: String = self
            .updates
            .iter()
            .flat_map(|(_, old, new)| {
                let not = old.iter().map(|old| format!("^{old}\n"));
                new.iter().map(|new| format!("{new}\n")).chain(not)
            })
            .collect();
        let pack = ["pack-objects", "--revs", "--thin", "--stdout", "-q"];
        let pack = source.git().feed(pack, revisions.as_bytes()).succeeded().stdout;
        let body = [lines.as_bytes(), b"0000", &pack].concat();
        Request::service("/target.git", "git-receive-pack", &body).bytes()
    }

    /// What became of it; a ref is at its old or its new place.
    fn outcome(&self, target: &Repository, round: usize) -> Seen {
        let mut seen = BTreeSet::new();
        for (name, old, new) in &self.updates {
            let now = target.has(name).then(|| target.oid(name));
            assert!(now == *old || now == *new, "round {round}: {name} is at {now:?}");
            seen.insert(now == *new);
        }
        assert!(!self.atomic || seen.len() == 1, "round {round}: an atomic push is half there");
        match (seen.contains(&true), seen.contains(&false)) {
            (true, false) => Seen::New,
            (false, _) => Seen::Old,
            (true, true) => Seen::Some,
        }
    }

    /// Pushes the same with git, at once, and what is new in any case: no lock of the killed push is
    /// in the way.
    fn again(&self, server: &Server, round: usize, source: &Repository, target: &Repository) {
        let refs = self.updates.iter().map(|(name, _, new)| match new {
            Some(new) => format!("{new}:{name}"),
            None => format!(":{name}"),
        });
        let arguments = ["push".to_owned(), "--quiet".to_owned(), server.url("target.git")];
        let more = format!("main:refs/heads/round-{round}");
        source.git().run(arguments.into_iter().chain(refs).chain([more]));
        for (name, _, new) in &self.updates {
            assert_eq!(target.has(name).then(|| target.oid(name)), *new);
        }
    }
}

/// Panics if a lock or a quarantine of the killed push is still there.
fn assert_nothing_is_left(target: &Repository) {
    let mut unread = vec![target.path().to_owned()];
    while let Some(directory) = unread.pop() {
        for entry in fs::read_dir(&directory).expect("a directory").flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let is_left = name.ends_with(".lock") || name.starts_with("tmp_");
            assert!(!is_left, "left: {path:?}");
            if path.is_dir() {
                unread.push(path);
            }
        }
    }
}
