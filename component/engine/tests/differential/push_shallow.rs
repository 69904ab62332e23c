//! Pushes made by chance from clients whose history is cut at several commits, beside
//! `git receive-pack`: the same report, refs and `shallow` file, and histories as long.
//!
//! The client has fetched from `full.git`, each ref with a depth of its own; the repository that it
//! pushes to has lost some of that, is cut itself, or has all of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::random::{self, Random};
use crate::support::receive::Push;
use crate::support::{Lab, write};

const SEEDS: std::ops::Range<u64> = 0..6;

/// Pushes into one repository, each by another client.
const PUSHES: usize = 10;

/// What a push may change.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    /// What each ref is at, and how many commits it reaches.
    refs: BTreeMap<String, (String, usize)>,
    shallow: BTreeSet<String>,
}

impl State {
    fn of(lab: &Lab, name: &str) -> Self {
        let one = |(name_of_ref, oid): (&str, &str)| {
            let count = lab.git_with(name, &["rev-list", "--count", name_of_ref, "--"], b"", &[]);
            let count = String::from_utf8_lossy(&count.stdout).trim().parse().unwrap_or(0);
            (name_of_ref.to_owned(), (oid.to_owned(), count))
        };
        let list = lab.git(name, &["for-each-ref", "--format=%(refname) %(objectname)"]);
        let refs = list.lines().filter_map(|line| line.split_once(' ')).map(one).collect();
        Self { refs, shallow: shallow(lab, name).into_iter().collect() }
    }

    /// Whether refs are where those of `other` are, with no less history.
    fn is_as_deep_as(&self, other: &Self) -> bool {
        let same = self.refs.keys().eq(other.refs.keys());
        let mut pairs = self.refs.values().zip(other.refs.values());
        same && pairs.all(|(own, other)| own.0 == other.0 && own.1 >= other.1)
    }
}

fn shallow(lab: &Lab, name: &str) -> Vec<String> {
    let file = std::fs::read_to_string(lab.path(name).join("shallow")).unwrap_or_default();
    file.lines().map(str::to_owned).collect()
}

fn list(lab: &Lab, name: &str, arguments: &[&str]) -> Vec<String> {
    lab.git(name, arguments).lines().map(str::to_owned).collect()
}

fn url(lab: &Lab, name: &str) -> String {
    format!("file://{}", lab.path(name).display())
}

/// Makes a commit with the tree of its first parent; no ref is at it.
fn commit(lab: &Lab, name: &str, parents: &[String]) -> String {
    let tree = format!("{}^{{tree}}", parents[0]);
    let mut arguments = vec!["commit-tree", "-m", "x", &tree];
    parents.iter().for_each(|parent| arguments.extend(["-p", parent]));
    lab.git(name, &arguments)
}

/// Turns `a.git`, which becomes `full.git`, into what is pushed to.
fn lose(lab: &Lab, random: &mut Random, commits: &[String]) {
    let mut tip = commits[random.below(commits.len())].clone();
    lab.git("a.git", &["config", "gc.auto", "0"]);
    lab.git("a.git", &["config", "receive.autogc", "false"]);
    lab.copy("a.git", "full.git");
    lab.git("full.git", &["config", "uploadpack.allowAnySHA1InWant", "true"]);
    for _ in 0..3 {
        tip = commit(lab, "full.git", &[tip]);
    }
    lab.git("full.git", &["update-ref", "refs/heads/elsewhere", &tip]);
    if random.below(4) == 0 {
        _ = std::fs::remove_dir_all(lab.path("a.git"));
        let depth = format!("--depth={}", 1 + random.below(5));
        let url = url(lab, "full.git");
        lab.git("", &["clone", "-q", "--bare", "--no-single-branch", &depth, &url, "a.git"]);
        lab.git("a.git", &["config", "receive.autogc", "false"]);
    }
    let rarity = 2 + random.below(2);
    for name in list(lab, "a.git", &["for-each-ref", "--format=%(refname)"]) {
        if name != "refs/heads/main" && random.below(rarity) == 0 {
            lab.git("a.git", &["update-ref", "-d", &name]);
        } else if random.below(4) == 0 {
            let parent = format!("{name}^{{commit}}~{}", random.below(3));
            if lab.git_with("a.git", &["cat-file", "-e", &parent], b"", &[]).status.success() {
                let parent = lab.git("a.git", &["rev-parse", &parent]);
                lab.git("a.git", &["update-ref", &name, &parent]);
            }
        }
    }
    // Else what no ref reaches stays.
    if random.below(2) == 0 {
        lab.git("a.git", &["repack", "-adq", "--no-write-bitmap-index"]);
        lab.git("a.git", &["prune", "--expire=now"]);
        if random.below(2) == 0 && shallow(lab, "a.git").is_empty() {
            lab.git("a.git", &["commit-graph", "write", "--reachable"]);
        }
    }
}

