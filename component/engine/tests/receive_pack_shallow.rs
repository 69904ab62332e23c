//! Pushes from clients whose history is cut at several commits, answered by the engine and by the
//! installed git: the same report, refs and `shallow` file, and histories as long as git's.

mod support;

use support::Lab;
use support::receive::{Case, Push, ZERO};

/// The commits of a `shallow` file, in their order. Git leaves an empty file where it has looked
/// for a reason to cut and found none.
fn shallow(lab: &Lab, name: &str) -> Vec<String> {
    let file = std::fs::read_to_string(lab.path(name).join("shallow")).unwrap_or_default();
    let mut commits: Vec<_> = file.lines().map(str::to_owned).collect();
    commits.sort();
    commits
}

/// How many commits each ref reaches.
fn depths(lab: &Lab, name: &str) -> Vec<(String, String)> {
    let refs = lab.git(name, &["for-each-ref", "--format=%(refname)"]);
    let depth = |one: &str| (one.to_owned(), lab.git(name, &["rev-list", "--count", one, "--"]));
    refs.lines().map(depth).collect()
}

#[track_caller]
fn same(case: &Case, push: &Push) -> String {
    let report = case.same_but_objects(push);
    assert_eq!(shallow(&case.lab, "ours.git"), shallow(&case.lab, "gits.git"), "{report}");
    assert_eq!(depths(&case.lab, "ours.git"), depths(&case.lab, "gits.git"), "{report}");
    report
}

/// Makes a commit with the tree of its first parent; no ref is at it.
fn commit(lab: &Lab, name: &str, parents: &[&str]) -> String {
    let tree = format!("{}^{{tree}}", parents[0]);
    let mut arguments = vec!["commit-tree", "-m", "x", &tree];
    parents.iter().for_each(|parent| arguments.extend(["-p", parent]));
    lab.git(name, &arguments)
}

/// Puts commits on top of a branch.
fn advance(lab: &Lab, name: &str, branch: &str, count: usize) -> String {
    let mut tip = lab.git(name, &["rev-parse", branch]);
    for _ in 0..count {
        tip = commit(lab, name, &[&tip]);
    }
    lab.git(name, &["update-ref", &format!("refs/heads/{branch}"), &tip]);
    tip
}

fn fetch(lab: &Lab, client: &str, depth: usize, from: &str, what: &[&str]) {
    if !lab.path(client).exists() {
        lab.git("", &["init", "-q", "--bare", client]);
    }
    let (depth, url) = (format!("--depth={depth}"), format!("file://{}", lab.path(from).display()));
    lab.git(client, &[&["fetch", "-q", "--no-tags", &depth, &url], what].concat());
}

/// Adds what a client sends besides its ref updates: where its history is cut, and a pack.
fn sent_by(client: &str, lab: &Lab, push: Push, revisions: &[&str]) -> Push {
    Push { shallow: shallow(lab, client), ..push }.pack(lab, client, revisions)
}

/// Both settings of `receive.shallowUpdate`.
fn cases() -> [(bool, Case); 2] {
    let case = |allowed: &str| Case::new(&[("receive.shallowUpdate", allowed)]);
    [(false, case("false")), (true, case("true"))]
}

#[test]
fn a_branch_that_others_have_moved_on_is_known_below_its_new_cut() {
    for (_, case) in cases() {
        let lab = &case.lab;
        fetch(lab, "client", 1, "base.git", &["main"]);
        let feature = commit(lab, "client", &[&case.b]);
        let main = advance(lab, "base.git", "main", 3);
        fetch(lab, "client", 1, "base.git", &["main"]);
        assert_eq!(shallow(lab, "client").len(), 2);
        let push = Push::new("").update(ZERO, &feature, "refs/heads/feature");
        let push = sent_by("client", lab, push, &[&feature, &format!("^{main}")]);
        assert_eq!(same(&case, &push), "unpack ok\nok refs/heads/feature\n");
        let merge = commit(lab, "client", &[&feature, &main]);
        let push = Push::new("").update(&main, &merge, "refs/heads/main");
        let push = sent_by("client", lab, push, &[&merge, &format!("^{main}")]);
        assert!(!same(&case, &push).contains("ng "));
        assert_eq!(shallow(lab, "ours.git"), Vec::<String>::new());
    }
}

