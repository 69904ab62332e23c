//! Pushes, answered by the engine and by the installed git on copies of one repository: the same
//! report, the same refs, reflogs and objects.

mod support;

use support::forge::{BLOB, Forge, append, oid};
use support::receive::{Answer, Case, Push, ZERO, files};
use support::write;

#[test]
fn refs_are_created_updated_forced_and_deleted() {
    let case = Case::new(&[]);
    let report = case.same(&case.push(&case.b, &case.c, "refs/heads/main"));
    assert_eq!(report, "unpack ok\nok refs/heads/main\n");
    case.same(&case.push(ZERO, &case.c, "refs/heads/new/deep/er"));
    case.same(&case.push(ZERO, &case.c, "refs/tags/light"));
    case.same(&case.push(&case.b, &case.d, "refs/heads/main"));
    case.same(&case.push(&case.a, ZERO, "refs/heads/topic"));
    case.same(&case.push(&case.a, &case.c, "refs/heads/topic"));
    case.same(&case.push(&case.b, &case.b, "refs/heads/main"));
    let tag = case.lab.git("work", &["rev-parse", "v1"]);
    case.same(&case.push(&tag, ZERO, "refs/tags/v1"));
    case.same(&case.push(ZERO, &tag, "refs/tags/v2"));
}

#[test]
fn several_refs_move_one_by_one() {
    let case = Case::new(&[]);
    let push = case
        .push(&case.b, &case.c, "refs/heads/main")
        .update(&case.a, ZERO, "refs/heads/topic")
        .update(&case.b, &case.c, "refs/heads/gone")
        .update(ZERO, &case.c, "refs/heads/new");
    let report = case.same(&push);
    assert!(report.contains("ng refs/heads/gone failed to update ref\n"), "{report}");
}

#[test]
fn what_depends_on_one_another_moves_in_its_order() {
    for (refs, unpack_limit) in [("files", "100"), ("files", "1"), ("reftable", "100")] {
        let settings = [("core.logAllRefUpdates", "true"), ("receive.unpackLimit", unpack_limit)];
        let case = Case::with_refs(&settings, "sha1", refs);
        let (a, b, c, d) = (&*case.a, &*case.b, &*case.c, &*case.d);
        let main = "refs/heads/main";
        for (updates, outcomes) in [
            (&[(a, b, "refs/heads/topic"), (b, c, "refs/heads/topic")][..], "oo"),
            (&[(b, c, main), (b, d, main), (c, b, main), (b, d, main)], "onoo"),
            (&[(b, c, main), (ZERO, c, "refs/heads/new"), (c, d, main)], "ooo"),
            (&[(b, c, main), (b, c, main)], "on"),
            (&[(ZERO, c, "refs/heads/new"), (ZERO, c, "refs/heads/new")], "on"),
            (&[(ZERO, d, "refs/heads/n"), (ZERO, c, "refs/heads/n/x")], "on"),
            (&[(ZERO, d, "refs/heads/n/x/y"), (ZERO, c, "refs/heads/n")], "on"),
            (&[(b, d, "refs/heads/n"), (ZERO, c, "refs/heads/n/x")], "no"),
            (
                &[
                    (ZERO, c, "refs/heads/n/x"),
                    (ZERO, c, "refs/heads/n/y"),
                    (ZERO, c, "refs/heads/n/x/z"),
                ],
                "oon",
            ),
            (&[(a, ZERO, "refs/heads/topic"), (a, ZERO, "refs/heads/topic")], "on"),
        ] {
            let mut push = Push::new("").pack(&case.lab, "work", &[c, d, "^main~1"]);
            for (old, new, name) in updates {
                push = push.update(old, new, name);
            }
            if updates.iter().all(|(_, new, _)| *new == ZERO) {
                push.pack.clear();
            }
            let report = case.same(&push);
            let found = report.lines().skip(1).map(|line| &line[..1]).collect::<String>();
            assert_eq!(found, outcomes, "{report}");
        }
    }
}

