//! Pushes that end at any of their write operations: the repository is whole, every ref is old or
//! new, what was acknowledged is there, and the next push removes what was left.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use gitwasi_engine::storage::native::{NativeStorage, block_on};
use gitwasi_engine::{Engine, Limits};
use support::faulty::{Fault, Faulty, STRANGER};
use support::receive::{Answer, Case, Push, ZERO, files, serve};
use support::volatile::{Survives, Volatile, restore};

/// What every ref is at.
fn refs(case: &Case, name: &str) -> BTreeMap<String, String> {
    let list = case.lab.git(name, &["for-each-ref", "--format=%(refname) %(objectname)"]);
    let pairs = list.lines().filter_map(|line| line.split_once(' '));
    pairs.map(|(name, oid)| (name.to_owned(), oid.to_owned())).collect()
}

/// Names that a push leaves behind only when it is cut off.
fn left(case: &Case) -> Vec<String> {
    let names: Vec<_> = files(&case.lab.path("ours.git")).into_keys().collect();
    let is_left = |name: &&String| {
        let half = name
            .strip_suffix(".pack")
            .is_some_and(|stem| !names.iter().any(|name| *name == format!("{stem}.idx")));
        let unlisted = name.starts_with("reftable/") && name.ends_with(".ref") && {
            let list = std::fs::read_to_string(case.lab.path("ours.git/reftable/tables.list"));
            let list = list.expect("a list of tables");
            !list.lines().any(|listed| name.ends_with(listed))
        };
        half || unlisted || name.contains("tmp_") || name.ends_with(".lock")
    };
    names.iter().filter(is_left).cloned().collect()
}

/// Checks what is left of `push` after it ended somewhere, with `report` as far as it came.
fn check(
    case: &Case,
    push: &Push,
    old: &BTreeMap<String, String>,
    report: &str,
    at: &str,
) -> BTreeMap<String, String> {
    case.lab.fsck("ours.git");
    let is = refs(case, "ours.git");
    let (mut moved, mut moving) = (0, 0);
    for (_, new, name) in &push.updates {
        let (value, old) = (is.get(name), old.get(name));
        let new = Some(new).filter(|new| *new != ZERO);
        assert!(value == new || value == old, "{at}: {name} is at {value:?}");
        moving += usize::from(new != old);
        moved += usize::from(value == new && new != old);
        if report.contains(&format!("ok {name}\n")) {
            assert_eq!(value, new, "{at}: {name}");
        }
    }
    if push.capabilities.contains("atomic") {
        assert!(moved == 0 || moved == moving, "{at}: {moved} refs moved");
    }
    is
}

/// What `git pack-objects` makes of nothing.
const EMPTY_PACK: &[u8] = b"PACK\0\0\0\x02\0\0\0\0\x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e";

/// The next push removes what the last one has left, if it is told that it is alone.
fn check_next(case: &Case, at: &str) {
    let next = next(case).bytes();
    let report = case.lab.engine_receives_alone("ours.git", &next).report;
    assert_eq!(report, "unpack ok\nok refs/heads/next\n", "{at}");
    assert_eq!(left(case), Vec::<String>::new(), "{at}");
}

/// A push that is not told so removes what is old enough: two hours later that is all.
fn check_next_by_age(case: &Case, at: &str) {
    let storage = Faulty::new(NativeStorage::new(case.lab.dir.path()), Fault::Late, 0);
    let engine = Engine::new(storage, Limits::default());
    let repository = block_on(engine.open("ours.git")).expect("it opens");
    let report = serve(&repository, &next(case).bytes()).0.report;
    assert_eq!(report, "unpack ok\nok refs/heads/next\n", "{at}, by age");
    assert_eq!(left(case), Vec::<String>::new(), "{at}, by age");
}

fn next(case: &Case) -> Push {
    let push = Push::new("").update(ZERO, &case.a, "refs/heads/next");
    Push { pack: EMPTY_PACK.to_vec(), ..push }
}

fn fresh(case: &Case) {
    _ = std::fs::remove_dir_all(case.lab.path("ours.git"));
    case.lab.copy("base.git", "ours.git");
}