#[test]
fn a_branch_that_is_gone_does_not_cut_those_that_are_left() {
    for (_, case) in cases() {
        let lab = &case.lab;
        let main = advance(lab, "base.git", "main", 3);
        fetch(lab, "client", 1, "base.git", &["main", "topic"]);
        lab.git("base.git", &["update-ref", "-d", "refs/heads/topic"]);
        lab.git("base.git", &["update-ref", "-d", "refs/tags/v1"]);
        let new = commit(lab, "client", &[&case.a]);
        let push = Push::new("").update(ZERO, &new, "refs/heads/new");
        let push = sent_by("client", lab, push, &[&new, &format!("^{main}")]);
        assert_eq!(same(&case, &push), "unpack ok\nok refs/heads/new\n");
        assert_eq!(shallow(lab, "ours.git"), Vec::<String>::new());
    }
}

#[test]
fn what_a_hidden_ref_or_a_detached_head_reaches_is_not_cut() {
    for (_, case) in cases() {
        let lab = &case.lab;
        let kept = advance(lab, "base.git", "topic", 4);
        let below = lab.git("base.git", &["rev-parse", "topic~2"]);
        fetch(lab, "client", 1, "base.git", &["main", "topic"]);
        lab.git("base.git", &["update-ref", "refs/heads/topic", &below]);
        fetch(lab, "client", 1, "base.git", &["topic"]);
        lab.git("base.git", &["update-ref", "-d", "refs/heads/topic"]);
        let new = commit(lab, "client", &[&below]);
        let push = Push::new("").update(ZERO, &new, "refs/heads/new");
        let push = sent_by("client", lab, push, &[&new, &format!("^{}", case.b)]);
        lab.git("base.git", &["update-ref", "refs/secret/kept", &kept]);
        lab.git("base.git", &["config", "receive.hideRefs", "refs/secret"]);
        assert!(!same(&case, &push).contains("ng "));
        assert_eq!(shallow(lab, "ours.git"), Vec::<String>::new());
        lab.git("base.git", &["update-ref", "-d", "refs/secret/kept"]);
        lab.git("base.git", &["update-ref", "--no-deref", "HEAD", &kept]);
        assert!(!same(&case, &push).contains("ng "));
        assert_eq!(shallow(lab, "ours.git"), Vec::<String>::new());
    }
}

/// A commit of the future below others of the past, more of them than a walk looks at once
/// everything that is left is older.
#[test]
fn dates_that_lie_cut_nothing() {
    for (_, case) in cases() {
        let lab = &case.lab;
        let tree = format!("{}^{{tree}}", case.b);
        let dated = |parent: &str, date: usize| {
            let date = format!("{date} +0000");
            let arguments = ["commit-tree", "-m", "x", "-p", parent, &tree];
            let environment = [("GIT_COMMITTER_DATE", date.as_str())];
            let made = lab.git_with("base.git", &arguments, b"", &environment).stdout;
            String::from_utf8_lossy(&made).trim().to_owned()
        };
        let late = dated(&case.b, 2_000_000_000);
        let mut tip = late.clone();
        for number in 0..30 {
            tip = dated(&tip, 1_000_000_000 + number);
        }
        lab.git("base.git", &["update-ref", "refs/heads/late", &late]);
        lab.git("base.git", &["update-ref", "refs/heads/main", &tip]);
        fetch(lab, "client", 1, "base.git", &["main", "late"]);
        lab.git("base.git", &["update-ref", "-d", "refs/heads/late"]);
        let new = commit(lab, "client", &[&late]);
        let push = Push::new("").update(ZERO, &new, "refs/heads/new");
        let push = sent_by("client", lab, push, &[&new, &format!("^{tip}")]);
        assert_eq!(same(&case, &push), "unpack ok\nok refs/heads/new\n");
        assert_eq!(shallow(lab, "ours.git"), Vec::<String>::new());
    }
}

/// Makes a repository whose history is nowhere else; its tip.
fn elsewhere(lab: &Lab) -> String {
    lab.history("other", 5, &[]);
    lab.git("other", &["rev-parse", "main"])
}