/// A request does not get as many transactions as it has lines.
#[test]
fn a_ref_moves_so_many_times_in_a_push() {
    let case = Case::new(&[]);
    let mut push = case.push(&case.b, &case.c, "refs/heads/main");
    for _ in 0..20 {
        push = push.update(&case.c, &case.b, "refs/heads/main");
        push = push.update(&case.b, &case.c, "refs/heads/main");
    }
    case.fresh();
    let ours = case.lab.engine_receives("ours.git", &push.bytes());
    assert_eq!(ours.report.matches("ok refs/heads/main\n").count(), 17, "{ours:?}");
    assert!(ours.told.contains("multiple updates for ref 'refs/heads/main' not allowed"));
    case.lab.fsck("ours.git");
}

#[test]
fn many_refs_move_at_once() {
    let case = Case::new(&[("core.logAllRefUpdates", "always")]);
    let mut push = case.push(&case.b, &case.c, "refs/heads/main");
    for number in 0..100 {
        push = push.update(ZERO, &case.c, &format!("refs/heads/n{}/x{number}", number % 3));
    }
    // Of which some cannot.
    case.lab.git("base.git", &["update-ref", "refs/heads/dir/loose", &case.a]);
    for name in ["refs/heads/a..b", "refs/heads/main/x", "refs/tags/v1/x/y", "refs/heads/dir"] {
        push = push.update(ZERO, &case.c, name);
    }
    push = push.update(&case.b, &case.c, "refs/heads/nope");
    case.same(&push.update(&case.a, &case.c, "refs/heads/topic"));
}

#[test]
fn an_atomic_push_is_all_or_none() {
    let case = Case::new(&[("core.logAllRefUpdates", "true")]);
    let atomic = |push: Push| Push { capabilities: push.capabilities.clone() + " atomic", ..push };
    let tag = case.lab.git("work", &["rev-parse", "v1"]);
    let push = case
        .push(&case.b, &case.c, "refs/heads/main")
        .update(&case.a, ZERO, "refs/heads/topic")
        .update(ZERO, &tag, "refs/tags/v2")
        .update(ZERO, &case.c, "refs/heads/new/x");
    case.same(&atomic(push));
    let push = case
        .push(&case.b, &case.c, "refs/heads/main")
        .update(&case.b, &case.c, "refs/heads/topic")
        .update(ZERO, &case.c, "refs/heads/new/x");
    let report = case.refused(&atomic(push));
    assert!(report.contains("ng refs/heads/new/x atomic transaction failed\n"), "{report}");
    let push = case
        .push(&case.b, &case.c, "refs/heads/main")
        .update(ZERO, &case.c, "refs/heads/a..b")
        .update(ZERO, &case.c, "refs/heads/new/x");
    let report = case.refused(&atomic(push));
    assert!(report.contains("ng refs/heads/main atomic push failure\n"), "{report}");
}

#[test]
fn wrong_old_oids_are_refused_and_leave_nothing() {
    let case = Case::new(&[]);
    case.refused(&case.push(&case.a, &case.c, "refs/heads/main"));
    case.refused(&case.push(ZERO, &case.c, "refs/heads/main"));
    case.refused(&case.push(&case.b, &case.c, "refs/heads/topic"));
    case.refused(&case.push(&case.b, &case.c, "refs/heads/nope/deep"));
    case.refused(&case.push(&case.b, ZERO, "refs/heads/topic"));
    case.refused(&case.push(&case.b, ZERO, "refs/heads/nope"));
}