/// Ends `push` at each of its write operations; how many there were.
fn ends_anywhere(case: &Case, push: &Push, fault: Fault) -> usize {
    let old = refs(case, "base.git");
    let bytes = push.bytes();
    for number in 0.. {
        fresh(case);
        let storage = Faulty::new(NativeStorage::new(case.lab.dir.path()), fault, number);
        let engine = Engine::new(storage.clone(), Limits::default());
        let repository = block_on(engine.open("ours.git")).expect("it opens");
        let (answer, pushed) = serve(&repository, &bytes);
        let at = format!("{fault:?} at operation {number}: {answer:?}");
        let is = check(case, push, &old, &answer.report, &at);
        for update in pushed.map(|pushed| pushed.ref_updates).unwrap_or_default() {
            let new = Some(update.new_oid.to_string()).filter(|_| !update.new_oid.is_zero());
            assert_eq!(is.get(&update.name.to_string()), new.as_ref(), "{at}");
        }
        if !storage.struck() {
            assert_eq!(left(case), Vec::<String>::new());
            return number;
        }
        if matches!(fault, Fault::Full | Fault::ReadOnly) {
            check_told(case, push, &answer, fault, &at);
        }
        check_next(case, &at);
    }
    0
}

fn fails_anywhere(case: &Case, push: &Push) {
    for fault in [Fault::Dies, Fault::FailsOnce, Fault::Full, Fault::ReadOnly] {
        let operations = ends_anywhere(case, push, fault);
        assert!(operations > 5, "{operations}");
    }
    power_fails_anywhere(case, push);
}

/// A fault that lasts and that the process survives: what has not moved is told, and no object is
/// there that is not the push's own. Objects that have left the quarantine stay, as git's do: by
/// now another push may rely on them.
fn check_told(case: &Case, push: &Push, answer: &Answer, fault: Fault, at: &str) {
    let is = refs(case, "ours.git");
    let told = |name: &str| answer.report.contains(&format!("ng {name} "));
    let refused = answer.report.contains("ERR ");
    for (_, new, name) in &push.updates {
        let is = is.get(name).map_or(ZERO, String::as_str);
        assert!(is == new || told(name) || refused, "{at}: nobody is told of {name}");
        // What was renamed and could not be flushed is no success.
        if fault == Fault::Full {
            assert!(is != new || !(told(name) || refused), "{at}: {name} has moved");
        }
    }
    let whole = case.lab.all_objects("work");
    let was = case.lab.all_objects("base.git");
    for object in case.lab.all_objects("ours.git").lines() {
        assert!(was.contains(object) || whole.contains(object), "{at}: {object}");
    }
    if !answer.report.starts_with("unpack ok\n") {
        assert_eq!(case.lab.all_objects("ours.git"), was, "{at}: objects are left");
    }
    if fault == Fault::Full {
        assert_eq!(left(case), Vec::<String>::new(), "{at}");
    }
}

/// What a crash may leave: nothing that was not flushed, all of it, or some.
fn survivors() -> impl Iterator<Item = Survives> {
    let entries = [Survives::NONE, Survives::ALL].into_iter().chain(1..=3);
    entries.flat_map(|entries| [false, true].map(|content| Survives { content, entries }))
}

/// Takes the power away at each write operation of `push`, and once after its end.
fn power_fails_anywhere(case: &Case, push: &Push) {
    let old = refs(case, "base.git");
    let (bytes, root) = (push.bytes(), case.lab.dir.path());
    let mut seen = BTreeSet::new();
    for number in 0.. {
        fresh(case);
        let storage = Volatile::new(root, "ours.git", number);
        let engine = Engine::new(storage.clone(), Limits::default());
        let repository = block_on(engine.open("ours.git")).expect("it opens");
        let report = serve(&repository, &bytes).0.report;
        for survives in survivors() {
            let left = storage.after_crash("ours.git", survives);
            if !seen.insert((left.clone(), report.clone())) {
                continue;
            }
            let path = case.lab.path("ours.git");
            _ = std::fs::remove_dir_all(&path);
            restore(&left, &path);
            let at = format!("no power at operation {number}, {survives:?}: {report:?}");
            check(case, push, &old, &report, &at);
            // Of a lock without its other name nobody knows whose it was; git's are never known.
            if survives.entries == Survives::ALL {
                check_next(case, &at);
            }
        }
        if !storage.is_dead() {
            assert!(push.updates.iter().any(|(_, _, name)| report.contains(&format!("ok {name}"))));
            return;
        }
    }
}

