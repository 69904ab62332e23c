//! Pushes into repositories whose refs are in reftables, beside the installed git's.

mod support;

use support::receive::{Case, Push, ZERO};
use support::write;

fn case(config: &[(&str, &str)]) -> Case {
    Case::with_refs(config, "sha1", "reftable")
}

fn tables(case: &Case, name: &str) -> Vec<String> {
    let list = std::fs::read_to_string(case.lab.path(name).join("reftable/tables.list"));
    list.expect("a list").lines().map(str::to_owned).collect()
}

/// Goes on from what one of the sides has made of a push.
fn go_on(case: &Case, from: &str) {
    _ = std::fs::remove_dir_all(case.lab.path("base.git"));
    case.lab.copy(from, "base.git");
}

fn atomic(push: Push) -> Push {
    Push { capabilities: push.capabilities.clone() + " atomic", ..push }
}

#[test]
fn refs_are_created_updated_forced_and_deleted() {
    for log in ["", "true", "always", "false"] {
        let config = [("core.logAllRefUpdates", log)];
        let case = case(if log.is_empty() { &[] } else { &config });
        let report = case.same(&case.push(&case.b, &case.c, "refs/heads/main"));
        assert_eq!(report, "unpack ok\nok refs/heads/main\n");
        case.same(&case.push(ZERO, &case.c, "refs/heads/new/deep/er"));
        case.same(&case.push(ZERO, &case.c, "refs/tags/light"));
        case.same(&case.push(&case.b, &case.d, "refs/heads/main"));
        case.same(&case.push(&case.a, ZERO, "refs/heads/topic"));
        case.same(&case.push(&case.a, &case.c, "refs/heads/topic"));
        if matches!(log, "" | "false") {
            // Else git writes that HEAD moved from where it is to where it is.
            case.same(&case.push(&case.b, &case.b, "refs/heads/main"));
        }
        let tag = case.lab.git("work", &["rev-parse", "v1"]);
        case.same(&case.push(&tag, ZERO, "refs/tags/v1"));
        case.same(&case.push(ZERO, &tag, "refs/tags/v2"));
        case.same(&case.push(ZERO, ZERO, "refs/heads/nope"));
    }
}

#[test]
fn single_refs_are_refused_while_others_move() {
    let case = case(&[("core.logAllRefUpdates", "true")]);
    let push = case
        .push(&case.b, &case.c, "refs/heads/main")
        .update(&case.a, ZERO, "refs/heads/topic")
        .update(&case.b, &case.c, "refs/heads/gone")
        .update(&case.a, &case.c, "refs/tags/v1")
        .update(ZERO, &case.c, "refs/heads/main/below")
        .update(ZERO, &case.c, "refs/heads/new");
    let report = case.same(&push);
    assert!(report.contains("ng refs/heads/gone failed to update ref\n"), "{report}");
    let report = case.refused(&atomic(push));
    assert!(report.contains("ng refs/heads/new atomic transaction failed\n"), "{report}");
}

#[test]
fn branches_hold_commits() {
    let case = case(&[]);
    let tag = case.lab.git("work", &["rev-parse", "v1"]);
    case.refused(&case.push(ZERO, &tag, "refs/heads/tagged"));
}

#[test]
fn an_atomic_push_is_one_table() {
    let case = case(&[("core.logAllRefUpdates", "true")]);
    let tag = case.lab.git("work", &["rev-parse", "v1"]);
    let push = case
        .push(&case.b, &case.c, "refs/heads/main")
        .update(&case.a, ZERO, "refs/heads/topic")
        .update(ZERO, &tag, "refs/tags/v2")
        .update(ZERO, &case.c, "refs/heads/new/x");
    case.same(&atomic(push));
}

