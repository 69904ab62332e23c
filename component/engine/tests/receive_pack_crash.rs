//! Pushes that end at any of their write operations: the repository is whole, every ref is old or
//! new, what was acknowledged is there, and the next push removes what was left.

mod support;

use std::collections::BTreeMap;

use gitwasi_engine::storage::native::{NativeStorage, block_on};
use gitwasi_engine::{Engine, Limits};
use support::faulty::{Fault, Faulty};
use support::receive::{Case, Push, ZERO, files, serve};

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
        half || name.contains("tmp_") || name.ends_with(".lock")
    };
    names.iter().filter(is_left).cloned().collect()
}

/// Ends `push` at each of its write operations; how many there were.
fn ends_anywhere(case: &Case, push: &Push, fault: Fault) -> usize {
    let lab = &case.lab;
    let atomic = push.capabilities.contains("atomic");
    let old = refs(case, "base.git");
    let bytes = push.bytes();
    for number in 0.. {
        _ = std::fs::remove_dir_all(lab.path("ours.git"));
        lab.copy("base.git", "ours.git");
        let storage = Faulty::new(NativeStorage::new(lab.dir.path()), fault, number);
        let engine = Engine::new(storage.clone(), Limits::default());
        let repository = block_on(engine.open("ours.git")).expect("it opens");
        let (answer, pushed) = serve(&repository, &bytes);
        let at = format!("{fault:?} at operation {number}: {answer:?}");

        lab.fsck("ours.git");
        let is = refs(case, "ours.git");
        let mut moved = 0;
        for (_, new, name) in &push.updates {
            let value = is.get(name);
            let new = Some(new).filter(|new| *new != ZERO);
            assert!(value == new || value == old.get(name), "{at}: {name} is at {value:?}");
            moved += usize::from(value == new && new != old.get(name));
            if answer.report.contains(&format!("ok {name}\n")) {
                assert_eq!(value, new, "{at}: {name}");
            }
        }
        let moving = push
            .updates
            .iter()
            .filter(|(_, new, name)| Some(new).filter(|new| *new != ZERO) != old.get(name));
        if atomic {
            assert!(moved == 0 || moved == moving.count(), "{at}: {moved} refs moved");
        }
        if let Ok(pushed) = pushed {
            for update in pushed.ref_updates {
                let new = Some(update.new_oid.to_string()).filter(|_| !update.new_oid.is_zero());
                assert_eq!(is.get(&update.name.to_string()), new.as_ref(), "{at}");
            }
        }
        if !storage.struck() {
            assert_eq!(left(case), Vec::<String>::new());
            return number;
        }
        let next = Push::new("").update(ZERO, &case.a, "refs/heads/next");
        let next = next.pack(lab, "work", &[&case.a, &format!("^{}", case.a)]);
        let report = lab.engine_receives("ours.git", &next.bytes()).report;
        assert_eq!(report, "unpack ok\nok refs/heads/next\n", "{at}");
        assert_eq!(left(case), Vec::<String>::new(), "{at}");
        lab.fsck("ours.git");
    }
    0
}

fn both(case: &Case, push: &Push) {
    for fault in [Fault::Dies, Fault::FailsOnce] {
        let operations = ends_anywhere(case, push, fault);
        assert!(operations > 10, "{operations}");
    }
}

fn news(case: &Case, push: Push) -> Push {
    push.pack(&case.lab, "work", &[&case.c, &format!("^{}", case.b)])
}

#[test]
fn a_push_of_few_objects() {
    let case = Case::new(&[("core.logAllRefUpdates", "true")]);
    both(&case, &news(&case, Push::new("").update(&case.b, &case.c, "refs/heads/main")));
}

#[test]
fn a_push_that_stays_a_pack() {
    let case = Case::new(&[("receive.unpackLimit", "1")]);
    case.lab.git("base.git", &["update-server-info"]);
    both(&case, &news(&case, Push::new("").update(ZERO, &case.c, "refs/heads/deep/new")));
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
    both(&case, &news(&case, push));
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
    both(&case, &news(&case, push));
}

#[test]
fn a_delete_of_a_ref_in_both_places() {
    let case = Case::new(&[("core.logAllRefUpdates", "true")]);
    case.lab.git("base.git", &["update-ref", "refs/heads/topic", &case.b]);
    both(&case, &Push::new("").update(&case.b, ZERO, "refs/heads/topic"));
}
