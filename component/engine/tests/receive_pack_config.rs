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

/// Whoever rebases or bisects has no branch checked out, and will go back to one.
#[test]
fn a_branch_that_is_rebased_or_bisected_is_kept() {
    let states: &[(&[(&str, &str)], bool)] = &[
        (&[], false),
        (&[("rebase-merge/head-name", "refs/heads/BRANCH\n")], true),
        (
            &[("rebase-merge/head-name", "refs/heads/BRANCH\n"), ("rebase-merge/interactive", "")],
            true,
        ),
        (&[("rebase-merge/head-name", "refs/heads/other\n")], false),
        (&[("rebase-merge/head-name", "detached HEAD\n")], false),
        (&[("rebase-merge/onto", "")], false),
        (&[("rebase-apply/head-name", "refs/heads/BRANCH\n"), ("rebase-apply/rebasing", "")], true),
        (&[("rebase-apply/head-name", "refs/heads/BRANCH")], true),
        (
            &[("rebase-apply/head-name", "refs/heads/BRANCH\n"), ("rebase-apply/applying", "")],
            false,
        ),
        (
            &[("rebase-apply/applying", ""), ("rebase-merge/head-name", "refs/heads/BRANCH\n")],
            false,
        ),
        (&[("rebase-apply/applying", ""), ("BISECT_LOG", ""), ("BISECT_START", "BRANCH\n")], true),
        (&[("BISECT_LOG", ""), ("BISECT_START", "refs/heads/BRANCH\n\n")], true),
        (&[("BISECT_LOG", ""), ("BISECT_START", "\n")], false),
        (&[("BISECT_START", "BRANCH\n")], false),
    ];
    for refs in ["files", "reftable"] {
        for linked in [false, true] {
            let case = Case::with_refs(&[], "sha1", refs);
            let (lab, branch) = (&case.lab, if linked { "topic" } else { "main" });
            let name = format!("refs/heads/{branch}");
            let old = if linked { &case.a } else { &case.b };
            let mut place = lab.path("base.git");
            if linked {
                lab.git("base.git", &["worktree", "add", "-q", "--detach", "../linked", "topic"]);
                place.push("worktrees/linked");
            } else {
                lab.git("base.git", &["config", "core.bare", "false"]);
                let head = ["update-ref", "--no-deref", "HEAD", &case.b];
                lab.git("base.git", &head);
            }
            for (state, kept) in states {
                for (path, content) in *state {
                    let path = place.join(path);
                    std::fs::create_dir_all(path.parent().expect("a parent")).expect("it is made");
                    write(&path, content.replace("BRANCH", branch).as_bytes());
                }
                let report = case.same_but_objects(&case.push(old, &case.c, &name));
                assert_eq!(
                    report.contains("is currently checked out"),
                    *kept,
                    "{state:?} {report}"
                );
                let report = case.same_but_objects(&case.push(old, ZERO, &name));
                assert_eq!(report.contains("\nng "), *kept, "{state:?} {report}");
                for (path, _) in *state {
                    let first = place.join(path.split('/').next().expect("a part"));
                    _ = std::fs::remove_dir_all(&first);
                    _ = std::fs::remove_file(&first);
                }
            }
            write(&place.join("BISECT_LOG"), b"");
            write(&place.join("BISECT_START"), branch.as_bytes());
            for (key, value) in [
                ("receive.denyCurrentBranch", "refuse"),
                ("receive.denyDeleteCurrent", "refuse"),
                ("receive.denyDeleteCurrent", "warn"),
                ("receive.denyDeleteCurrent", "ignore"),
                ("receive.denyCurrentBranch", "warn"),
                ("receive.denyCurrentBranch", "ignore"),
            ] {
                lab.git("base.git", &["config", key, value]);
                case.same_but_objects(&case.push(old, &case.c, &name));
                case.same_but_objects(&case.push(old, ZERO, &name));
            }
        }
    }
}

/// What is no worktree to git keeps no branch.
#[test]
fn a_worktree_that_is_none_keeps_nothing() {
    let case = Case::new(&[]);
    case.lab.git("base.git", &["worktree", "add", "-q", "../linked", "topic"]);
    let place = case.lab.path("base.git/worktrees/linked");
    let push = case.push(&case.a, &case.c, "refs/heads/topic");
    std::fs::remove_dir_all(case.lab.path("linked")).expect("it is removed");
    assert!(case.same_but_objects(&push).contains("is currently checked out"));
    for content in [None, Some(""), Some("x")] {
        std::fs::remove_file(place.join("gitdir")).expect("it is removed");
        if let Some(content) = content {
            write(&place.join("gitdir"), content.as_bytes());
        }
        case.same_but_objects(&push);
        write(&place.join("gitdir"), b"x");
    }
    for head in
        ["", "ref: refs/heads/topic", "ref:refs/heads/topic \n", "x", "ref: refs/heads/../topic"]
    {
        write(&place.join("HEAD"), head.as_bytes());
        case.same_but_objects(&push);
    }
}

