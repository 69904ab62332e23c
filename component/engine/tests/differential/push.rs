//! The same pushes into two copies of every repository: one by the engine, one by
//! `git receive-pack --stateless-rpc`.
//!
//! What has to be equal: the report, the refs, the objects, and what `git fsck` says. Where no ref
//! takes them, ours leaves no objects behind; git leaves some.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::random::{self, Random};
use crate::repositories;
use crate::support::receive::Push;
use crate::support::{Lab, write};

macro_rules! cells {
    ($($repository:ident: $unpack_limits:expr,)*) => {
        $(
            #[test]
            fn $repository() {
                let unpack_limits: &[u32] = $unpack_limits;
                push_all(stringify!($repository), repositories::$repository, unpack_limits);
            }
        )*
    };
}

/// `receive.unpackLimit` of pushes that become loose objects, and of those that stay packs.
const LOOSE: u32 = 100;
const PACK: u32 = 1;

cells! {
    linear: &[LOOSE, PACK],
    merges: &[PACK],
    octopus: &[LOOSE],
    many_tags: &[PACK],
    two_thousand_refs: &[LOOSE],
    packed_and_loose: &[PACK],
    several_packs: &[LOOSE, PACK],
    multi_pack_index: &[LOOSE],
    multi_pack_bitmap: &[PACK],
    pack_bitmap: &[LOOSE],
    commit_graph: &[PACK],
    commit_graph_chain: &[LOOSE],
    alternates: &[LOOSE, PACK],
    shallow: &[LOOSE, PACK],
    sha256: &[LOOSE, PACK],
    reftable: &[LOOSE, PACK],
    empty_reftable: &[PACK],
    empty: &[LOOSE, PACK],
    unborn_head: &[LOOSE],
    detached_head: &[PACK],
    hidden: &[LOOSE],
    skewed_clocks: &[PACK],
}

/// A repository, what is to be pushed into it, and two copies of it.
struct Bench<'l> {
    lab: &'l Lab,
    name: &'l str,
    zero: String,
    /// The refs of `a.git`.
    refs: BTreeMap<String, String>,
    base: State,
    unpack_limits: &'l [u32],
    failures: RefCell<Vec<String>>,
}

/// Why git refuses a ref update before it looks at `atomic`: it moves the others then. We move all
/// or none.
const EARLY: &[&str] = &["missing necessary objects", "a hidden ref"];

fn outcomes(report: &str) -> Vec<String> {
    report.lines().map(str::to_owned).collect()
}

/// What a push may change.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    refs: String,
    objects: String,
}

impl<'l> Bench<'l> {
    /// Makes `work.git` of `a.git`, with commits ahead of `main` and beside it.
    fn new(lab: &'l Lab, name: &'l str, unpack_limits: &'l [u32]) -> Self {
        for (key, value) in [("gc.auto", "0"), ("receive.autogc", "false")] {
            lab.git("a.git", &["config", key, value]);
        }
        // Git checks only where it is told to.
        lab.git("a.git", &["config", "receive.fsckObjects", "true"]);
        lab.copy("a.git", "work.git");
        let main = lab.git_with("work.git", &["rev-parse", "-q", "--verify", "main~2"], b"", &[]);
        let stream = news(main.status.success());
        let arguments = ["fast-import", "--quiet", "--done"];
        let output = lab.git_with("work.git", &arguments, stream.as_bytes(), &[]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let format = lab.git("a.git", &["rev-parse", "--show-object-format"]);
        let list = lab.git("a.git", &["for-each-ref", "--format=%(refname) %(objectname)"]);
        let refs = list.lines().filter_map(|line| line.split_once(' '));
        Self {
            lab,
            name,
            zero: "0".repeat(if format == "sha1" { 40 } else { 64 }),
            refs: refs.map(|(name, oid)| (name.to_owned(), oid.to_owned())).collect(),
            base: State::of(lab, "a.git"),
            unpack_limits,
            failures: RefCell::default(),
        }
    }

    /// What a ref is at in `a.git`.
    fn at(&self, name: &str) -> &str {
        self.refs.get(name).unwrap_or(&self.zero)
    }

    fn new_oid(&self, revision: &str) -> String {
        self.lab.git("work.git", &["rev-parse", revision])
    }

    fn format(&self) -> &'static str {
        if self.zero.len() == 64 { "sha256" } else { "sha1" }
    }