#[test]
fn wrong_old_oids_and_taken_names_are_refused_and_leave_nothing() {
    let case = case(&[]);
    case.refused(&case.push(&case.a, &case.c, "refs/heads/main"));
    case.refused(&case.push(ZERO, &case.c, "refs/heads/main"));
    case.refused(&case.push(&case.b, &case.c, "refs/heads/nope/deep"));
    case.refused(&case.push(&case.b, ZERO, "refs/heads/topic"));
    case.refused(&case.push(&case.b, ZERO, "refs/heads/nope"));
    for name in ["refs/heads/main/x", "refs/heads/topic/x/y", "refs/tags/v1/x"] {
        let report = case.refused(&case.push(ZERO, &case.c, name));
        assert_eq!(report, format!("unpack ok\nng {name} failed to update ref\n"));
    }
    case.lab.git("base.git", &["update-ref", "refs/heads/p/q", &case.a]);
    case.refused(&case.push(ZERO, &case.c, "refs/heads/p"));
    // A name that becomes free in the same push, unless it is all or nothing.
    let push = Push::new("")
        .update(&case.a, ZERO, "refs/heads/p/q")
        .update(ZERO, &case.c, "refs/heads/p")
        .pack(&case.lab, "work", &[&case.c, &format!("^{}", case.b)]);
    case.same(&push);
    case.refused(&atomic(push));
    go_on(&case, "ours.git");
    // A deleted name is in nobody's way.
    case.lab.git("base.git", &["update-ref", "-d", "refs/heads/p/q"]);
    case.same(&case.push(ZERO, &case.c, "refs/heads/p"));
}

#[test]
fn symbolic_refs_are_followed_and_logged() {
    let case = case(&[("core.logAllRefUpdates", "always")]);
    case.lab.git("base.git", &["symbolic-ref", "refs/heads/alias", "refs/heads/topic"]);
    case.lab.git("base.git", &["symbolic-ref", "refs/heads/unborn", "refs/heads/later"]);
    case.same(&case.push(&case.a, &case.c, "refs/heads/alias"));
    case.same(&case.push(ZERO, &case.c, "refs/heads/unborn"));
    case.same(&case.push(&case.a, ZERO, "refs/heads/alias"));
    case.lab.git("base.git", &["symbolic-ref", "HEAD", "refs/heads/alias"]);
    case.same(&case.push(&case.a, &case.c, "refs/heads/topic"));
    case.lab.git("base.git", &["config", "receive.denyDeleteCurrent", "ignore"]);
    case.same(&case.push(&case.a, ZERO, "refs/heads/topic"));
}

#[test]
fn a_ref_that_has_a_log_keeps_it_up_and_loses_it_when_it_is_deleted() {
    let case = case(&[]);
    let config = ["-c", "core.logAllRefUpdates=always"];
    for oid in [&case.a, &case.b, &case.a] {
        let args = ["update-ref", "-m", "by hand", "refs/heads/logged", oid];
        case.lab.git("base.git", &[&config[..], &args].concat());
    }
    case.same(&case.push(&case.a, &case.c, "refs/heads/logged"));
    go_on(&case, "ours.git");
    let push = Push::new("").update(&case.c, ZERO, "refs/heads/logged");
    case.same(&push);
    assert_eq!(case.lab.git("ours.git", &["reflog", "list"]), "");
}

#[test]
fn the_first_push_into_an_empty_repository() {
    for format in ["sha1", "sha256"] {
        let case = Case::with_refs(&[("core.logAllRefUpdates", "true")], format, "reftable");
        _ = std::fs::remove_dir_all(case.lab.path("base.git"));
        let format_option = format!("--object-format={format}");
        let args = ["init", "-q", "--bare", "-b", "main", "--ref-format=reftable", &format_option];
        case.lab.git("", &[&args[..], &["base.git"]].concat());
        let zero = "0".repeat(case.c.len());
        let capabilities = format!("object-format={format}");
        let push = Push::new(&capabilities).update(&zero, &case.c, "refs/heads/main").pack_whole(
            &case.lab,
            "work",
            &[&case.c],
        );
        case.same(&push);
        go_on(&case, "ours.git");
        let push = Push::new(&capabilities)
            .update(&case.c, &case.b, "refs/heads/main")
            .update(&zero, &case.a, "refs/heads/other")
            .pack(&case.lab, "work", &[&case.b, &format!("^{}", case.c)]);
        case.same(&push);
    }
}

#[test]
fn a_linked_worktree_s_branch_is_kept() {
    let case = case(&[]);
    case.lab.git("base.git", &["worktree", "add", "-q", "../tree", "topic"]);
    case.same_but_objects(&case.push(&case.a, &case.c, "refs/heads/topic"));
}