#[test]
fn a_ref_is_no_directory_of_another() {
    let case = Case::new(&[]);
    for name in ["refs/heads/main/x", "refs/heads/topic/x/y", "refs/tags/v1/x"] {
        let report = case.refused(&case.push(ZERO, &case.c, name));
        assert_eq!(report, format!("unpack ok\nng {name} failed to update ref\n"));
    }
    case.lab.git("base.git", &["update-ref", "refs/heads/p/q", &case.a]);
    case.refused(&case.push(ZERO, &case.c, "refs/heads/p"));
    case.lab.git("base.git", &["pack-refs", "--all", "--prune"]);
    case.refused(&case.push(ZERO, &case.c, "refs/heads/p"));
    // A name that becomes free in the same push.
    let push = Push::new("")
        .update(&case.a, ZERO, "refs/heads/p/q")
        .update(ZERO, &case.c, "refs/heads/p")
        .pack(&case.lab, "work", &[&case.c, &format!("^{}", case.b)]);
    let report = case.same(&push);
    assert_eq!(report, "unpack ok\nok refs/heads/p/q\nok refs/heads/p\n");
    // But not in one that is all or nothing.
    let push = Push { capabilities: push.capabilities.clone() + " atomic", ..push };
    let report = case.refused(&push);
    assert!(report.contains("atomic transaction failed"), "{report}");
}

#[test]
fn empty_directories_are_not_in_the_way() {
    let case = Case::new(&[("core.logAllRefUpdates", "true")]);
    for name in ["refs/heads/e/m/p", "logs/refs/heads/e/t"] {
        std::fs::create_dir_all(case.lab.path("base.git").join(name)).expect("made");
    }
    case.same(&case.push(ZERO, &case.c, "refs/heads/e"));
}

#[test]
fn funny_names_are_refused() {
    let case = Case::new(&[]);
    for name in [
        "HEAD",
        "main",
        "refs/heads",
        "refs/main",
        "refs/heads/a..b",
        "refs/heads/.a",
        "refs/heads/a.lock",
        "refs/heads/a b",
        "refs/heads/@{x",
        "refs/../config",
        "objects/x/y",
        "refs/heads/a\u{7f}",
        "refs/heads/a//b",
        "refs/heads/",
    ] {
        let report = case.refused(&case.push(ZERO, &case.c, name));
        assert!(report.contains("funny refname"), "{name}: {report}");
    }
    case.refused(&case.push(&case.b, ZERO, "HEAD"));
    case.same(&case.push(ZERO, &case.c, "refs/heads/HEAD"));
    case.same(&case.push(ZERO, &case.c, "refs/heads/@"));
    case.same(&case.push(ZERO, &case.c, "refs/heads/ä\u{301}"));
    case.same(&case.push(ZERO, &case.c, "refs/x/y"));
}

#[test]
fn what_the_configuration_denies_is_denied() {
    let case = Case::new(&[
        ("receive.denyNonFastForwards", "true"),
        ("receive.denyDeletes", "true"),
        ("receive.hideRefs", "refs/secret"),
        ("transfer.hideRefs", "refs/heads/hidden"),
    ]);
    let report = case.refused(&case.push(&case.b, &case.d, "refs/heads/main"));
    assert_eq!(report, "unpack ok\nng refs/heads/main non-fast-forward\n");
    let report = case.refused(&case.push(&case.a, ZERO, "refs/heads/topic"));
    assert_eq!(report, "unpack ok\nng refs/heads/topic deletion prohibited\n");
    case.refused(&case.push(ZERO, &case.c, "refs/secret/x"));
    case.refused(&case.push(ZERO, &case.c, "refs/heads/hidden"));
    case.refused(&case.push(&case.c, ZERO, "refs/heads/hidden/x"));
    case.same(&case.push(&case.b, &case.c, "refs/heads/main"));
    let tag = case.lab.git("work", &["rev-parse", "v1"]);
    case.same(&case.push(&tag, ZERO, "refs/tags/v1"));
    // A tag may go anywhere, a branch only to commits.
    case.refused(&case.push(&case.b, &tag, "refs/heads/main"));
    case.refused(&case.push(ZERO, &tag, "refs/heads/tagged"));
}