    fn push(&self, capabilities: &str) -> Push {
        Push::new(&format!("{capabilities} object-format={}", self.format()))
    }

    /// Everything that `tips` reach and `a.git` has not, without a base that is not in it.
    fn whole(&self, push: Push, tips: &[&str]) -> Push {
        push.pack_whole(self.lab, "work.git", &self.revisions(tips))
    }

    fn revisions<'r>(&self, tips: &[&'r str]) -> Vec<&'r str> {
        let mut revisions = tips.to_vec();
        if self.refs.contains_key("refs/heads/main") {
            revisions.push("^main");
        }
        revisions
    }

    /// Makes both copies anew, with settings besides those of `a.git`.
    fn anew(&self, settings: &str) {
        for name in ["ours.git", "gits.git"] {
            _ = std::fs::remove_dir_all(self.lab.path(name));
            self.lab.copy("a.git", name);
            let path = self.lab.path(name).join("config");
            let config = std::fs::read_to_string(&path).expect("a configuration");
            write(&path, format!("{config}[receive]\n{settings}\n").as_bytes());
        }
    }

    /// Pushes one after the other.
    fn compare(&self, cell: &str, pushes: &[&Push]) {
        self.compare_with(cell, "", pushes);
    }

    fn compare_with(&self, cell: &str, settings: &str, pushes: &[&Push]) {
        for limit in self.unpack_limits {
            self.anew(&format!("unpackLimit = {limit}\n{settings}"));
            let mut before = self.base.clone();
            for push in pushes {
                let cell = format!("{cell}, unpackLimit={limit}");
                (_, before) = self.compare_one(&cell, push, &before);
            }
        }
    }

    /// Pushes once into both copies as they are, which is `before`; the report, and what ours is
    /// then.
    fn compare_one(&self, cell: &str, push: &Push, before: &State) -> (String, State) {
        let ours = self.lab.engine_receives("ours.git", &push.bytes());
        let gits = self.lab.git_receives("gits.git", &push.bytes());
        let (is, mut expected) = (State::of(self.lab, "ours.git"), State::of(self.lab, "gits.git"));
        let (our_lines, mut git_lines) = (outcomes(&ours.report), outcomes(&gits.report));
        let takes = |(_, new, name): &(String, String, String)| {
            *new != self.zero && gits.report.contains(&format!("\nok {name}\n"))
        };
        if !push.updates.iter().any(takes) {
            expected.objects.clone_from(&before.objects);
        }
        let atomic = push.capabilities.contains("atomic");
        if atomic && gits.report.lines().any(|line| EARLY.iter().any(|why| line.ends_with(why))) {
            for (line, ours) in git_lines.iter_mut().zip(&our_lines) {
                if ours.ends_with(" atomic push failure") {
                    line.clone_from(ours);
                }
            }
            expected = before.clone();
        }
        let cell = format!("{} × {cell}", self.name);
        if our_lines != git_lines {
            self.fail(&cell, &format!("ours says {ours:?}\ngit says {gits:?}"));
        }
        if is != expected {
            let refs = difference(&is.refs, &expected.refs);
            let objects = difference(&is.objects, &expected.objects);
            self.fail(&cell, &format!("refs:\n{refs}objects:\n{objects}"));
        }
        let fsck = fsck(self.lab, "ours.git");
        if !fsck.is_empty() && fsck != self::fsck(self.lab, "gits.git") {
            self.fail(&cell, &format!("fsck: {fsck}"));
        }
        (ours.report, is)
    }

    fn fail(&self, cell: &str, what: &str) {
        self.failures.borrow_mut().push(format!("### {cell}\n{what}\n"));
    }

    /// Panics if any cell failed, and tells all that did.
    fn finish(self) {
        let failures = self.failures.into_inner();
        assert!(failures.is_empty(), "{} cells differ\n{}", failures.len(), failures.join("\n"));
    }
}

