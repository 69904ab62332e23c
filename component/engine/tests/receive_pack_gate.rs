//! Who decides on a push, what it has changed, and what is removed of pushes that are dead.

mod support;

use gitwasi_engine::Error;
use gitwasi_engine::receive_pack::{self, Gate, Options, Push as Head, Pushed, Server};
use gitwasi_engine::storage::native::block_on;
use support::receive::{Case, Chunks, Push, ZERO, files, options};
use support::write;

/// Refuses refs by their names, and remembers what it was shown.
#[derive(Default)]
struct Refuses {
    names: Vec<&'static str>,
    shown: Vec<String>,
    fails: bool,
}

impl Gate for Refuses {
    async fn decide(&mut self, push: Head<'_>) -> Result<Vec<Option<String>>, Error> {
        if self.fails {
            return Err(Error::Unsupported("nobody to ask".into()));
        }
        self.shown.push(format!("{:?} {}", push.push_options, push.atomic));
        let decide = |update: &gitwasi_wire::receive_pack::RefUpdate| {
            let refused = self.names.iter().any(|name| update.name == *name);
            refused.then(|| format!("not {}", update.name))
        };
        Ok(push.ref_updates.iter().map(decide).collect())
    }
}

fn serve(case: &Case, push: &Push, gate: &mut Refuses) -> (String, Result<Pushed, Error>) {
    _ = std::fs::remove_dir_all(case.lab.path("ours.git"));
    case.lab.copy("base.git", "ours.git");
    let repository = case.lab.open("ours.git");
    let (mut input, mut output) = (Chunks::new(&push.bytes(), 100), Vec::new());
    let options = options();
    let served = receive_pack::serve(&repository, &mut input, gate, &options, &mut output);
    let pushed = block_on(served);
    (String::from_utf8_lossy(&output).into_owned(), pushed)
}

fn three(case: &Case, capabilities: &str) -> Push {
    Push::new(capabilities)
        .update(&case.b, &case.c, "refs/heads/main")
        .update(ZERO, &case.c, "refs/heads/new")
        .update(&case.a, ZERO, "refs/heads/topic")
        .pack(&case.lab, "work", &[&case.c, &format!("^{}", case.b)])
}

fn untouched(case: &Case) {
    assert_eq!(files(&case.lab.path("ours.git")), files(&case.lab.path("base.git")));
}

#[test]
fn single_refs_are_refused_with_a_reason_and_the_others_are_reported() {
    let case = Case::new(&[]);
    let mut gate = Refuses { names: vec!["refs/heads/new"], ..Refuses::default() };
    let (report, pushed) = serve(&case, &three(&case, ""), &mut gate);
    assert!(report.contains("ng refs/heads/new not refs/heads/new\n"), "{report}");
    let names: Vec<_> =
        pushed.expect("pushed").ref_updates.iter().map(|update| update.name.to_string()).collect();
    assert_eq!(names, ["refs/heads/main", "refs/heads/topic"]);
    assert_eq!(case.lab.git("ours.git", &["rev-parse", "main"]), case.c);
}

#[test]
fn a_push_that_is_refused_whole_is_not_read() {
    let case = Case::new(&[]);
    let names = vec!["refs/heads/new", "refs/heads/main", "refs/heads/topic"];
    let mut gate = Refuses { names, ..Refuses::default() };
    let mut push = three(&case, "");
    push.pack = b"no pack at all".to_vec();
    let (report, pushed) = serve(&case, &push, &mut gate);
    assert!(report.contains("unpack ok\n") && !report.contains("ok refs/"), "{report}");
    assert_eq!(pushed.expect("answered"), Pushed::default());
    untouched(&case);
}