#[test]
fn what_an_included_file_denies_is_denied() {
    let case = Case::new(&[("include.path", "denied")]);
    write(&case.lab.path("base.git/denied"), b"[receive]\n\tdenyDeletes = true\n");
    let report = case.refused(&case.push(&case.a, ZERO, "refs/heads/topic"));
    assert_eq!(report, "unpack ok\nng refs/heads/topic deletion prohibited\n");
}

#[test]
fn the_current_branch_is_kept() {
    let case = Case::new(&[]);
    let report = case.refused(&case.push(&case.b, ZERO, "refs/heads/main"));
    assert!(report.contains("deletion of the current branch prohibited"), "{report}");
    for value in ["ignore", "warn", "refuse", "true", "false", "updateInstead"] {
        let case = Case::new(&[("receive.denyDeleteCurrent", value)]);
        case.same(&case.push(&case.b, ZERO, "refs/heads/main"));
    }
    for value in ["", "ignore", "warn", "refuse"] {
        let mut config = vec![("core.bare", "false")];
        config.extend((!value.is_empty()).then_some(("receive.denyCurrentBranch", value)));
        let case = Case::new(&config);
        case.lab.git("base.git", &["config", "--unset-all", "core.bare"]);
        case.lab.git("base.git", &["config", "core.bare", "false"]);
        case.same_but_objects(&case.push(&case.b, &case.c, "refs/heads/main"));
        case.same(&case.push(&case.a, &case.c, "refs/heads/topic"));
    }
}

#[test]
fn deletes_of_what_is_not_there_are_as_git_s() {
    let case = Case::new(&[]);
    let other = "1".repeat(40);
    case.same(&case.push(ZERO, ZERO, "refs/heads/nope"));
    case.same(&case.push(&other, ZERO, "refs/heads/nope/deep"));
    case.same(&case.push(ZERO, ZERO, "refs/heads/topic"));
    write(&case.lab.path("base.git").join("refs/heads/dangling"), other.as_bytes());
    let lab = &case.lab;
    case.fresh();
    let push = case.push(&other, ZERO, "refs/heads/dangling").bytes();
    assert_eq!(lab.engine_receives("ours.git", &push), lab.git_receives("gits.git", &push));
    assert_eq!(lab.all_refs("ours.git"), lab.all_refs("gits.git"));
}

#[test]
fn symbolic_refs_stand_for_what_they_point_to() {
    let case = Case::new(&[("core.logAllRefUpdates", "always")]);
    case.lab.git("base.git", &["symbolic-ref", "refs/heads/alias", "refs/heads/topic"]);
    case.same(&case.push(&case.a, &case.c, "refs/heads/alias"));
    let both = case.push(&case.a, &case.c, "refs/heads/alias");
    case.same(&both.clone().update(&case.a, &case.c, "refs/heads/topic"));
    let report = case.refused(&both.update(&case.a, &case.b, "refs/heads/topic"));
    assert!(report.contains("inconsistent aliased update"), "{report}");
    case.same(&case.push(&case.a, ZERO, "refs/heads/alias"));
    case.lab.git("base.git", &["symbolic-ref", "refs/heads/dangling", "refs/heads/unborn"]);
    case.same(&case.push(ZERO, &case.c, "refs/heads/dangling"));
}

#[test]
fn reflogs_are_written_where_git_writes_them() {
    for log in ["true", "always", "false"] {
        let case = Case::new(&[("core.logAllRefUpdates", log)]);
        case.same(&case.push(&case.b, &case.c, "refs/heads/main"));
        case.same(&case.push(ZERO, &case.c, "refs/heads/new/x"));
        case.same(&case.push(ZERO, &case.c, "refs/tags/new"));
        case.same(&case.push(&case.a, ZERO, "refs/heads/topic"));
    }
    // One that is there is kept up, and goes with its ref.
    let case = Case::new(&[]);
    case.lab.git("base.git", &["update-ref", "--create-reflog", "refs/heads/deep/x", &case.a]);
    case.same(&case.push(&case.a, &case.c, "refs/heads/deep/x"));
    case.same(&case.push(&case.a, ZERO, "refs/heads/deep/x"));
}