impl State {
    fn of(lab: &Lab, name: &str) -> Self {
        Self { refs: lab.all_refs(name), objects: lab.all_objects(name) }
    }
}

/// What `git fsck` finds wrong; nothing of a repository that was not broken before.
fn fsck(lab: &Lab, name: &str) -> String {
    let fsck = lab.git_with(name, &["fsck", "--full", "--strict", "--no-dangling"], b"", &[]);
    let text = [fsck.stderr, fsck.stdout].concat();
    let text = String::from_utf8_lossy(&text);
    let mut lines: Vec<_> = text.lines().filter(|line| !line.starts_with("notice:")).collect();
    lines.sort_unstable();
    if !fsck.status.success() {
        lines.push("failed");
    }
    lines.join("\n")
}

/// Lines that only one has.
fn difference(ours: &str, gits: &str) -> String {
    let mut text = String::new();
    for line in ours.lines().filter(|line| !gits.lines().any(|other| other == *line)) {
        _ = writeln!(text, "  ours {line}");
    }
    for line in gits.lines().filter(|line| !ours.lines().any(|other| other == *line)) {
        _ = writeln!(text, "  git  {line}");
    }
    text
}

/// A file of some length that is like its neighbours and does not deflate to nothing.
fn lines(last: usize) -> String {
    (0..200).map(|line| format!("{} {line}\n", line * 7_919_317 % 1_000_003)).collect::<String>()
        + &format!("{last}\n")
}

/// A fast-import stream: `ahead` and `further` after main, `beside` after main~2, and a tag.
fn news(has_main: bool) -> String {
    let mut stream = String::new();
    for (number, (name, from)) in
        [("ahead", "refs/heads/main^0"), ("further", ":1"), ("beside", "refs/heads/main~2")]
            .into_iter()
            .enumerate()
    {
        let (mark, content) = (number + 1, lines(number));
        _ = write!(
            stream,
            "commit refs/news/{name}\nmark :{mark}\n\
             committer C <c@example.com> {} +0000\ndata 1\nx\n",
            1_700_200_000 + number
        );
        if has_main || from == ":1" {
            _ = writeln!(stream, "from {from}");
        }
        _ = write!(stream, "M 644 inline new/{name}\ndata 4\n{number}{number}{number}\n\n");
        _ = write!(stream, "M 644 inline new/large\ndata {}\n{content}\n", content.len());
    }
    stream.push_str(
        "tag news\nfrom :1\ntagger T <t@example.com> 1700200009 +0000\ndata 1\nx\ndone\n",
    );
    stream
}

