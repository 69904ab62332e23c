//! Pushes to a repository on which others work at the same time: git itself, and other pushes.

mod support;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};

use gitwasi_engine::storage::native::{NativeStorage, block_on};
use gitwasi_engine::{Engine, Limits};
use support::Lab;
use support::receive::{Case, Push, ZERO, serve};

fn push_to(root: &Path, bytes: &[u8]) -> String {
    let engine = Engine::new(NativeStorage::new(root), Limits::default());
    let repository = block_on(engine.open("base.git")).expect("it opens");
    let (answer, pushed) = serve(&repository, bytes);
    if !answer.messages.is_empty() || answer.report.contains("ng ") {
        eprintln!("{answer:?} {pushed:?}");
    }
    answer.report
}

/// Runs git again and again until it is told to stop.
fn loops(lab: &Lab, args: &[&str], stop: &Arc<AtomicBool>) -> std::thread::JoinHandle<u32> {
    let (root, stop) = (lab.path("base.git"), Arc::clone(stop));
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    std::thread::spawn(move || {
        let mut runs = 0;
        // One that never got its turn gets it when the others have stopped.
        let mut last = 10;
        while !stop.load(Ordering::Relaxed) || runs == 0 && last > 0 {
            last -= u32::from(stop.load(Ordering::Relaxed));
            let output = std::process::Command::new("git")
                .args(&args)
                .current_dir(&root)
                .env("GIT_CONFIG_NOSYSTEM", "1")
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .output();
            runs += u32::from(output.expect("git runs").status.success());
        }
        runs
    })
}

/// A chain of commits on top of `from`.
fn chain(case: &Case, from: &str, length: usize) -> Vec<String> {
    let tree = case.lab.git("work", &["rev-parse", &format!("{from}^{{tree}}")]);
    let mut commits = vec![from.to_owned()];
    for number in 0..length {
        let message = format!("{number}");
        let parent = commits[number].clone();
        let args = ["commit-tree", &tree, "-p", &parent, "-m", &message];
        commits.push(case.lab.git("work", &args));
    }
    commits
}

#[test]
fn git_packs_refs_meanwhile() {
    // Not one push is refused.
    let refused = pushes_while(&[
        &["pack-refs", "--all", "--prune"],
        &["update-ref", "refs/heads/others", "HEAD"],
        &["update-ref", "-d", "refs/heads/others"],
    ]);
    assert_eq!(refused, 0);
}

/// A push whose packs are repacked under it may be refused, but nothing goes wrong.
#[test]
fn git_collects_garbage_meanwhile() {
    let refused = pushes_while(&[&["gc", "-q"], &["pack-refs", "--all", "--prune"]]);
    assert!(refused <= 8, "{refused} of 40 pushes were refused");
}

/// Git moves refs and merges tables while tables are added.
#[test]
fn git_writes_to_the_reftable_meanwhile() {
    let case = Case::with_refs(&[("reftable.lockTimeout", "10000")], "sha1", "reftable");
    let refused = pushes_to(
        &case,
        &[
            &["pack-refs", "--all"],
            &["update-ref", "refs/heads/others", "HEAD"],
            &["update-ref", "-d", "refs/heads/others"],
        ],
    );
    assert_eq!(refused, 0);
    let list = std::fs::read_to_string(case.lab.path("base.git/reftable/tables.list"));
    assert!(list.expect("a list").lines().count() < 12);
}

/// Pushes 40 times while git does other things; how many pushes were refused.
fn pushes_while(others: &[&[&str]]) -> u32 {
    let case =
        Case::new(&[("core.filesRefLockTimeout", "2000"), ("core.packedRefsTimeout", "5000")]);
    pushes_to(&case, others)
}