#[test]
fn missing_objects_are_found() {
    let case = Case::new(&[]);
    // With fsck git finds them earlier, and blames the pack.
    case.lab.git("base.git", &["config", "receive.fsckObjects", "false"]);
    // The tip without what it needs.
    let blob = case.lab.git("work", &["rev-parse", &format!("{}:c.txt", case.c)]);
    let tree = case.lab.git("work", &["rev-parse", &format!("{}^{{tree}}", case.c)]);
    let one = |objects: &[&str]| {
        let input = objects.join("\n") + "\n";
        case.lab.git_with("work", &["pack-objects", "--stdout", "-q"], input.as_bytes(), &[]).stdout
    };
    for objects in [&[case.c.as_str()][..], &[&case.c, &tree], &[&case.c, &blob]] {
        let mut push = case.push(&case.b, &case.c, "refs/heads/main");
        push.pack = one(objects);
        let report = case.refused(&push);
        assert_eq!(report, "unpack ok\nng refs/heads/main missing necessary objects\n");
        // Others in the same push that are whole are not to blame.
        let push = push.update(ZERO, &case.a, "refs/heads/fine");
        let report = case.same_but_objects(&push);
        assert!(report.contains("ok refs/heads/fine"), "{report}");
    }
    // An object that is in no pack and not here either.
    let mut push = case.push(&case.b, &case.c, "refs/heads/main");
    push.pack = one(&[&blob]);
    case.refused(&push);
    // A commit without its parent.
    let e = case.lab.git("work", &["commit-tree", &tree, "-p", &case.d, "-m", "e"]);
    let push = Push::new("").update(&case.b, &e, "refs/heads/main");
    let push = push.pack(&case.lab, "work", &[&e, &format!("^{}", case.d)]);
    case.refused(&push);
}

#[test]
fn new_branches_begin_anywhere_in_history() {
    let case = Case::new(&[]);
    // Nothing new at all: an empty pack.
    case.same(&case.push(ZERO, &case.a, "refs/heads/old"));
    case.same(&case.push(ZERO, &case.b, "refs/heads/same"));
    let tree = case.lab.git("work", &["rev-parse", &format!("{}^{{tree}}", case.c)]);
    case.same(&case.push(ZERO, &tree, "refs/x/tree"));
    // A commit that is here, but that no ref reaches; and one of which only part is here.
    case.lab.git("base.git", &["fetch", "-q", "../work", &case.c]);
    case.same(&case.push(&case.b, &case.c, "refs/heads/main"));
    let mut push = case.push(&case.b, &case.c, "refs/heads/main");
    push.pack = case.lab.git_with("work", &["pack-objects", "--stdout", "-q"], b"", &[]).stdout;
    case.same(&push);
    let blob = case.lab.git("work", &["rev-parse", &format!("{}:c.txt", case.c)]);
    let loose = format!("objects/{}/{}", &blob[..2], &blob[2..]);
    std::fs::remove_file(case.lab.path("base.git").join(loose)).expect("it is loose");
    let lab = &case.lab;
    lab.copy("base.git", "broken.git");
    let report = lab.engine_receives("broken.git", &push.bytes()).report;
    assert_eq!(report, "unpack ok\nng refs/heads/main missing necessary objects\n");
}