/// Enough refs for an index of several levels; all sizes of tables, ours and git's in turn.
#[test]
fn thousands_of_refs_and_many_pushes_by_both() {
    let case = case(&[("core.logAllRefUpdates", "true")]);
    let lab = &case.lab;
    let tag = lab.git("work", &["rev-parse", "v1"]);
    let name = |number: usize| {
        // Names that have little in common.
        let folder = number * 7919 % 1000;
        format!("refs/x/{folder}/{}/{number}", format!("{folder:03}").repeat(40))
    };
    let mut push = case.push(&case.b, &case.c, "refs/heads/main");
    for number in 0..3000 {
        let oid = if number % 5 == 0 { &tag } else { &case.c };
        push = push.update(ZERO, oid, &name(number));
    }
    case.same(&push);
    go_on(&case, "ours.git");
    let mut random = 7usize;
    let mut next = |below: usize| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) % (1 << 32);
        (random >> 8) % below
    };
    let mut seen = 0;
    for round in 0..40 {
        let mut push = Push::new(if round % 3 == 0 { "atomic" } else { "" });
        for _ in 0..1 + next(3) {
            let name = match next(3) {
                0 => format!("refs/tags/t{}", next(5)),
                _ => name(next(3300)),
            };
            let at = lab.git_with("base.git", &["rev-parse", "-q", "--verify", &name], b"", &[]);
            let at = String::from_utf8_lossy(&at.stdout).trim().to_owned();
            let at = if at.is_empty() { ZERO.to_owned() } else { at };
            let new = [&case.a, &case.b, &tag, &ZERO.to_owned()][next(4)].clone();
            push = push.update(&at, &new, &name);
        }
        let main = lab.git("base.git", &["rev-parse", "main"]);
        let other = if main == case.c { &case.b } else { &case.c };
        let push = push.update(&main, other, "refs/heads/main");
        let push = push.pack(lab, "work", &[&case.b, &format!("^{}", case.b)]);
        case.same_but_objects(&push);
        seen = seen.max(tables(&case, "ours.git").len());
        assert!(tables(&case, "ours.git").len() < 20);
        go_on(&case, if next(2) == 0 { "ours.git" } else { "gits.git" });
    }
    assert!(seen > 1, "nothing was ever stacked");
    lab.git("base.git", &["pack-refs", "--all"]);
    let main = lab.git("base.git", &["rev-parse", "main"]);
    case.same(&case.push(&main, &case.d, "refs/heads/main"));
}

#[test]
fn tables_that_somebody_merges_are_left_to_them() {
    let case = case(&[]);
    for number in 0..4 {
        let name = format!("refs/heads/n{number}");
        let env = [("GIT_TEST_REFTABLE_AUTOCOMPACTION", "false")];
        case.lab.git_with("base.git", &["update-ref", &name, &case.a], b"", &env);
    }
    let before = tables(&case, "base.git");
    let locked = &before[before.len() - 2];
    let lock = |name: &str| case.lab.path(name).join(format!("reftable/{locked}.lock"));
    write(&lock("base.git"), b"");
    case.fresh();
    let push = case.push(&case.b, &case.c, "refs/heads/main");
    let report = case.lab.engine_receives("ours.git", &push.bytes()).report;
    assert_eq!(report, "unpack ok\nok refs/heads/main\n");
    let after = tables(&case, "ours.git");
    assert_eq!(after[..before.len() - 1], before[..before.len() - 1]);
    std::fs::remove_file(lock("ours.git")).expect("the lock");
    case.lab.fsck("ours.git");
}

#[test]
fn tables_with_large_blocks_and_long_logs_are_merged() {
    let case = case(&[("core.logAllRefUpdates", "true"), ("reftable.blockSize", "16000")]);
    let message = "word ".repeat(1400);
    case.lab.git("base.git", &["update-ref", "-m", &message, "refs/heads/topic", &case.b]);
    let mut push = case.push(&case.b, &case.c, "refs/heads/main");
    for number in 0..30 {
        push = push.update(ZERO, &case.c, &format!("refs/x/{number}"));
    }
    case.same(&atomic(push));
    assert_eq!(tables(&case, "ours.git").len(), 1);
    go_on(&case, "ours.git");
    case.same(&case.push(&case.b, ZERO, "refs/heads/topic"));
}

#[test]
fn somebody_else_s_lock_is_respected() {
    let case = case(&[("reftable.lockTimeout", "10")]);
    write(&case.lab.path("base.git/reftable/tables.list.lock"), b"");
    case.fresh();
    let push = case.push(&case.b, &case.c, "refs/heads/main");
    let answer = case.lab.engine_receives_alone("ours.git", &push.bytes());
    assert_eq!(answer.report, "unpack ok\nng refs/heads/main failed to update ref\n");
    assert_eq!(answer.messages, ["error: cannot lock references"]);
    assert!(case.lab.path("ours.git/reftable/tables.list.lock").exists());
}