fn pushes_to(case: &Case, others: &[&[&str]]) -> u32 {
    let lab = &case.lab;
    let commits = chain(case, &case.b, 40);
    let stop = Arc::new(AtomicBool::new(false));
    let others: Vec<_> = others.iter().map(|args| loops(lab, args, &stop)).collect();
    let mut refused = 0;
    let mut at = case.b.clone();
    for (number, pair) in commits.windows(2).enumerate() {
        let (old, new) = (&pair[0], &pair[1]);
        let atomic = if number % 2 == 0 { "atomic" } else { "" };
        let mut push = Push::new(atomic).update(&at, new, "refs/heads/main").update(
            ZERO,
            new,
            &format!("refs/heads/n{number}"),
        );
        if number > 0 && number % 3 == 0 && at == *old {
            let name = format!("refs/heads/n{}", number - 1);
            push = push.update(old, ZERO, &name);
        }
        let push = push.pack(lab, "work", &[new, &format!("^{}", case.b)]);
        let report = push_to(lab.dir.path(), &push.bytes());
        if report.contains("ok refs/heads/main\n") {
            at.clone_from(new);
        } else {
            refused += 1;
        }
        assert_eq!(lab.git("base.git", &["rev-parse", "refs/heads/main"]), at);
    }
    stop.store(true, Ordering::Relaxed);
    for other in others {
        assert!(other.join().expect("it ends") > 0);
    }
    lab.fsck("base.git");
    refused
}

#[test]
fn of_two_pushes_for_one_ref_one_wins() {
    one_of_two_wins("files");
}

#[test]
fn of_two_pushes_for_one_ref_in_a_reftable_one_wins() {
    one_of_two_wins("reftable");
}

fn one_of_two_wins(ref_format: &str) {
    let case = Case::with_refs(&[], "sha1", ref_format);
    let root: PathBuf = case.lab.dir.path().into();
    for round in 0..100 {
        let name = format!("refs/heads/race/{round}");
        let pushes = [&case.c, &case.d].map(|new| {
            let push = Push::new("").update(ZERO, new, &name);
            push.pack(&case.lab, "work", &[new, &format!("^{}", case.a)]).bytes()
        });
        let start = Arc::new(Barrier::new(2));
        let threads = pushes.map(|bytes| {
            let (root, start) = (root.clone(), Arc::clone(&start));
            std::thread::spawn(move || {
                start.wait();
                push_to(&root, &bytes)
            })
        });
        let reports = threads.map(|thread| thread.join().expect("it ends"));
        let won = reports.iter().filter(|report| report.contains(&format!("ok {name}\n"))).count();
        assert_eq!(won, 1, "round {round}: {reports:?}");
        let winner = if reports[0].contains("\nok ") { &case.c } else { &case.d };
        assert_eq!(case.lab.git("base.git", &["rev-parse", &name]), *winner);
    }
    case.lab.fsck("base.git");
}

#[test]
fn of_a_push_to_the_engine_and_one_to_git_one_wins() {
    engine_or_git_wins("files");
}

#[test]
fn of_a_push_to_the_engine_and_one_to_git_one_wins_a_reftable() {
    engine_or_git_wins("reftable");
}

fn engine_or_git_wins(ref_format: &str) {
    let case = Case::with_refs(&[("reftable.lockTimeout", "5000")], "sha1", ref_format);
    let lab = &case.lab;
    for round in 0..40 {
        let name = format!("refs/heads/race/{round}");
        let [ours, gits] = [&case.c, &case.d].map(|new| {
            let push = Push::new("").update(ZERO, new, &name);
            push.pack(lab, "work", &[new, &format!("^{}", case.a)]).bytes()
        });
        let root: PathBuf = lab.dir.path().into();
        let thread = std::thread::spawn(move || push_to(&root, &ours));
        let gits = lab.git_receives("base.git", &gits).report;
        let ours = thread.join().expect("it ends");
        let won = |report: &str| report.contains(&format!("\nok {name}\n"));
        assert!(won(&ours) ^ won(&gits), "round {round}: {ours} {gits}");
        let winner = if won(&ours) { &case.c } else { &case.d };
        assert_eq!(lab.git("base.git", &["rev-parse", &name]), *winner);
    }
    lab.fsck("base.git");
}