/// A client that has fetched, made commits, and pushes some of them.
fn push_by_chance(lab: &Lab, random: &mut Random, commits: &[String], several: bool) -> Push {
    let format = lab.git("full.git", &["rev-parse", "--show-object-format"]);
    let zero = "0".repeat(if format == "sha1" { 40 } else { 64 });
    _ = std::fs::remove_dir_all(lab.path("client"));
    lab.git("", &["init", "-q", "--bare", &format!("--object-format={format}"), "client"]);
    let from = url(lab, "full.git");
    let tips = list(lab, "full.git", &["for-each-ref", "--format=%(objectname)"]);
    for number in 0..1 + random.below(4) {
        let wants = if random.below(3) == 0 { commits } else { &tips };
        let want = &wants[random.below(wants.len())];
        let depth = format!("--depth={}", 1 + random.below(4));
        let refspec = format!("{want}:refs/got/{number}");
        lab.git("client", &["fetch", "-q", "--no-tags", &depth, &from, &refspec]);
    }
    let mut had = list(lab, "client", &["rev-list", "--all"]);
    for _ in 0..1 + random.below(4) {
        let mut parents = vec![had[random.below(had.len())].clone()];
        let other = &had[random.below(had.len())];
        if random.below(2) == 0 && *other != parents[0] {
            parents.push(other.clone());
        }
        had.push(commit(lab, "client", &parents));
    }
    let is = list(lab, "a.git", &["for-each-ref", "--format=%(refname) %(objectname)"]);
    let is: Vec<(&str, &str)> = is.iter().filter_map(|line| line.split_once(' ')).collect();
    let atomic = ["", " atomic"][usize::from(random.below(3) == 0)];
    let mut push = Push::new(&format!("object-format={format}{atomic}"));
    let mut revisions = Vec::new();
    for number in 0..if several { 1 + random.below(4) } else { 1 } {
        let (name, old) = match random.below(3) {
            0 => is[random.below(is.len())],
            _ => (["refs/heads/x0", "refs/heads/x1", "refs/x/2", "refs/x/3"][number], &*zero),
        };
        if push.updates.iter().any(|(_, _, other)| *other == name) {
            continue;
        }
        // New ones are at the end.
        let new =
            &had[had.len() - 1 - random.below(if number == 0 { 1 } else { 6.min(had.len()) })];
        revisions.push(new.clone());
        push = push.update(old, new, name);
    }
    push.shallow = shallow(lab, "client");
    for (_, oid) in is {
        if lab.git_with("client", &["cat-file", "-e", oid], b"", &[]).status.success() {
            revisions.push(format!("^{oid}"));
        }
    }
    // Now and then something is missing.
    if random.below(10) == 0 {
        revisions.push(format!("^{}", had[random.below(had.len())]));
    }
    let revisions: Vec<&str> = revisions.iter().map(String::as_str).collect();
    match random.below(2) {
        0 => push.pack(lab, "client", &revisions),
        _ => push.pack_whole(lab, "client", &revisions),
    }
}