fn news(case: &Case, push: Push) -> Push {
    push.pack(&case.lab, "work", &[&case.c, &format!("^{}", case.b)])
}

#[test]
fn a_push_of_few_objects() {
    let case = Case::new(&[("core.logAllRefUpdates", "true")]);
    fails_anywhere(&case, &news(&case, Push::new("").update(&case.b, &case.c, "refs/heads/main")));
}

#[test]
fn a_push_that_stays_a_pack() {
    let case = Case::new(&[("receive.unpackLimit", "1")]);
    case.lab.git("base.git", &["update-server-info"]);
    fails_anywhere(&case, &news(&case, Push::new("").update(ZERO, &case.c, "refs/heads/deep/new")));
}

#[test]
fn an_atomic_push() {
    let case = Case::new(&[("core.logAllRefUpdates", "true"), ("receive.unpackLimit", "1")]);
    case.lab.git("base.git", &["update-ref", "refs/heads/loose", &case.a]);
    let push = Push::new("atomic")
        .update(&case.b, &case.c, "refs/heads/main")
        .update(&case.a, ZERO, "refs/heads/topic")
        .update(&case.a, ZERO, "refs/heads/loose")
        .update(ZERO, &case.c, "refs/heads/deep/new");
    fails_anywhere(&case, &news(&case, push));
}

#[test]
fn a_push_of_several_refs_and_deletes() {
    let case = Case::new(&[]);
    case.lab.git("base.git", &["update-ref", "refs/heads/loose/x", &case.a]);
    let push = Push::new("")
        .update(&case.b, &case.c, "refs/heads/main")
        .update(&case.a, ZERO, "refs/heads/topic")
        .update(&case.a, ZERO, "refs/heads/loose/x")
        .update(ZERO, &case.c, "refs/heads/loose");
    fails_anywhere(&case, &news(&case, push));
}

#[test]
fn a_delete_of_a_ref_in_both_places() {
    let case = Case::new(&[("core.logAllRefUpdates", "true")]);
    case.lab.git("base.git", &["update-ref", "refs/heads/topic", &case.b]);
    fails_anywhere(&case, &Push::new("").update(&case.b, ZERO, "refs/heads/topic"));
}

#[test]
fn an_atomic_push_into_reftables() {
    let case = Case::with_refs(&[("core.logAllRefUpdates", "true")], "sha1", "reftable");
    let push = Push::new("atomic")
        .update(&case.b, &case.c, "refs/heads/main")
        .update(&case.a, ZERO, "refs/heads/topic")
        .update(ZERO, &case.c, "refs/heads/deep/new");
    fails_anywhere(&case, &news(&case, push));
}

#[test]
fn a_push_of_several_refs_and_deletes_into_reftables() {
    let case = Case::with_refs(&[("receive.unpackLimit", "1")], "sha1", "reftable");
    // Both a push that merges tables, and one that adds one.
    for number in 0..200 {
        case.lab.git("base.git", &["update-ref", &format!("refs/x/{number}"), &case.a]);
        if number == 2 {
            fails_anywhere(&case, &several(&case));
        }
    }
    fails_anywhere(&case, &several(&case));
}

fn several(case: &Case) -> Push {
    let push = Push::new("")
        .update(&case.b, &case.c, "refs/heads/main")
        .update(&case.a, ZERO, "refs/heads/topic")
        .update(ZERO, &case.c, "refs/heads/topic/below");
    news(case, push)
}

/// The example binary, killed at random moments: `GITWASI_KILL_ROUNDS` says how often.
#[test]
fn a_process_that_is_killed() {
    killed_anywhere("files");
}

/// The same, where refs are in tables.
#[test]
fn a_process_that_is_killed_over_reftables() {
    killed_anywhere("reftable");
}