#[test]
fn broken_packs_are_refused_and_leave_nothing() {
    let case = Case::new(&[]);
    let good = case.push(&case.b, &case.c, "refs/heads/main");
    let broken = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut push = good.clone();
        change(&mut push.pack);
        push
    };
    let refused = |push: Push| {
        let lab = &case.lab;
        case.fresh();
        let ours = lab.engine_receives("ours.git", &push.bytes());
        let gits = lab.git_receives("gits.git", &push.bytes());
        assert_eq!(ours.report, gits.report, "{ours:?} {gits:?}");
        assert_eq!(files(&lab.path("ours.git")), files(&lab.path("base.git")));
        ours.report
    };
    assert!(refused(broken(&Vec::clear)).contains("eof before pack header"));
    refused(broken(&|pack| pack.truncate(7)));
    refused(broken(&|pack| pack.truncate(pack.len() - 5)));
    refused(broken(&|pack| pack.truncate(30)));
    assert!(refused(broken(&|pack| pack[0] = b'Q')).contains("signature mismatch"));
    assert!(refused(broken(&|pack| pack[7] = 9)).contains("version unsupported"));
    refused(broken(&|pack| pack[8] = 0xff));
    refused(broken(&|pack| *pack.last_mut().expect("bytes") ^= 1));
    refused(broken(&|pack| pack[40] ^= 0xff));
    let (mut push, _) = case.without_address();
    assert!(refused(push.clone()).contains("unpack unpack-objects abnormal exit"));
    push.capabilities += " quiet";
    case.lab.git("base.git", &["config", "receive.fsck.missingEmail", "ignore"]);
    let lab = &case.lab;
    case.fresh();
    let ours = lab.engine_receives("ours.git", &push.bytes());
    assert_eq!(ours.report, lab.git_receives("gits.git", &push.bytes()).report);
    assert_eq!(ours.report, "unpack ok\nok refs/heads/bad\n");
    case.lab.git("base.git", &["config", "receive.maxInputSize", "100"]);
    refused(good);
}

#[test]
fn packs_stay_packs_above_the_limit() {
    let case = Case::new(&[("receive.unpackLimit", "1")]);
    let push = Push::new("").update(&case.b, &case.c, "refs/heads/main");
    case.same(&push.pack_whole(&case.lab, "work", &[&case.c, &format!("^{}", case.b)]));
    let packs = |name: &str| {
        let names = files(&case.lab.path(name).join("objects/pack")).into_keys();
        names.filter(|name| name.starts_with("pack-")).collect::<Vec<_>>()
    };
    assert_eq!(packs("ours.git"), packs("gits.git"));
    assert!(packs("ours.git").iter().any(|name| name.ends_with(".idx")));
}

#[test]
fn a_sha256_repository_and_an_empty_one_are_pushed_to() {
    let case = Case::with_format(&[], "sha256");
    let zero = "0".repeat(64);
    let mut push = case.push(&case.b, &case.c, "refs/heads/main");
    push.capabilities += " object-format=sha256";
    case.same(&push);
    let push = Push::new("atomic object-format=sha256")
        .update(&case.a, &zero, "refs/heads/topic")
        .update(&case.b, &case.c, "refs/heads/main")
        .pack(&case.lab, "work", &[&case.c, &format!("^{}", case.b)]);
    case.same(&push);

    let case = Case::new(&[]);
    _ = std::fs::remove_dir_all(case.lab.path("base.git"));
    case.lab.git("", &["init", "-q", "--bare", "-b", "main", "base.git"]);
    let push = Push::new("").update(ZERO, &case.c, "refs/heads/main");
    case.same(&push.pack(&case.lab, "work", &[&case.c]));
    let push = Push::new("atomic").update(ZERO, &case.c, "refs/heads/main").update(
        ZERO,
        &case.d,
        "refs/heads/other",
    );
    case.same(&push.pack(&case.lab, "work", &[&case.c, &case.d]));
}