fn push_all(name: &str, make: fn(&Lab), unpack_limits: &[u32]) {
    let lab = Lab::new();
    make(&lab);
    let bench = Bench::new(&lab, name, unpack_limits);
    let oid = |revision: &str| bench.new_oid(revision);
    let (ahead, further, beside) =
        (oid("refs/news/ahead"), oid("refs/news/further"), oid("refs/news/beside"));
    let tag = oid("refs/tags/news");
    let zero = bench.zero.clone();
    let wrong = "1".repeat(zero.len());
    let (main, side) = ("refs/heads/main", "refs/heads/side");
    let (main_at, side_at) = (bench.at(main), bench.at(side));
    let one = |old: &str, tip: &str, name: &str| {
        bench.whole(bench.push("").update(old, tip, name), &[tip])
    };
    bench.compare("new branch", &[&one(&zero, &ahead, "refs/heads/new/branch")]);
    let forward = one(main_at, &ahead, main);
    bench.compare("fast-forward", &[&forward]);
    bench.compare("non-ff", &[&one(main_at, &beside, main)]);
    bench.compare("tag", &[&one(&zero, &tag, "refs/tags/news")]);
    bench.compare("delete", &[&bench.push("").update(side_at, &zero, side)]);
    bench.compare("delete of the current branch", &[&bench.push("").update(main_at, &zero, main)]);
    bench.compare("wrong old-oid", &[&one(&wrong, &ahead, main)]);
    bench.compare("below a branch", &[&one(&zero, &ahead, "refs/heads/main/below")]);

    let several = |capabilities: &str, bad: bool| {
        let push = bench
            .push(capabilities)
            .update(main_at, &ahead, main)
            .update(side_at, if side_at == zero { &ahead } else { &zero }, side)
            .update(&zero, &beside, "refs/heads/beside")
            .update(if bad { &wrong } else { &zero }, &tag, "refs/tags/news");
        bench.whole(push, &[&ahead, &beside, &tag])
    };
    bench.compare("several refs", &[&several("", false)]);
    bench.compare("several refs and a bad one", &[&several("", true)]);
    bench.compare("atomic", &[&several("atomic", false)]);
    bench.compare("atomic and a bad one", &[&several("atomic", true)]);

    let next = bench.push("").update(&ahead, &further, main);
    let thin = next.clone().pack(&lab, "work.git", &[&further, &format!("^{ahead}")]);
    lab.git(
        "",
        &["init", "-q", "--bare", &format!("--object-format={}", bench.format()), "no.git"],
    );
    let index = lab.git_with("no.git", &["index-pack", "--stdin"], &thin.pack, &[]);
    assert!(String::from_utf8_lossy(&index.stderr).contains("unresolved delta"), "{index:?}");
    bench.compare("thin pack", &[&forward, &thin]);
    let cut = bench.push("").update(main_at, &further, main);
    let no_base = cut.clone().pack(&lab, "work.git", &[&further, &format!("^{ahead}")]);
    bench.compare("missing base", &[&no_base]);
    let no_parent = cut.pack_whole(&lab, "work.git", &[&further, &format!("^{ahead}")]);
    // With fsck git finds it earlier, and blames the pack.
    bench.compare_with("missing parent", "fsckObjects = false", &[&no_parent]);
    bench.finish();
}

/// Git walks from every ref there is and stops where it cannot go on, so it takes no push here. We
/// take what it takes where such refs are not.
#[test]
fn broken_refs_are_in_nobody_s_way() {
    let lab = Lab::new();
    repositories::broken(&lab);
    let bench = Bench::new(&lab, "broken", &[]);
    let oid = |revision: &str| bench.new_oid(revision);
    let (main, side) = ("refs/heads/main", "refs/heads/side");
    let (ahead, further) = (oid("refs/news/ahead"), oid("refs/news/further"));
    let forward = bench.push("").update(bench.at(main), &ahead, main);
    let new = bench.push("").update(&bench.zero, &further, "refs/heads/new");
    let cut = new.clone().pack_whole(&lab, "work.git", &[&further, &format!("^{ahead}")]);
    for push in [
        bench.whole(forward, &[&ahead]),
        bench.whole(new, &[&further]),
        bench.push("").update(bench.at(side), &bench.zero, side),
        cut,
    ] {
        bench.anew("fsckObjects = false");
        for name in ["heads/missing", "heads/garbage", "heads/empty", "tags/nothing"] {
            let path = lab.path("gits.git/refs").join(name);
            std::fs::remove_file(path).expect("removed");
        }
        let ours = lab.engine_receives("ours.git", &push.bytes());
        let gits = lab.git_receives("gits.git", &push.bytes());
        assert_eq!(ours.report, gits.report);
        assert_eq!(fsck(&lab, "ours.git"), fsck(&lab, "a.git"));
        if !gits.report.contains("ng ") {
            assert_eq!(lab.all_objects("ours.git"), lab.all_objects("gits.git"));
            let lost = difference(&lab.all_refs("gits.git"), &lab.all_refs("ours.git"));
            assert!(!lost.contains("ours"), "git has {lost}");
        }
    }
}

/// Seeds that are always tried.
const SEEDS: std::ops::Range<u64> = 0..6;