fn killed_anywhere(ref_format: &str) {
    let rounds = std::env::var("GITWASI_KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    let rounds: u64 = rounds.unwrap_or(250);
    let case = Case::with_refs(&[("core.logAllRefUpdates", "true")], "sha1", ref_format);
    case.lab.git("base.git", &["update-ref", "refs/heads/loose", &case.a]);
    let one = news(&case, Push::new("").update(&case.b, &case.c, "refs/heads/main"));
    let atomic = Push::new("atomic")
        .update(&case.b, &case.c, "refs/heads/main")
        .update(&case.a, ZERO, "refs/heads/topic")
        .update(&case.a, &case.c, "refs/heads/loose")
        .update(ZERO, &case.c, "refs/heads/deep/new");
    let several = Push { capabilities: "report-status side-band-64k".into(), ..atomic.clone() };
    let delete = Push::new("").update(&case.a, ZERO, "refs/heads/topic");
    let pushes = [one, news(&case, atomic), news(&case, several), delete];
    let old = refs(&case, "base.git");
    let seed = u64::from(std::process::id());
    let mut random = seed;
    let mut killed = 0;
    let mut durations = BTreeMap::new();
    for round in 0..rounds {
        let push = &pushes[round as usize % pushes.len()];
        let limit = if round % 8 < 4 { "100" } else { "1" };
        case.lab.git("base.git", &["config", "receive.unpackLimit", limit]);
        fresh(&case);
        let kind = round as usize % (2 * pushes.len());
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        // Up to somewhat more than such a push takes when it is let alone.
        let took = durations.get(&kind).copied();
        let after = took.map(|took| (random >> 33) % (took * 5 / 4));
        let (output, took) = run(&case, push, after);
        if after.is_none() {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            durations.insert(kind, took);
        }
        killed += u32::from(!output.status.success());
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        let at = format!("round {round}, seed {seed}: {report:?}");
        check(&case, push, &old, &report, &at);
        if random >> 13 & 1 == 0 {
            check_next(&case, &at);
        } else {
            check_next_by_age(&case, &at);
        }
    }
    eprintln!("seed {seed}: {killed} of {rounds} were killed before they ended");
    assert!(u64::from(killed) * 4 >= rounds, "only {killed} of {rounds} were killed in time");
}

/// Runs the example and kills it after some microseconds; how long it ran.
fn run(case: &Case, push: &Push, after: Option<u64>) -> (std::process::Output, u64) {
    let start = std::time::Instant::now();
    let mut child = std::process::Command::new(example())
        .args(["--stale-after=0", "ours.git"])
        .current_dir(case.lab.dir.path())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the example is built");
    let mut stdin = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut stdin, &push.bytes()).expect("the request fits the pipe");
    drop(stdin);
    if let Some(after) = after {
        std::thread::sleep(std::time::Duration::from_micros(after));
        child.kill().expect("killed, or ended");
    }
    let output = child.wait_with_output().expect("it ended");
    (output, u64::try_from(start.elapsed().as_micros()).expect("a short time"))
}

/// Where cargo has put `examples/receive-pack.rs`.
fn example() -> std::path::PathBuf {
    let test = std::env::current_exe().expect("a path");
    let target = test.ancestors().nth(2).expect("a target directory");
    target.join("examples/receive-pack")
}

/// Who has slept for so long that its locks were swept must not move what others have locked.
#[test]
fn a_push_whose_locks_were_taken_away_moves_nothing() {
    let case = Case::new(&[]);
    let one = case.push(&case.b, &case.c, "refs/heads/main");
    let delete = Push::new("").update(&case.a, ZERO, "refs/heads/topic");
    let both = Push::new("atomic")
        .update(&case.b, &case.c, "refs/heads/main")
        .update(ZERO, &case.c, "refs/heads/new")
        .pack(&case.lab, "work", &[&case.c, &format!("^{}", case.b)]);
    for push in [one, delete, both] {
        fresh(&case);
        let native = NativeStorage::new(case.lab.dir.path());
        let engine = Engine::new(Faulty::new(native, Fault::LosesLocks, 0), Limits::default());
        let repository = block_on(engine.open("ours.git")).expect("it opens");
        let report = serve(&repository, &push.bytes()).0.report;
        for (_, _, name) in &push.updates {
            assert!(report.contains(&format!("ng {name} ")), "{report}");
        }
        assert_eq!(refs(&case, "ours.git"), refs(&case, "base.git"));
        let files = files(&case.lab.path("ours.git"));
        let locks: Vec<_> = files.iter().filter(|(name, _)| name.ends_with(".lock")).collect();
        assert!(!locks.is_empty() && locks.iter().all(|(_, content)| **content == STRANGER));
        assert!(files.keys().all(|name| !name.contains("tmp_")), "something is left");
    }
}