#[test]
fn pushes_from_shallow_clones_are_as_git_has_them() {
    for allowed in ["false", "true"] {
        let case = Case::new(&[("receive.shallowUpdate", allowed)]);
        let lab = &case.lab;
        let shallow = |push: Push, oid: &str| Push { shallow: vec![oid.into()], ..push };
        // History here is whole where the client's ends.
        case.same(&shallow(case.push(&case.b, &case.c, "refs/heads/main"), &case.b));
        case.same(&shallow(case.push(&case.b, &case.c, "refs/heads/main"), &case.a));
        // A history whose beginning is nowhere.
        let url = format!("file://{}", lab.path("work").display());
        lab.git("", &["clone", "-q", "--depth=1", "-b", "main", &url, "cut"]);
        lab.git("", &["init", "-q", "--bare", "-b", "main", "base2.git"]);
        _ = std::fs::remove_dir_all(lab.path("base.git"));
        std::fs::rename(lab.path("base2.git"), lab.path("base.git")).expect("renamed");
        lab.git("base.git", &["config", "receive.shallowUpdate", allowed]);
        let push = Push::new("").update(ZERO, &case.c, "refs/heads/main");
        let push = shallow(push.pack(lab, "cut", &[&case.c]), &case.c);
        let report = case.same_but_objects(&push);
        assert_eq!(report.contains("ok refs/heads/main"), allowed == "true", "{report}");
        let read = |name: &str| std::fs::read_to_string(lab.path(name).join("shallow")).ok();
        assert_eq!(read("ours.git"), read("gits.git"));
        // The same push without saying so misses objects.
        case.refused(&Push { shallow: Vec::new(), ..push });
    }
}

#[test]
fn reports_have_the_form_that_was_agreed_on() {
    let case = Case::new(&[("receive.advertisePushOptions", "true")]);
    let lab = &case.lab;
    for capabilities in [
        "report-status",
        "report-status-v2 side-band-64k",
        "",
        "side-band-64k",
        "report-status-v2 side-band-64k push-options quiet agent=x/1 session-id=abc",
    ] {
        case.fresh();
        let mut push = case.push(&case.b, &case.c, "refs/heads/main");
        push.capabilities = capabilities.to_owned();
        push.options = vec!["a".into(), "b=c".into()];
        let gits =
            lab.git_with("", &["receive-pack", "--stateless-rpc", "gits.git"], &push.bytes(), &[]);
        let ours = lab.engine_receives_raw("ours.git", &push.bytes());
        assert_eq!(
            String::from_utf8_lossy(&ours),
            String::from_utf8_lossy(&gits.stdout),
            "{capabilities}"
        );
        assert_eq!(lab.all_refs("ours.git"), lab.all_refs("gits.git"));
    }
    // A lone flush-pkt asks whether the client would be let in.
    assert_eq!(lab.engine_receives_raw("ours.git", b"0000"), b"");
    assert_eq!(lab.engine_receives_raw("ours.git", b""), b"");
}

#[test]
fn a_lock_that_somebody_else_holds_is_respected() {
    let case = Case::new(&[("core.packedRefsTimeout", "20")]);
    for (lock, old, new, name) in [
        ("refs/heads/main.lock", &case.b, case.c.as_str(), "refs/heads/main"),
        ("packed-refs.lock", &case.a, ZERO, "refs/heads/topic"),
    ] {
        let path = case.lab.path("base.git").join(lock);
        write(&path, b"");
        let push = case.push(old, new, name);
        let lab = &case.lab;
        case.fresh();
        let ours = lab.engine_receives("ours.git", &push.bytes());
        let gits = lab.git_receives("gits.git", &push.bytes());
        assert_eq!(ours.report, gits.report);
        let plain =
            |line: &String| line.replace(&format!("{}/./", lab.path("gits.git").display()), "");
        assert_eq!(
            ours.messages.iter().map(plain).collect::<Vec<_>>(),
            gits.messages.iter().map(plain).collect::<Vec<_>>()
        );
        assert_eq!(files(&lab.path("ours.git")), files(&lab.path("base.git")));
        std::fs::remove_file(path).expect("removed");
    }
}