/// Pushes into one repository made by chance.
const PUSHES: usize = 12;

#[test]
fn pushes_made_by_chance() {
    for seed in random::seeds(SEEDS) {
        eprintln!("pushes, seed {seed}");
        let lab = Lab::new();
        let mut random = Random::new(seed);
        let (commits, _) = random::repository(&lab, &mut random);
        if random.below(3) == 0 {
            lab.git("a.git", &["refs", "migrate", "--ref-format=reftable"]);
        }
        let name = format!("seed {seed}");
        let bench = Bench::new(&lab, &name, &[]);
        let fresh = ["ahead", "further", "beside"].map(|name| format!("refs/news/{name}"));
        let mut tips: Vec<String> = fresh.iter().map(|name| bench.new_oid(name)).collect();
        tips.push(bench.new_oid("refs/tags/news"));
        let mut is = None;
        for number in 0..PUSHES {
            let before = is.take().unwrap_or_else(|| {
                let limit = [LOOSE, PACK][random.below(2)];
                // With fsck git finds missing objects earlier, and blames the pack.
                bench.anew(&format!("unpackLimit = {limit}\nfsckObjects = false"));
                bench.base.clone()
            });
            let push = by_chance(&bench, &mut random, &commits, &tips);
            let cell = format!("push {number}: {:?} {}", push.updates, push.capabilities);
            let (report, after) = bench.compare_one(&cell, &push, &before);
            // What git leaves of a push that it refuses, the next one would find.
            is = (!report.contains("\nng ")).then_some(after);
        }
        bench.finish();
    }
}

/// A push of some refs, most of them from where they are; the pack may lack something.
fn by_chance(bench: &Bench, random: &mut Random, commits: &[String], tips: &[String]) -> Push {
    let is = bench.lab.git("ours.git", &["for-each-ref", "--format=%(refname) %(objectname)"]);
    let is: Vec<(&str, &str)> = is.lines().filter_map(|line| line.split_once(' ')).collect();
    let mut push = bench.push(["", "atomic"][usize::from(random.below(3) == 0)]);
    let mut news = Vec::new();
    for number in 0..1 + random.below(4) {
        let (name, old) = match random.below(8) {
            0 => (format!("refs/heads/n{}/x{number}", random.below(3)), bench.zero.as_str()),
            1 => (format!("refs/tags/made{number}"), bench.zero.as_str()),
            2 => (format!("{}/below", is[random.below(is.len())].0), bench.zero.as_str()),
            3 => (["refs/heads/n1", "refs/heads/a..b"][random.below(2)].to_owned(), &*bench.zero),
            _ => {
                let (name, oid) = is[random.below(is.len())];
                (name.to_owned(), oid)
            }
        };
        if push.updates.iter().any(|(_, _, other)| *other == name) {
            continue;
        }
        let old = match random.below(12) {
            0 => &commits[random.below(commits.len())],
            1 => &bench.zero,
            _ => old,
        };
        let new = match random.below(4) {
            0 => &bench.zero,
            1 => &commits[random.below(commits.len())],
            _ => &tips[random.below(tips.len())],
        };
        if *new != bench.zero {
            news.push(new.clone());
        }
        push = push.update(old, new, &name);
    }
    // Ours makes deletes first, git all in their order: names become free in another one.
    push.updates.sort_by_key(|(_, new, _)| *new != bench.zero);
    if news.is_empty() {
        return push;
    }
    // What the client takes for had: what the server has, and now and then something else.
    let mut revisions: Vec<String> = is.iter().map(|(_, oid)| format!("^{oid}")).collect();
    if random.below(6) == 0 {
        revisions.push(format!("^{}", tips[random.below(tips.len())]));
    }
    revisions.extend(news);
    let revisions: Vec<&str> = revisions.iter().map(String::as_str).collect();
    match random.below(2) {
        0 => push.pack(bench.lab, "work.git", &revisions),
        _ => push.pack_whole(bench.lab, "work.git", &revisions),
    }
}
