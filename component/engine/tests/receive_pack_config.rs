//! Settings of pushes that other tests do not get to.

mod support;

use gitwasi_engine::storage::native::{NativeStorage, block_on};
use gitwasi_engine::{Engine, Limits};
use support::faulty::{Fault, Faulty};
use support::receive::{Case, Push, ZERO, files, serve_raw};
use support::write;

/// The reports of both, which are the same.
#[track_caller]
fn same_report(case: &Case, push: &Push) -> String {
    case.fresh();
    let ours = case.lab.engine_receives("ours.git", &push.bytes());
    let gits = case.lab.git_receives("gits.git", &push.bytes());
    assert_eq!(ours.report, gits.report, "{ours:?} {gits:?}");
    assert_eq!(case.lab.all_refs("ours.git"), case.lab.all_refs("gits.git"));
    ours.report
}

const TAKEN: &str = "unpack ok\nok refs/heads/bad\n";
const REFUSED: &str = "unpack unpack-objects abnormal exit\nng refs/heads/bad unpacker error\n";

#[test]
fn the_branch_of_a_linked_worktree_is_kept() {
    for value in ["", "refuse", "warn", "ignore"] {
        let setting = [("receive.denyCurrentBranch", value)];
        let case = Case::new(if value.is_empty() { &[] } else { &setting });
        case.lab.git("base.git", &["worktree", "add", "-q", "../linked", "topic"]);
        let report = case.same_but_objects(&case.push(&case.a, &case.c, "refs/heads/topic"));
        let refused = report == "unpack ok\nng refs/heads/topic branch is currently checked out\n";
        assert_eq!(refused, matches!(value, "" | "refuse"), "{value}: {report}");
        case.same_but_objects(&case.push(&case.a, ZERO, "refs/heads/topic"));
        case.same(&case.push(&case.b, &case.c, "refs/heads/main"));
    }
}

#[test]
fn objects_of_a_skip_list_are_let_off() {
    let case = Case::new(&[]);
    let (push, bad) = case.without_address();
    let list = |path: &str| {
        let arguments = ["config", "receive.fsck.skipList", path];
        case.lab.git("base.git", &arguments);
    };
    assert_eq!(same_report(&case, &push), REFUSED);
    write(&case.lab.path("base.git/skipped"), format!("# known\n{bad}\n").as_bytes());
    list("skipped");
    assert_eq!(same_report(&case, &push), TAKEN);
    write(&case.lab.path("elsewhere"), format!("{bad}\n").as_bytes());
    list(case.lab.path("elsewhere").to_str().expect("a path"));
    assert_eq!(same_report(&case, &push), TAKEN);
    write(&case.lab.path("elsewhere"), format!("{}\n", case.c).as_bytes());
    assert_eq!(same_report(&case, &push), REFUSED);
    // One that is not there lets nobody in: git says that of the pack, we before it.
    for path in ["nowhere", "/nowhere/at/all"] {
        list(path);
        for push in [&push, &case.push(&case.b, &case.c, "refs/heads/main")] {
            case.fresh();
            let ours = case.lab.engine_receives("ours.git", &push.bytes());
            let gits = case.lab.git_receives("gits.git", &push.bytes());
            assert!(gits.report.contains("\nng ") && !ours.report.contains("\nok "), "{ours:?}");
            assert!(ours.report.contains("internal error"), "{ours:?}");
            assert_eq!(files(&case.lab.path("ours.git")), files(&case.lab.path("base.git")));
        }
    }
}

#[test]
fn objects_are_checked_unless_the_configuration_says_no() {
    let case = Case::new(&[]);
    let (push, _) = case.without_address();
    let lab = &case.lab;
    lab.git("base.git", &["config", "--unset-all", "receive.fsckObjects"]);
    // Git checks only what it is told to check.
    case.fresh();
    assert_eq!(lab.engine_receives("ours.git", &push.bytes()).report, REFUSED);
    assert_eq!(files(&lab.path("ours.git")), files(&lab.path("base.git")));
    assert_eq!(lab.git_receives("gits.git", &push.bytes()).report, TAKEN);
    for (settings, report) in [
        (&[("transfer.fsckObjects", "true")][..], REFUSED),
        (&[("transfer.fsckObjects", "false")], TAKEN),
        (&[("transfer.fsckObjects", "true"), ("receive.fsckObjects", "false")], TAKEN),
        (&[("transfer.fsckObjects", "false"), ("receive.fsckObjects", "true")], REFUSED),
    ] {
        for (key, value) in settings {
            lab.git("base.git", &["config", key, value]);
        }
        assert_eq!(same_report(&case, &push), report, "{settings:?}");
    }
}

#[test]
fn who_waits_is_told_that_somebody_is_there() {
    for (value, alive) in [("", true), ("1", true), ("0", false), ("1000000", false)] {
        let case = Case::new(&[("receive.unpackLimit", "1")]);
        if !value.is_empty() {
            case.lab.git("base.git", &["config", "receive.keepAlive", value]);
        }
        case.fresh();
        let push = case.push(&case.b, &case.c, "refs/heads/main");
        let storage = Faulty::new(NativeStorage::new(case.lab.dir.path()), Fault::Slow, 0);
        let engine = Engine::new(storage, Limits::default());
        let repository = block_on(engine.open("ours.git")).expect("it opens");
        let mut output = Vec::new();
        serve_raw(&repository, &push.bytes(), &mut output).expect("an answer");
        let found = output.windows(5).any(|bytes| bytes == b"0005\x01");
        assert_eq!(found, alive, "{value}: {}", String::from_utf8_lossy(&output));
    }
}

/// Paths are text here, so such a ref has no file.
#[test]
fn a_name_that_is_not_utf_8_is_refused() {
    let case = Case::new(&[]);
    case.fresh();
    let mut bytes = case.push(ZERO, &case.c, "refs/heads/caf?").bytes();
    let at = bytes.iter().position(|byte| *byte == b'?').expect("the name");
    bytes[at] = 0xe9;
    let ours = case.lab.engine_receives("ours.git", &bytes);
    assert!(ours.report.starts_with("unpack ok\nng refs/heads/caf"), "{ours:?}");
    assert_eq!(files(&case.lab.path("ours.git")), files(&case.lab.path("base.git")));
    let gits = case.lab.git_receives("gits.git", &bytes);
    assert!(gits.report.starts_with("unpack ok\nok refs/heads/caf"), "{gits:?}");
}