#[test]
fn files_for_others_to_get_are_kept_up_to_date() {
    let case = Case::new(&[("receive.unpackLimit", "1"), ("receive.updateServerInfo", "true")]);
    case.lab.git("base.git", &["update-server-info"]);
    let push = Push::new("").update(&case.b, &case.c, "refs/heads/main");
    case.same(&push.pack_whole(&case.lab, "work", &[&case.c, &format!("^{}", case.b)]));
    let read = |name: &str, file: &str| {
        let text = std::fs::read_to_string(case.lab.path(name).join(file)).expect("a file");
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    for file in ["info/refs", "objects/info/packs"] {
        assert_eq!(read("ours.git", file), read("gits.git", file));
    }
}

/// Without `receive.updateServerInfo` git leaves the file alone; ours is what git would make of it.
#[test]
fn info_refs_is_told_what_has_moved() {
    let case = Case::new(&[]);
    case.lab.git("base.git", &["update-ref", "refs/heads/deep/er", &case.a]);
    case.lab.git("base.git", &["pack-refs", "--all"]);
    case.lab.git("base.git", &["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
    case.lab.git("base.git", &["update-server-info"]);
    let tag = case.lab.git("work", &["rev-parse", "v1"]);
    for push in [
        case.push(&case.b, &case.c, "refs/heads/main"),
        case.push(ZERO, &case.c, "refs/heads/a-new-one"),
        case.push(ZERO, &tag, "refs/tags/v2"),
        case.push(&tag, ZERO, "refs/tags/v1"),
        case.push(ZERO, &case.c, "refs/heads/zz").update(&case.a, ZERO, "refs/heads/topic"),
        case.push(&case.b, &case.c, "refs/heads/alias"),
    ] {
        case.fresh();
        let answer = case.lab.engine_receives("ours.git", &push.bytes());
        assert!(!answer.report.contains("ng "), "{answer:?}");
        let path = case.lab.path("ours.git/info/refs");
        let ours = std::fs::read_to_string(&path).expect("a file");
        case.lab.git("ours.git", &["update-server-info"]);
        assert_eq!(ours, std::fs::read_to_string(&path).expect("a file"));
    }
}

/// A pack of blobs: deltas on bases of the repository, and on ones in the pack.
#[test]
fn the_end_of_resolving_deltas_is_told() {
    let case = Case::new(&[("receive.unpackLimit", "1"), ("receive.fsckObjects", "false")]);
    let lab = &case.lab;
    let content: Vec<Vec<u8>> = (0..3u8).map(|seed| vec![seed; 100]).collect();
    let bases: Vec<[u8; 20]> = content
        .iter()
        .map(|content| {
            lab.git_with("base.git", &["hash-object", "-w", "--stdin"], content, &[]);
            oid("blob", content)
        })
        .collect();
    for (thin, whole, missing) in [
        (0, 0, 0),
        (0, 1, 0),
        (0, 3, 0),
        (1, 0, 0),
        (1, 2, 0),
        (3, 0, 0),
        (3, 1, 0),
        (0, 0, 1),
        (0, 2, 1),
        (1, 1, 1),
        (2, 0, 2),
    ] {
        for capabilities in ["", "quiet"] {
            let mut forge = Forge::new();
            let base = forge.whole(BLOB, &[9; 100]);
            for number in 0..whole {
                forge.ofs_delta(base, &append(100, &[10, number]));
            }
            for base in &bases[..thin] {
                forge.ref_delta(base, &append(100, b"x"));
            }
            for number in 0..missing {
                forge.ref_delta(&[number + 1; 20], &append(100, b"x"));
            }
            let mut push = Push::new(capabilities).update(ZERO, &case.a, "refs/heads/new");
            push.pack = forge.finish();
            case.fresh();
            let ours = lab.engine_receives("ours.git", &push.bytes());
            let gits = lab.git_receives("gits.git", &push.bytes());
            let lines = |answer: &Answer| {
                let mut lines = answer.told.split(['\r', '\n']);
                let last = lines.rfind(|line| line.starts_with("Resolving deltas"));
                (last.map(str::to_owned), answer.fatal().map(str::to_owned))
            };
            assert_eq!(lines(&ours), lines(&gits), "{thin} {whole} {missing} {capabilities}");
            let is_told = capabilities.is_empty() && thin + usize::from(whole + missing) > 0;
            assert_eq!(lines(&ours).0.is_some(), is_told);
            assert_eq!(ours.report, gits.report);
        }
    }
}