#[test]
fn only_cuts_that_are_new_refuse_a_ref_or_become_our_own() {
    for (allowed, case) in cases() {
        let lab = &case.lab;
        let other = elsewhere(lab);
        let main = advance(lab, "base.git", "main", 3);
        fetch(lab, "client", 1, "base.git", &["main", "topic"]);
        fetch(lab, "client", 1, "other", &["main"]);
        let known = commit(lab, "client", &[&case.a, &main]);
        let mixed = commit(lab, "client", &[&case.a, &other]);
        let push = Push::new("").update(ZERO, &known, "refs/heads/known").update(
            ZERO,
            &mixed,
            "refs/heads/mixed",
        );
        let had = [format!("^{main}"), format!("^{}", case.a)];
        let push = sent_by("client", lab, push, &[&known, &mixed, &had[0], &had[1]]);
        let report = same(&case, &push);
        assert!(report.contains("ok refs/heads/known\n"), "{report}");
        assert_eq!(report.contains("ok refs/heads/mixed\n"), allowed, "{report}");
        let cut = if allowed { vec![other.clone()] } else { Vec::new() };
        assert_eq!(shallow(lab, "ours.git"), cut);
        // Git moves the others here, ours none, as with every other early reason.
        let atomic = Push { capabilities: push.capabilities.clone() + " atomic", ..push.clone() };
        if allowed {
            same(&case, &atomic);
        } else {
            case.fresh();
            let report = lab.engine_receives("ours.git", &atomic.bytes()).report;
            assert!(report.contains("ng refs/heads/known atomic push failure\n"), "{report}");
            assert!(report.contains("ng refs/heads/mixed shallow update not allowed\n"));
            assert_eq!(lab.all_refs("ours.git"), lab.all_refs("base.git"));
        }
        assert_eq!(shallow(lab, "ours.git"), cut);
        // The only ref that needs the cut is not moved.
        lab.git("base.git", &["config", "receive.hideRefs", "refs/secret"]);
        let push = Push { updates: Vec::new(), ..push }
            .update(ZERO, &known, "refs/heads/known")
            .update(ZERO, &mixed, "refs/secret/mixed");
        assert!(same(&case, &push).contains("ng refs/secret/mixed "));
        assert_eq!(shallow(lab, "ours.git"), Vec::<String>::new());
    }
}

/// Nothing that is left reaches what the new branch is on, which is there all the same.
#[test]
fn a_cut_that_no_ref_reaches_any_more_is_new() {
    for (allowed, case) in cases() {
        let lab = &case.lab;
        lab.git("base.git", &["update-ref", "refs/heads/gone", &case.a]);
        let gone = advance(lab, "base.git", "gone", 3);
        fetch(lab, "client", 1, "base.git", &["main", "gone"]);
        lab.git("base.git", &["update-ref", "-d", "refs/heads/gone"]);
        let new = commit(lab, "client", &[&gone]);
        let push = Push::new("").update(ZERO, &new, "refs/heads/new");
        let push = sent_by("client", lab, push, &[&new, &format!("^{}", case.b)]);
        assert_eq!(same(&case, &push).contains("ok refs/heads/new\n"), allowed);
        let cut = if allowed { vec![gone] } else { Vec::new() };
        assert_eq!(shallow(lab, "ours.git"), cut);
    }
}

#[test]
fn a_repository_that_is_cut_itself_takes_pushes_above_its_cuts() {
    for (allowed, case) in cases() {
        let lab = &case.lab;
        let other = elsewhere(lab);
        let main = advance(lab, "base.git", "main", 4);
        let url = format!("file://{}", lab.path("base.git").display());
        lab.git("", &["clone", "-q", "--bare", "--depth=3", &url, "cut.git"]);
        lab.git("cut.git", &["config", "receive.shallowUpdate", &allowed.to_string()]);
        let own = shallow(lab, "cut.git");
        assert_eq!(own.len(), 1);
        _ = std::fs::remove_dir_all(lab.path("base.git"));
        std::fs::rename(lab.path("cut.git"), lab.path("base.git")).expect("renamed");
        lab.git("base.git", &["update-ref", "refs/heads/below", "main~1"]);
        fetch(lab, "client", 9, "base.git", &["main"]);
        fetch(lab, "client", 1, "base.git", &["below"]);
        fetch(lab, "client", 1, "other", &["main"]);
        lab.git("base.git", &["update-ref", "-d", "refs/heads/below"]);
        assert_eq!(shallow(lab, "client").len(), 3);
        let (below, bottom) = (format!("{main}~1"), own[0].as_str());
        let on_cut = commit(lab, "client", &[bottom]);
        let on_below = commit(lab, "client", &[&lab.git("client", &["rev-parse", &below])]);
        let on_other = commit(lab, "client", &[&other, &on_cut]);
        let had = format!("^{main}");
        for (tip, is_new) in [(&on_cut, false), (&on_below, false), (&on_other, true)] {
            let push = Push::new("").update(ZERO, tip, "refs/heads/new");
            let push = sent_by("client", lab, push, &[tip, &had, &format!("^{bottom}")]);
            let report = same(&case, &push);
            assert_eq!(report.contains("ok refs/heads/new\n"), allowed || !is_new, "{report}");
        }
        let mut cut = own;
        cut.extend(allowed.then_some(other));
        cut.sort();
        assert_eq!(shallow(lab, "ours.git"), cut);
    }
}