/// There is no hook on either side.
#[test]
fn refs_that_are_left_to_a_hook_stay() {
    let case = Case::new(&[]);
    for (values, left) in [
        (&["refs/heads"][..], true),
        (&["refs/heads/"], true),
        (&["refs/heads/main"], true),
        (&["refs/heads/main//"], true),
        (&["refs/heads/mai"], false),
        (&["refs/for", "refs/heads/topic"], true),
        (&["a:refs/heads"], true),
        (&["d:refs/heads"], true),
        (&["m:refs/heads"], true),
        (&["ad:refs/heads/new", "m:refs/heads/topic"], true),
        (&["xa:refs/heads"], true),
        (&[":refs/heads"], false),
        (&["!:refs/heads/main"], false),
        (&["a!:refs/heads/main"], true),
        (&["!adm:refs/heads/main", "d:refs"], true),
        (&["a:b:refs/heads"], false),
        (&["!refs/heads/main"], false),
        (&[""], false),
        (&["/"], false),
        (&["am:"], false),
        (&["!adm:"], true),
    ] {
        for value in values {
            let arguments = ["config", "--add", "receive.procReceiveRefs", value];
            case.lab.git("base.git", &arguments);
        }
        for capabilities in ["", "atomic"] {
            let push = Push::new(capabilities)
                .update(&case.b, &case.c, "refs/heads/main")
                .update(ZERO, &case.c, "refs/heads/new")
                .update(&case.a, ZERO, "refs/heads/topic")
                .pack(&case.lab, "work", &[&case.c, &format!("^{}", case.b)]);
            let report = case.same_but_objects(&push);
            let is_left = report.contains("fail to run proc-receive hook");
            assert_eq!(is_left, left, "{values:?} {capabilities} {report}");
        }
        // Neither before nor after.
        case.same_but_objects(&Push::new("").update(ZERO, ZERO, "refs/heads/none"));
        case.lab.git("base.git", &["config", "--unset-all", "receive.procReceiveRefs"]);
    }
}

#[test]
fn an_alias_of_a_ref_that_is_left_to_a_hook_stays() {
    for prefix in ["refs/heads/main", "refs/heads/alias"] {
        let case = Case::new(&[("receive.procReceiveRefs", prefix)]);
        case.lab.git("base.git", &["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
        for alias in [&case.c, &case.a] {
            let push = Push::new("")
                .update(&case.b, &case.c, "refs/heads/main")
                .update(&case.b, alias, "refs/heads/alias")
                .pack(&case.lab, "work", &[&case.c, &format!("^{}", case.b)]);
            case.same_but_objects(&push);
        }
    }
}

#[test]
fn a_pack_is_as_large_as_it_may_be() {
    let case = Case::new(&[]);
    let push = case.push(&case.b, &case.c, "refs/heads/main");
    let set = |key: &str, value: String| case.lab.git("base.git", &["config", key, &value]);
    for unpack_limit in [1, 100] {
        set("receive.unpackLimit", unpack_limit.to_string());
        let size = push.pack.len() as i64;
        for (limit, fits) in [
            (size - 21, false),
            (size - 20, false),
            (size - 1, false),
            (size, true),
            (size + 1, true),
            (11, false),
            (0, true),
            (-1, false),
            (-size, false),
        ] {
            set("receive.maxInputSize", limit.to_string());
            case.fresh();
            let ours = case.lab.engine_receives("ours.git", &push.bytes());
            let gits = case.lab.git_receives("gits.git", &push.bytes());
            assert_eq!(ours.report, gits.report, "{unpack_limit} {limit}");
            assert_eq!(ours.report.starts_with("unpack ok\n"), fits, "{unpack_limit} {limit}");
            // Git tells a negative limit by its last 32 bits.
            if limit >= 0 {
                assert_eq!(ours.fatal(), gits.fatal(), "{unpack_limit} {limit}");
            }
            assert_eq!(case.lab.all_refs("ours.git"), case.lab.all_refs("gits.git"));
        }
    }
}

#[test]
fn a_pack_has_a_reverse_index_unless_the_configuration_says_no() {
    let case = Case::new(&[("receive.unpackLimit", "1")]);
    let push = case.push(&case.b, &case.c, "refs/heads/main");
    for value in ["", "true", "false"] {
        if !value.is_empty() {
            case.lab.git("base.git", &["config", "pack.writeReverseIndex", value]);
        }
        case.same(&push);
        let [ours, gits] = ["ours.git", "gits.git"].map(|name| {
            let files = files(&case.lab.path(name));
            files.keys().filter(|name| name.ends_with(".rev")).count()
        });
        assert_eq!((ours, gits), if value == "false" { (0, 0) } else { (1, 1) }, "{value}");
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

/// What is meant is not known, and may be what lets nobody in.
#[test]
fn a_severity_that_is_none_lets_nobody_push() {
    for unpack_limit in ["1", "100"] {
        let case = Case::new(&[("receive.unpackLimit", unpack_limit)]);
        let set = |key: &str, value| case.lab.git("base.git", &["config", key, value]);
        set("receive.fsck.noSuch", "wran");
        let (bad, _) = case.without_address();
        let good = case.push(&case.b, &case.c, "refs/heads/main");
        case.same_but_objects(&case.push(&case.a, ZERO, "refs/heads/topic"));
        assert_eq!(same_report(&case, &good), "unpack ok\nok refs/heads/main\n");
        for (value, checked) in
            [("wran", "true"), ("WARN", "true"), ("", "true"), ("wran", "false")]
        {
            set("receive.fsck.missingEmail", value);
            set("receive.fsckObjects", checked);
            for push in [&good, &bad, &case.push(&case.a, ZERO, "refs/heads/topic")] {
                case.fresh();
                let ours = case.lab.engine_receives("ours.git", &push.bytes());
                let gits = case.lab.git_receives("gits.git", &push.bytes());
                assert_eq!(gits.report, "", "{gits:?}");
                assert!(ours.report.contains("internal error"), "{ours:?}");
                assert_eq!(files(&case.lab.path("ours.git")), files(&case.lab.path("base.git")));
            }
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