#[test]
fn an_atomic_push_with_one_refused_ref_is_refused_whole() {
    let case = Case::new(&[]);
    let mut gate = Refuses { names: vec!["refs/heads/new"], ..Refuses::default() };
    let (report, _) = serve(&case, &three(&case, "atomic"), &mut gate);
    assert!(report.contains("ng refs/heads/new not refs/heads/new\n"), "{report}");
    assert!(report.contains("ng refs/heads/main atomic push failure\n"), "{report}");
    untouched(&case);
    // So it is when a ref is hidden, where git moves the others.
    case.lab.git("base.git", &["config", "receive.hideRefs", "refs/heads/new"]);
    let (report, _) = serve(&case, &three(&case, "atomic"), &mut Refuses::default());
    assert!(report.contains("ng refs/heads/new deny updating a hidden ref\n"), "{report}");
    assert!(report.contains("ng refs/heads/main atomic push failure\n"), "{report}");
    untouched(&case);
}

#[test]
fn the_gate_is_shown_push_options_and_may_fail() {
    let case = Case::new(&[("receive.advertisePushOptions", "true")]);
    let mut gate = Refuses::default();
    let mut push = three(&case, "atomic push-options");
    push.options = vec!["a=b".into(), "c".into()];
    let (_, pushed) = serve(&case, &push, &mut gate);
    assert_eq!(pushed.expect("pushed").ref_updates.len(), 3);
    assert_eq!(gate.shown, [r#"["a=b", "c"] true"#]);
    gate.fails = true;
    let (report, pushed) = serve(&case, &push, &mut gate);
    assert!(pushed.is_err() && report.contains("ERR "), "{report}");
    untouched(&case);
}

#[test]
fn what_was_not_advertised_is_refused() {
    let case = Case::new(&[]);
    for capabilities in ["push-options", "object-format=sha256"] {
        let (report, pushed) = serve(&case, &three(&case, capabilities), &mut Refuses::default());
        assert!(pushed.is_err() && report.contains("ERR "), "{report}");
        untouched(&case);
    }
}

#[test]
fn a_delete_that_finds_nothing_is_no_event() {
    let case = Case::new(&[]);
    let push = Push::new("").update(ZERO, ZERO, "refs/heads/nope");
    let (report, pushed) = serve(&case, &push, &mut Refuses::default());
    assert!(report.contains("ok refs/heads/nope"), "{report}");
    assert_eq!(pushed.expect("answered"), Pushed::default());
}

/// The names and the old oids of what a push has moved.
fn moved(pushed: Result<Pushed, Error>) -> Vec<(String, String)> {
    let updates = pushed.expect("answered").ref_updates.into_iter();
    updates.map(|update| (update.name.to_string(), update.old_oid.to_string())).collect()
}

#[test]
fn what_is_deleted_is_told_as_it_really_was_and_once() {
    let case = Case::new(&[]);
    let unknown = "1".repeat(40);
    let push = Push::new("").update(&unknown, ZERO, "refs/heads/topic");
    let push = push.update(&unknown, ZERO, "refs/heads/topic");
    let (report, pushed) = serve(&case, &push, &mut Refuses::default());
    assert_eq!(report.matches("ok refs/heads/topic").count(), 2, "{report}");
    assert_eq!(moved(pushed), [("refs/heads/topic".to_owned(), case.a.clone())]);
}

#[test]
fn a_symbolic_ref_moves_only_with_what_it_points_to() {
    let case = Case::new(&[("receive.denyNonFastForwards", "true")]);
    case.lab.git("base.git", &["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
    for (new, expected) in [(&case.d, 0), (&case.c, 2)] {
        let push = Push::new("").update(&case.b, new, "refs/heads/main");
        let push = push.update(&case.b, new, "refs/heads/alias");
        let push = push.pack(&case.lab, "work", &[new, &format!("^{}", case.b)]);
        // Git, too, says that the symbolic ref is done.
        case.same_but_objects(&push);
        let (report, pushed) = serve(&case, &push, &mut Refuses::default());
        assert!(report.contains("ok refs/heads/alias"), "{report}");
        assert_eq!(moved(pushed).len(), expected, "{report}");
    }
    // All or nothing: somebody has a lock.
    write(&case.lab.path("base.git/refs/heads/main.lock"), b"");
    let push = Push::new("atomic").update(&case.b, &case.c, "refs/heads/main");
    let push = push.update(&case.b, &case.c, "refs/heads/alias");
    let push = push.pack(&case.lab, "work", &[&case.c, &format!("^{}", case.b)]);
    let (report, pushed) = serve(&case, &push, &mut Refuses::default());
    assert!(report.contains("ng refs/heads/alias atomic transaction failed"), "{report}");
    assert_eq!(moved(pushed), []);
}

#[test]
fn only_old_leftovers_are_swept() {
    let case = Case::new(&[]);
    let quarantine = case.lab.path("base.git/objects/tmp_objdir-incoming-0123456789abcdef");
    std::fs::create_dir_all(quarantine.join("pack")).expect("made");
    write(&quarantine.join("pack/tmp_pack_incoming"), b"PACK");
    write(&quarantine.join("lock-refs%2Fheads%2Fmain"), b"");
    write(&quarantine.join("lock-refs%2Fheads%2Ftopic"), b"");
    // One lock that is ours, and one that somebody has taken since.
    let lock = |name: &str| case.lab.path("base.git/refs/heads").join(name);
    std::fs::hard_link(quarantine.join("lock-refs%2Fheads%2Fmain"), lock("main.lock"))
        .expect("linked");
    write(&lock("topic.lock"), b"");
    let repository = case.lab.open("base.git");
    block_on(receive_pack::sweep(&repository, &options())).expect("swept");
    assert!(quarantine.exists() && lock("main.lock").exists());
    let (report, _) = serve(&case, &three(&case, ""), &mut Refuses::default());
    assert!(report.contains("ng refs/heads/main failed to update ref"), "{report}");
    let at_once = Options { stale_after: 0, ..options() };
    block_on(receive_pack::sweep(&repository, &at_once)).expect("swept");
    assert!(!quarantine.exists() && !lock("main.lock").exists() && lock("topic.lock").exists());
}

#[test]
fn leftovers_of_an_earlier_run_are_swept_however_young() {
    let case = Case::new(&[]);
    let left = |name: &str| {
        let path = case.lab.path("base.git/objects").join(format!("tmp_objdir-incoming-{name}"));
        write(&path, b"");
        path
    };
    let ours = left("aa11220123456789abcdef.lock-refs%2Fheads%2Fmain");
    let theirs = left("bb11220123456789abcdef.lock-refs%2Fheads%2Fmain");
    let nobodys = left("0123456789abcdef.lock-refs%2Fheads%2Fmain");
    let repository = case.lab.open("base.git");
    let sweep = |since| {
        let server = Some(Server { mark: "aa1122".into(), since });
        block_on(receive_pack::sweep(&repository, &Options { server, ..options() }))
            .expect("swept");
    };
    sweep(0);
    sweep(1_000_000_000);
    assert!(ours.exists(), "it may be of this run");
    sweep(u64::MAX);
    assert!(!ours.exists() && theirs.exists() && nobodys.exists());
}

/// Files that older versions of git wrote, or nobody sorted.
#[test]
fn packed_refs_of_any_kind_are_rewritten_as_git_does() {
    let case = Case::new(&[]);
    let path = case.lab.path("base.git/packed-refs");
    let text = std::fs::read_to_string(&path).expect("a file");
    let lines: Vec<&str> = text.lines().skip(1).collect();
    let plain: String = lines
        .iter()
        .filter(|line| !line.starts_with('^'))
        .map(|line| format!("{line}\n"))
        .collect();
    let peeled = format!("# pack-refs with: peeled \n{}\n", lines.join("\n"));
    for content in [peeled, format!("# pack-refs with: sorted \n{plain}")] {
        write(&path, content.as_bytes());
        case.same(&case.push(&case.a, ZERO, "refs/heads/topic"));
        let read = |name: &str| std::fs::read(case.lab.path(name).join("packed-refs"));
        assert_eq!(read("ours.git").expect("a file"), read("gits.git").expect("a file"));
    }
}