#[test]
fn pushes_made_by_chance_from_shallow_clients() {
    let mut told = BTreeMap::<&str, usize>::new();
    let mut failures = Vec::new();
    for seed in random::seeds(SEEDS) {
        eprintln!("pushes of shallow clients, seed {seed}");
        let lab = Lab::new();
        let mut random = Random::new(seed);
        let (commits, _) = random::repository(&lab, &mut random);
        lose(&lab, &mut random, &commits);
        let before = State::of(&lab, "a.git");
        // Commit-graphs and multi-pack-indexes may still tell of what was pruned.
        let was_whole = is_whole(&lab, "a.git");
        for number in 0..PUSHES {
            let allowed = random.below(2) == 0;
            let several = random.below(2) == 0;
            let push = push_by_chance(&lab, &mut random, &commits, several);
            let limit = [1, 100][random.below(2)];
            let settings = format!("unpackLimit = {limit}\nshallowUpdate = {allowed}\n");
            for name in ["ours.git", "gits.git"] {
                _ = std::fs::remove_dir_all(lab.path(name));
                copy(&lab, name, &settings);
            }
            let ours = lab.engine_receives("ours.git", &push.bytes()).report;
            let mut gits = lab.git_receives("gits.git", &push.bytes()).report;
            // Git 2.47 forgets the ref updates that come after one that reaches a cut: its
            // `update_shallow_ref` takes the list for the place of an iterator.
            let forgets = allowed && !gits.is_empty() && ours != gits && ours.starts_with(&gits);
            if forgets {
                _ = std::fs::remove_dir_all(lab.path("gits.git"));
                copy(&lab, "gits.git", &settings);
                gits = one_by_one(&lab, &push);
            }
            let (is, expected) = (State::of(&lab, "ours.git"), State::of(&lab, "gits.git"));
            // What a ref of the push no longer reaches is cut for those after it.
            let deeper = forgets
                && push.updates.iter().any(|(old, _, _)| old.bytes().any(|digit| digit != b'0'))
                && is.is_as_deep_as(&expected);
            let expected = if deeper { is.clone() } else { expected };
            let outcome = compare(&push, &before, (&ours, &is), (&gits, &expected));
            match outcome {
                Ok(_) if was_whole && !is_whole(&lab, "ours.git") => {
                    failures.push(format!("### seed {seed}, push {number}: fsck"));
                }
                Ok(what) => *told.entry(what).or_default() += 1,
                Err(why) => failures.push(format!(
                    "### seed {seed}, push {number}, allowed {allowed}: {why}\n{:?} {}\nshallow {:?}\n\
                     ours {ours:?}\ngit  {gits:?}\nours {is:?}\ngit  {expected:?}\nbefore {before:?}\n",
                    push.updates, push.capabilities, push.shallow
                )),
            }
        }
    }
    eprintln!("{told:?}");
    if told.values().sum::<usize>() >= SEEDS.count() * PUSHES / 2 {
        assert!(told.contains_key("cut") && told.contains_key("not cut"), "{told:?}");
    }
    assert!(failures.is_empty(), "{} differ\n{}", failures.len(), failures.join("\n"));
}

fn copy(lab: &Lab, name: &str, settings: &str) {
    lab.copy("a.git", name);
    let path = lab.path(name).join("config");
    let config = std::fs::read_to_string(&path).expect("a configuration");
    write(&path, format!("{config}[receive]\n{settings}").as_bytes());
}

fn is_whole(lab: &Lab, name: &str) -> bool {
    lab.git_with(name, &["fsck", "--connectivity-only"], b"", &[]).status.success()
}

/// The reports of pushes of one ref each, put together.
fn one_by_one(lab: &Lab, push: &Push) -> String {
    let mut report = "unpack ok\n".to_owned();
    for update in &push.updates {
        let one = Push { updates: vec![update.clone()], ..push.clone() };
        let gits = lab.git_receives("gits.git", &one.bytes()).report;
        report += gits.strip_prefix("unpack ok\n").unwrap_or(&gits);
    }
    report
}

/// What a push is an example of, or how ours and git's differ.
fn compare(
    push: &Push,
    before: &State,
    (ours, is): (&str, &State),
    (gits, expected): (&str, &State),
) -> Result<&'static str, &'static str> {
    let nothing = || if is == before { Ok("nothing moved") } else { Err("something moved") };
    let takes_none = !ours.contains("\nok ");
    // Git dies of a parent that is missing while it looks for the client's cuts.
    if gits.is_empty() && ours.contains("missing necessary objects") {
        return if takes_none { nothing() } else { Ok("git died") };
    }
    // As ever, git moves the other refs of an atomic push that it has refused one of early.
    let early = ["shallow update not allowed", "missing necessary objects"];
    if push.capabilities.contains("atomic") && early.iter().any(|why| gits.contains(why)) {
        let same = ours.lines().zip(gits.lines()).all(|(ours, git)| {
            ours == git || ours.ends_with(" atomic push failure") && git.starts_with("ok ")
        });
        return if same && takes_none { nothing() } else { Err("atomic") };
    }
    if ours != gits {
        return Err("reports");
    }
    if is != expected {
        return Err("states");
    }
    match is.shallow == before.shallow {
        _ if takes_none => Ok("refused"),
        true => Ok("not cut"),
        false => Ok("cut"),
    }
}
