//! What git's process refuses after it has unpacked a push leaves the repository byte for byte as it
//! was, and is told in git's own words.

use std::path::Path;
use std::time::Duration;
use std::{fs, thread};

use e2e::http::pkt_line;
use e2e::tree::Tree;
use e2e::{
    Backend, Cell, Ending, ObjectFormat, Repository, Request, Server, Setup, World, command,
    process,
};
use rustix::process::Signal;

use crate::hooks::hook;

/// What makes git's process look twice at every update of a ref.
const FAST_FORWARDS: (&str, &str) = ("receive.denyNonFastForwards", "true");

fn world_of(format: ObjectFormat) -> World {
    World::new(Cell { backend: Backend::GitProcess, format, ..Cell::DEFAULT })
}

fn world() -> World {
    world_of(ObjectFormat::Sha1)
}

fn serve(world: &World) -> Server {
    world.serve(&Setup::default().allow_push())
}

/// A repository beside the served one, with all that it has and a commit more on each of `main` and
/// `other`, which is no descendant of `main`.
fn source(world: &World, repository: &Repository) -> Repository {
    let path = world.beside("source.git");
    let [from, to] = [repository.path(), &path].map(|path| path.to_str().unwrap());
    world.git().run(["clone", "--quiet", "--bare", "--no-local", from, to]);
    let source = Repository::at(world.git(), &path);
    source.git().run(["branch", "other", "main~1"]);
    source.commit("other", "other", b"other\n");
    source.commit("main", "new", b"new\n");
    source
}

/// The body of a push of `updates` (old, new, name), whose pack has what is new in `source`.
fn push(source: &Repository, updates: &[(&str, &str, &str)], capabilities: &str) -> Vec<u8> {
    let format = source.git().run(["rev-parse", "--show-object-format"]);
    let mut end = format!("\0report-status {capabilities} object-format={format}");
    let mut head = String::new();
    for (old, new, name) in updates {
        head.push_str(&pkt_line(&format!("{old} {new} {name}{end}")));
        end.clear();
    }
    let is_zero = |oid: &str| oid.bytes().all(|digit| digit == b'0');
    let new = updates.iter().map(|(_, new, _)| *new).filter(|new| !is_zero(new));
    let revisions = new.map(|new| format!("{new}\n")).chain(["^main~1\n".to_owned()]);
    let revisions: String = revisions.collect();
    let pack = source
        .git()
        .feed(["pack-objects", "--revs", "--thin", "--stdout", "-q"], revisions.as_bytes())
        .succeeded()
        .stdout;
    [head.as_bytes(), b"0000", &pack].concat()
}

fn zero(repository: &Repository) -> String {
    "0".repeat(repository.oid("HEAD").len())
}

fn copy_directory(from: &Path, to: &Path) {
    let mut copy = std::process::Command::new("cp");
    let _ = command::run(copy.arg("-a").args([from, to]), b"").succeeded();
}

/// What `git receive-pack` answers in a copy of the repository.
fn of_git(world: &World, repository: &Repository, request: &[u8]) -> Vec<u8> {
    let copy = world.beside("copied.git");
    copy_directory(repository.path(), &copy);
    let answer = world
        .git()
        .feed(["receive-pack", "--stateless-rpc", copy.to_str().unwrap()], request)
        .succeeded()
        .stdout;
    fs::remove_dir_all(copy).unwrap();
    answer
}

/// The report and the messages of a response in side-band, without the progress.
fn parted(mut response: &[u8]) -> (String, String) {
    let mut bands = [Vec::new(), Vec::new()];
    while let Some((length, rest)) = response.split_first_chunk::<4>() {
        let length = usize::from_str_radix(std::str::from_utf8(length).unwrap(), 16).unwrap();
        let (packet, rest) = rest.split_at(length.saturating_sub(4));
        if let Some((band, data)) = packet.split_first() {
            bands[usize::from(*band) - 1].extend_from_slice(data);
        }
        response = rest;
    }
    let [report, messages] = bands.map(|band| String::from_utf8(band).unwrap());
    let lines = messages.split_inclusive(['\r', '\n']).map(str::trim_start);
    let is_message = |line: &&str| !line.ends_with('\r') && !line.ends_with(", done.\n");
    (report, lines.filter(is_message).collect())
}

/// Pushes what git refuses altogether; returns the report.
#[track_caller]
fn refused_alike(
    world: &World,
    repository: &Repository,
    url: &str,
    source: &Repository,
    updates: &[(&str, &str, &str)],
    capabilities: &str,
) -> String {
    let server = serve(world);
    let before = Tree::read(repository.path());
    let ask = |request: &[u8]| {
        let asked = Request::service(url, "git-receive-pack", request);
        let answer = server.ask(&asked).expect(200).body;
        before.assert_unchanged(repository.path());
        answer
    };
    let plain = push(source, updates, capabilities);
    let report = ask(&plain);
    assert_eq!(
        report.escape_ascii().to_string(),
        of_git(world, repository, &plain).escape_ascii().to_string()
    );
    for more in ["side-band-64k quiet", "side-band-64k"] {
        let banded = push(source, updates, &format!("{capabilities} {more}"));
        let answer = ask(&banded);
        assert!(answer.ends_with(b"0000"));
        assert_eq!(parted(&answer), parted(&of_git(world, repository, &banded)), "{more}");
    }
    let report = String::from_utf8(report).unwrap();
    assert!(report.contains("ng ") && !report.contains("ok refs"), "{report}");
    report
}

/// The same for one ref of `app.git`, in a repository with one more setting.
#[track_caller]
fn one_refused(setting: (&str, &str), old: &str, new: &str, name: &str, reason: &str) {
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        let world = world_of(format);
        let repository = world.small("app.git");
        repository.set(setting.0, setting.1);
        let source = source(&world, &repository);
        let old = if old.is_empty() { zero(&repository) } else { repository.oid(old) };
        let updates = [(&*old, &*source.oid(new), name)];
        let report = refused_alike(&world, &repository, "/app.git", &source, &updates, "");
        assert!(report.contains(reason), "{report}");
    }
}

const NOTHING: (&str, &str) = ("gitwasi.test", "true");

#[test]
fn stale_update_leaves_nothing() {
    one_refused(NOTHING, "main~1", "main", "refs/heads/main", "failed to update ref");
}

#[test]
fn new_ref_that_exists_leaves_nothing() {
    one_refused(NOTHING, "", "main", "refs/heads/main", "failed to update ref");
}

#[test]
fn update_of_a_ref_that_does_not_exist_leaves_nothing() {
    one_refused(NOTHING, "main", "main", "refs/heads/none", "failed to update ref");
}

#[test]
fn ref_below_another_leaves_nothing() {
    one_refused(NOTHING, "", "main", "refs/heads/main/x", "failed to update ref");
}

#[test]
fn ref_above_another_leaves_nothing() {
    one_refused(NOTHING, "", "main", "refs/tags", "funny refname");
    let world = world();
    let repository = world.small("app.git");
    repository.git().run(["branch", "topic/one", "main"]);
    let source = source(&world, &repository);
    let updates = [(&*zero(&repository), &*source.oid("main"), "refs/heads/topic")];
    refused_alike(&world, &repository, "/app.git", &source, &updates, "");
    repository.git().run(["pack-refs", "--all"]);
    refused_alike(&world, &repository, "/app.git", &source, &updates, "");
}

#[test]
fn funny_name_leaves_nothing() {
    one_refused(NOTHING, "", "main", "refs/heads/a..b", "funny refname");
}

#[test]
fn non_fast_forward_leaves_nothing() {
    one_refused(FAST_FORWARDS, "main", "other", "refs/heads/main", "non-fast-forward");
}

#[test]
fn hidden_ref_leaves_nothing() {
    let hidden = ("receive.hideRefs", "refs/hidden");
    one_refused(hidden, "", "main", "refs/hidden/x", "deny updating a hidden ref");
}

#[test]
fn branch_that_is_checked_out_is_refused_and_leaves_nothing() {
    let world = world();
    let bare = world.small("bare.git");
    let tree = world.root().join("tree");
    let [from, to] = [bare.path(), &tree].map(|path| path.to_str().unwrap());
    world.git().run(["clone", "--quiet", from, to]);
    let repository = Repository::at(world.git(), &tree.join(".git"));
    let source = source(&world, &repository);
    let (old, new) = (repository.oid("main"), source.oid("main"));
    let updates = [(&*old, &*new, "refs/heads/main")];
    let report = refused_alike(&world, &repository, "/tree", &source, &updates, "");
    assert!(report.contains("branch is currently checked out"), "{report}");
}

#[test]
fn branch_that_a_linked_worktree_has_is_refused_and_leaves_nothing() {
    let world = world();
    let repository = world.small("app.git");
    let linked = world.beside("linked");
    repository.git().run(["worktree", "add", "--quiet", linked.to_str().unwrap(), "main"]);
    let source = source(&world, &repository);
    let (old, new) = (repository.oid("main"), source.oid("main"));
    let updates = [(&*old, &*new, "refs/heads/main")];
    let report = refused_alike(&world, &repository, "/app.git", &source, &updates, "");
    assert!(report.contains("branch is currently checked out"), "{report}");
}

#[test]
fn delete_and_update_that_are_both_refused_leave_nothing() {
    let world = world();
    let repository = world.small("app.git");
    repository.set("receive.denyDeletes", "true");
    let source = source(&world, &repository);
    let (old, new) = (repository.oid("main~1"), source.oid("main"));
    let (side, zero) = (repository.oid("side"), zero(&repository));
    let updates = [(&*side, &*zero, "refs/heads/side"), (&*old, &*new, "refs/heads/main")];
    let report = refused_alike(&world, &repository, "/app.git", &source, &updates, "");
    assert!(report.contains("deletion prohibited"), "{report}");
}

#[test]
fn atomic_push_with_one_ref_refused_leaves_nothing() {
    let world = world();
    let repository = world.small("app.git");
    let source = source(&world, &repository);
    let (new, zero) = (source.oid("main"), zero(&repository));
    let updates = [(&*zero, &*new, "refs/heads/new"), (&*zero, &*new, "refs/heads/main")];
    let report = refused_alike(&world, &repository, "/app.git", &source, &updates, "atomic");
    assert!(report.contains("ng refs/heads/new"), "{report}");
}

#[test]
fn branch_at_what_is_no_commit_leaves_nothing() {
    let world = world();
    let repository = world.small("app.git");
    let source = source(&world, &repository);
    let (zero, side) = (zero(&repository), repository.oid("side"));
    for (old, revision, name) in
        [(&zero, "main:new", "refs/heads/new"), (&side, "main^{tree}", "refs/heads/side")]
    {
        let updates = [(&**old, &*source.oid(revision), name)];
        refused_alike(&world, &repository, "/app.git", &source, &updates, "");
    }
}

#[test]
fn repository_that_borrows_objects_is_left_alone_or_takes_the_push() {
    let world = world();
    let lender = world.small("lender.git");
    let path = world.root().join("app.git");
    let [from, to] = [lender.path(), &path].map(|path| path.to_str().unwrap());
    world.git().run(["clone", "--quiet", "--bare", "--shared", from, to]);
    let repository = Repository::at(world.git(), &path);
    repository.set(FAST_FORWARDS.0, FAST_FORWARDS.1);
    let source = source(&world, &repository);
    let old = repository.oid("main");
    let server = serve(&world);
    for (new, accepted) in [("other", false), ("main", true)] {
        let before = Tree::read(repository.path());
        let updates = [(&*old, &*source.oid(new), "refs/heads/main")];
        let request = push(&source, &updates, "");
        let theirs = of_git(&world, &repository, &request);
        let asked = Request::service("/app.git", "git-receive-pack", &request);
        assert_eq!(server.ask(&asked).expect(200).body, theirs);
        assert_eq!(repository.oid("main") == source.oid("main"), accepted);
        if !accepted {
            before.assert_unchanged(repository.path());
        }
    }
    assert_no_quarantine(&repository);
    repository.fsck();
}

#[test]
fn ref_of_a_namespace_leaves_nothing() {
    let world = world();
    let repository = world.small("app.git");
    repository.git().run(["update-ref", "refs/namespaces/team/refs/heads/main", "main"]);
    let source = source(&world, &repository);
    let before = Tree::read(repository.path());
    let server = world.serve(&Setup::default().allow_push().namespace("team"));
    let updates = [(&*zero(&repository), &*source.oid("main"), "refs/heads/main")];
    let request = push(&source, &updates, "");
    let asked = Request::service("/app.git", "git-receive-pack", &request);
    let answer = server.ask(&asked).expect(200);
    assert!(answer.text().contains("ng refs/heads/main failed to update ref"), "{answer:?}");
    before.assert_unchanged(repository.path());
    let updates = [(&*repository.oid("main"), &*source.oid("main"), "refs/heads/main")];
    let request = push(&source, &updates, "");
    let asked = Request::service("/app.git", "git-receive-pack", &request);
    assert!(server.ask(&asked).expect(200).text().contains("ok refs/heads/main"));
    assert_eq!(repository.oid("refs/namespaces/team/refs/heads/main"), source.oid("main"));
    assert_no_quarantine(&repository);
}

#[test]
fn what_the_engine_hands_to_git_leaves_nothing_either() {
    let world = World::new(Cell { backend: Backend::Gitwasi, ..Cell::DEFAULT });
    let repository = world.small("app.git");
    repository.set("core.sharedRepository", "group");
    let source = source(&world, &repository);
    let updates = [(&*zero(&repository), &*source.oid("main"), "refs/heads/main")];
    refused_alike(&world, &repository, "/app.git", &source, &updates, "");
}

#[test]
fn settings_that_are_included_count() {
    let world = world();
    let repository = world.small("app.git");
    repository.set("include.path", "more");
    let more = repository.path().join("more");
    fs::write(&more, "[receive]\n\tdenyNonFastForwards = true\n").unwrap();
    let source = source(&world, &repository);
    let (old, new) = (repository.oid("main"), source.oid("other"));
    let updates = [(&*old, &*new, "refs/heads/main")];
    let report = refused_alike(&world, &repository, "/app.git", &source, &updates, "");
    assert!(report.contains("non-fast-forward"), "{report}");

    repository.set("core.bare", "false");
    fs::write(&more, "[receive]\n\tdenyCurrentBranch = ignore\n").unwrap();
    let server = serve(&world);
    source.git().run(["push", "--quiet", "--force", &server.url("app.git"), "other:main"]);
    assert_eq!(repository.oid("main"), new);
}

#[test]
fn settings_that_depend_on_the_directory_count() {
    let world = world();
    let repository = world.small("app.git");
    repository.set("includeIf.gitdir:**/*.git.path", "more");
    fs::write(repository.path().join("more"), "[receive]\n\tdenyNonFastForwards\n").unwrap();
    let source = source(&world, &repository);
    let (old, new) = (repository.oid("main"), source.oid("other"));
    let updates = [(&*old, &*new, "refs/heads/main")];
    let report = refused_alike(&world, &repository, "/app.git", &source, &updates, "");
    assert!(report.contains("non-fast-forward"), "{report}");

    repository.set("receive.fsckObjects", "true");
    repository.set("receive.fsck.skipList", "skip");
    fs::write(repository.path().join("skip"), "").unwrap();
    let identity = "nobody <> 1 +0000";
    let tree = source.oid("main^{tree}");
    let commit = format!("tree {tree}\nparent {old}\nauthor nobody 1\ncommitter {identity}\n\nx\n");
    let write = ["hash-object", "-w", "-t", "commit", "--literally", "--stdin"];
    let bad = source.git().feed(write, commit.as_bytes()).succeeded().text();
    let updates = [(&*old, bad.trim(), "refs/heads/main")];
    let report = refused_alike(&world, &repository, "/app.git", &source, &updates, "");
    assert!(report.contains("unpack ") && !report.contains("unpack ok"), "{report}");

    fs::write(repository.path().join("skip"), &bad).unwrap();
    let request = push(&source, &updates, "");
    let asked = Request::service("/app.git", "git-receive-pack", &request);
    let report = serve(&world).ask(&asked).expect(200).text();
    assert!(report.contains("ok refs/heads/main"), "{report}");
}

#[test]
fn two_names_of_one_ref_leave_nothing() {
    let world = world();
    let repository = world.small("app.git");
    repository.git().run(["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
    let source = source(&world, &repository);
    let (old, main, other) = (repository.oid("main"), source.oid("main"), source.oid("other"));
    let updates = [(&*old, &*main, "refs/heads/main"), (&*old, &*other, "refs/heads/alias")];
    for _ in 0..2 {
        let report = refused_alike(&world, &repository, "/app.git", &source, &updates, "");
        assert!(report.contains("inconsistent aliased update"), "{report}");
        repository.git().run(["pack-refs", "--all"]);
    }
    let server = serve(&world);
    source.git().run(["push", "--quiet", &server.url("app.git"), "main:alias"]);
    assert_eq!(repository.oid("main"), main);
    assert_no_quarantine(&repository);
}

/// What the repository has is what git decides by, though it stands elsewhere or is covered.
#[test]
fn what_git_takes_a_rehearsal_takes() {
    let world = world();
    let repository = world.small("app.git");
    let (git, path) = (repository.git(), repository.path());
    // A packed ref whose commit is gone, covered by a loose one.
    let gone = git.run(["commit-tree", "-m", "gone", "main^{tree}"]);
    git.run(["branch", "covered", &gone]);
    git.run(["pack-refs", "--all"]);
    git.run(["update-ref", "refs/heads/covered", "main~1"]);
    fs::remove_file(path.join("objects").join(&gone[..2]).join(&gone[2..])).unwrap();
    // A replacement by which the next push is a fast-forward.
    repository.set(FAST_FORWARDS.0, FAST_FORWARDS.1);
    let source = source(&world, &repository);
    let other = source.oid("other");
    source.git().run(["push", "--quiet", path.to_str().unwrap(), "other:other"]);
    git.run(["replace", "--graft", &other, "main"]);
    // Settings that stand in a file of their own.
    repository.set("include.path", "more");
    fs::write(path.join("more"), "[extensions]\n\tunheardOf = x\n").unwrap();
    // There for the copy that git gets, too.
    for site in [world.root().join("site"), world.beside("site")] {
        fs::create_dir(site).unwrap();
    }
    repository.set("core.bare", "false");
    repository.set("core.worktree", "../site");
    repository.set("receive.denyCurrentBranch", "ignore");
    // More than the pipe to a git that ends at once would hold.
    source.add_incompressible(1 << 20);

    let server = serve(&world);
    let (main, big) = (repository.oid("main"), source.oid("big"));
    let updates =
        [(&*main, &*other, "refs/heads/main"), (&*zero(&repository), &*big, "refs/heads/big")];
    let request = push(&source, &updates, "");
    let theirs = of_git(&world, &repository, &request);
    let asked = Request::service("/app.git", "git-receive-pack", &request);
    assert_eq!(server.ask(&asked).expect(200).body, theirs);
    assert!(String::from_utf8_lossy(&theirs).contains("ok refs/heads/main"));
    assert_eq!(repository.oid("main"), other);
    assert_no_quarantine(&repository);
}

#[test]
fn shallow_client_may_push_a_new_branch_of_what_only_another_has() {
    let world = world();
    let repository = world.small("app.git");
    repository.commit("develop", "more", b"more\n");
    repository.set("receive.hideRefs", "refs/hidden");
    let server = serve(&world);
    let url = server.url("app.git");
    world.git().run(["clone", "--quiet", "--depth", "1", "--branch", "develop", &url, "copy"]);
    let copy = world.clone_at("copy/.git");
    copy.commit("develop", "new", b"new\n");
    copy.git().run(["push", "--quiet", "origin", "develop:feature"]);
    assert_eq!(repository.oid("feature"), copy.oid("develop"));
    assert_no_quarantine(&repository);
}

#[test]
fn name_that_no_file_can_have_leaves_nothing() {
    let world = world();
    let repository = world.small("app.git");
    let source = source(&world, &repository);
    let name = format!("refs/heads/{}", "a".repeat(300));
    let updates = [(&*zero(&repository), &*source.oid("main"), &*name)];
    let request = push(&source, &updates, "");
    let before = Tree::read(repository.path());
    let asked = Request::service("/app.git", "git-receive-pack", &request);
    let answer = serve(&world).ask(&asked).expect(200);
    assert_eq!(answer.body, of_git(&world, &repository, &request));
    assert!(answer.text().contains("failed to update ref"), "{answer:?}");
    before.assert_unchanged(repository.path());
}

#[test]
fn hooks_run_once_and_not_for_what_git_refuses() {
    let world = world();
    let repository = world.small("app.git");
    repository.set(FAST_FORWARDS.0, FAST_FORWARDS.1);
    for name in ["pre-receive", "update", "post-receive", "reference-transaction"] {
        hook(&repository, name, &format!("echo {name} runs; echo {name} >>ran"));
    }
    let source = source(&world, &repository);
    let before = Tree::read(repository.path());
    let server = world.serve(&Setup::default().allow_push().arguments(["--hooks", "on"]));
    let url = server.url("app.git");
    let outcome = source.git().refused(["push", "--force", &url, "other:main"]);
    outcome.says("[remote rejected] other -> main (non-fast-forward)");
    before.assert_unchanged(repository.path());

    let outcome = source.git().attempt(["push", &url, "main"]).succeeded();
    for name in ["pre-receive", "update", "post-receive"] {
        assert_eq!(outcome.stderr.matches(&format!("{name} runs")).count(), 1, "{outcome:?}");
    }
    let ran = fs::read_to_string(repository.path().join("ran")).unwrap();
    let count = |name: &str| ran.lines().filter(|line| *line == name).count();
    assert_eq!(["pre-receive", "update", "post-receive"].map(count), [1; 3], "{ran}");
    assert_no_quarantine(&repository);
}

#[test]
fn ref_that_a_hook_moves_is_left_to_it() {
    let world = world();
    let repository = world.small("app.git");
    repository.set("receive.procReceiveRefs", "refs/for");
    let script = "printf '000eversion=1\\n00000015ok refs/for/main\\n0000'; cat >taken";
    let source = source(&world, &repository);
    let updates = [(&*zero(&repository), &*source.oid("main"), "refs/for/main")];
    let report = refused_alike(&world, &repository, "/app.git", &source, &updates, "");
    assert!(report.contains("fail to run proc-receive hook"), "{report}");
    hook(&repository, "proc-receive", script);
    let server = world.serve(&Setup::default().allow_push().arguments(["--hooks", "on"]));
    let outcome = source.git().attempt(["push", &server.url("app.git"), "main:refs/for/main"]);
    outcome.succeeded().says("main -> refs/for/main");
    assert!(repository.path().join("taken").exists());
}

#[test]
fn push_into_reftables_leaves_nothing_or_is_taken() {
    let world = world();
    let path = world.root().join("app.git");
    let at = path.to_str().unwrap();
    world.git().run(["init", "--quiet", "--bare", "--ref-format=reftable", at]);
    let repository = Repository::at(world.git(), &path).small();
    repository.set(FAST_FORWARDS.0, FAST_FORWARDS.1);
    let source = source(&world, &repository);
    let old = repository.oid("main");
    let updates = [(&*old, &*source.oid("other"), "refs/heads/main")];
    let report = refused_alike(&world, &repository, "/app.git", &source, &updates, "");
    assert!(report.contains("non-fast-forward"), "{report}");
    let server = serve(&world);
    source.git().run(["push", "--quiet", &server.url("app.git"), "main"]);
    assert_eq!(repository.oid("main"), source.oid("main"));
    assert_no_quarantine(&repository);
    repository.fsck();

    // The git directory is in the work tree, and git names its files by their whole paths.
    repository.set("core.bare", "false");
    repository.set("core.worktree", "..");
    repository.set("receive.denyCurrentBranch", "ignore");
    source.commit("main", "newer", b"newer\n");
    source.git().run(["push", "--quiet", &server.url("app.git"), "main"]);
    assert_eq!(
        source.git().run(["ls-remote", &server.url("app.git"), "main"])[..40],
        source.oid("main")
    );
    assert_no_quarantine(&repository);
}

#[track_caller]
fn assert_no_quarantine(repository: &Repository) {
    let entries = fs::read_dir(repository.path().join("objects")).unwrap().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let left: Vec<_> = names.filter(|name| name.starts_with("tmp_")).collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn pushes_that_were_rehearsed_are_taken() {
    for commits in [1, 1000] {
        let world = world();
        let repository = world.small("app.git");
        repository.set(FAST_FORWARDS.0, FAST_FORWARDS.1);
        repository.set("receive.advertisePushOptions", "true");
        let source = source(&world, &repository);
        source.add_history(commits);

        source.git().run(["update-ref", "refs/heads/kept", &repository.oid("main")]);
        let history = source.oid("main");
        let ours = repository.oid("main");
        let merged = source.git().run([
            "commit-tree",
            "-p",
            &ours,
            "-p",
            &history,
            "-m",
            "merge",
            "main^{tree}",
        ]);
        let server = serve(&world);
        let destination = format!("{merged}:refs/heads/main");
        let url = server.url("app.git");
        let outcome = source.git().attempt(["push", "--progress", "-o", "x=y", &url, &destination]);
        let outcome = outcome.succeeded();
        if commits > 1 {
            outcome.says("remote: Resolving deltas");
        }
        assert_eq!(repository.oid("main"), merged);
        assert_no_quarantine(&repository);
        repository.fsck();
    }
}

#[test]
fn refused_push_of_a_client_shows_progress_and_each_message_once() {
    let world = world();
    let repository = world.small("app.git");
    repository.set(FAST_FORWARDS.0, FAST_FORWARDS.1);
    let source = source(&world, &repository);
    source.git().run(["symbolic-ref", "HEAD", "refs/heads/other"]);
    source.git().run(["update-ref", "-d", "refs/heads/main"]);
    source.add_history(200);
    let before = Tree::read(repository.path());
    let server = serve(&world);
    let push = ["push", "--progress", "--force", &server.url("app.git"), "main"];
    let outcome = source.git().refused(push);
    outcome.says("remote: Resolving deltas");
    outcome.says("[remote rejected] main -> main (non-fast-forward)");
    let message = "remote: error: denying non-fast-forward";
    assert_eq!(outcome.stderr.matches(message).count(), 1, "{outcome:?}");
    before.assert_unchanged(repository.path());
}

#[test]
fn push_of_which_one_ref_is_refused_is_answered_once() {
    let world = world();
    let repository = world.small("app.git");
    repository.set(FAST_FORWARDS.0, FAST_FORWARDS.1);
    let source = source(&world, &repository);
    let server = serve(&world);
    let (side, main) = (repository.oid("side"), repository.oid("main"));
    let (new, other) = (source.oid("main"), source.oid("other"));
    let updates = [(&*main, &*other, "refs/heads/main"), (&*side, &*new, "refs/heads/side")];
    for (updates, accepted) in
        [(&updates, false), (&[updates[0], (&main, &new, "refs/heads/main")], true)]
    {
        let request = push(&source, updates, "side-band-64k");
        let theirs = of_git(&world, &repository, &request);
        let asked = Request::service("/app.git", "git-receive-pack", &request);
        let ours = server.ask(&asked).expect(200).body;
        assert_eq!(parted(&ours), parted(&theirs));
        assert_eq!(parted(&ours).0.contains("ok refs/heads/main"), accepted);
        assert_eq!(repository.oid("main") == new, accepted);
        assert_no_quarantine(&repository);
    }
}

#[test]
fn push_options_of_a_refused_push_are_read() {
    let world = world();
    let repository = world.small("app.git");
    repository.set("receive.advertisePushOptions", "true");
    let source = source(&world, &repository);
    let zero = zero(&repository);
    let updates = [(&*zero, &*source.oid("main"), "refs/heads/main")];
    let plain = push(&source, &updates, "push-options");
    let end = plain.windows(8).position(|bytes| bytes == b"0000PACK").unwrap() + 4;
    let request = [&plain[..end], pkt_line("ci.skip").as_bytes(), b"0000", &plain[end..]].concat();
    let before = Tree::read(repository.path());
    let asked = Request::service("/app.git", "git-receive-pack", &request);
    let answer = serve(&world).ask(&asked).expect(200);
    assert_eq!(answer.body, of_git(&world, &repository, &request));
    assert!(answer.text().contains("ng refs/heads/main"), "{answer:?}");
    before.assert_unchanged(repository.path());
}

#[test]
fn pushes_at_once_are_all_taken() {
    const PUSHES: usize = 6;
    let world = world();
    let repository = world.small("app.git");
    repository.set("receive.hideRefs", "refs/hidden");
    let source = source(&world, &repository);
    let server = serve(&world);
    let url = server.url("app.git");
    for number in 0..PUSHES {
        source.commit(&format!("at-once/{number}"), "file", format!("{number}\n").as_bytes());
    }
    thread::scope(|scope| {
        for number in 0..PUSHES {
            let (source, url) = (&source, &url);
            scope.spawn(move || {
                source.git().run(["push", "--quiet", url, &format!("at-once/{number}")])
            });
        }
    });
    for number in 0..PUSHES {
        let branch = format!("at-once/{number}");
        assert_eq!(repository.oid(&branch), source.oid(&branch));
    }
    assert_no_quarantine(&repository);
    repository.fsck();
}

/// A push of a large pack that git would refuse, and the server.
fn large() -> (World, Repository, Server, Vec<u8>) {
    let world = world();
    let repository = world.small("app.git");
    repository.set(FAST_FORWARDS.0, FAST_FORWARDS.1);
    let source = source(&world, &repository);
    source.add_incompressible(24 << 20);
    let (main, big) = (repository.oid("main"), source.oid("big"));
    let request = push(&source, &[(&main, &big, "refs/heads/main")], "side-band-64k");
    let server = serve(&world);
    (world, repository, server, request)
}

fn git_processes(server: &Server, world: &World) -> Vec<u32> {
    let mut pids = process::descendants(server.pid());
    pids.extend(process::working_in(world.root()));
    pids.retain(|&pid| process::alive(pid));
    pids
}

#[track_caller]
fn assert_nothing_is_left(server: &Server, world: &World, before: &Tree, repository: &Repository) {
    let second = Duration::from_secs(1);
    assert!(process::eventually(second, || git_processes(server, world).is_empty()));
    process::eventually(second, || *before == Tree::read(repository.path()));
    before.assert_unchanged(repository.path());
}

#[test]
fn client_that_leaves_a_rehearsal_leaves_nothing() {
    let (world, repository, server, body) = large();
    let before = Tree::read(repository.path());
    let request = Request::service("/app.git", "git-receive-pack", &body).bytes();
    for part in [1000, request.len() / 3, request.len() - 10] {
        let mut connection = server.connect();
        let _ = connection.send(&request[..part]);
        let begun = || before != Tree::read(repository.path());
        assert!(process::eventually(Duration::from_secs(10), begun));
        drop(connection);
        assert_nothing_is_left(&server, &world, &before, &repository);
    }
    let answer = server.ask(&Request::service("/app.git", "git-receive-pack", &body)).expect(200);
    assert!(parted(&answer.body).0.contains("non-fast-forward"), "{answer:?}");
    before.assert_unchanged(repository.path());
}

#[test]
fn rehearsal_that_is_killed_breaks_the_response_and_leaves_nothing() {
    let (world, repository, server, body) = large();
    let before = Tree::read(repository.path());
    let request = Request::service("/app.git", "git-receive-pack", &body).bytes();
    let mut connection = server.connect();
    connection.send(&request[..request.len() / 2]).unwrap();
    let receives = |pid: &u32| process::command_line(*pid).contains("receive-pack --stateless");
    let mut found = None;
    process::eventually(Duration::from_secs(10), || {
        found = git_processes(&server, &world).into_iter().find(receives);
        found.is_some()
    });
    process::signal(found.unwrap(), Signal::KILL);
    let _ = connection.send(&request[request.len() / 2..]);
    let answer = connection.response("POST");
    assert!(answer.status != 200 || answer.ending != Ending::Complete, "{answer:?}");
    assert_nothing_is_left(&server, &world, &before, &repository);
}

#[test]
fn push_whose_rehearsal_dies_is_left_to_the_repository() {
    // Before it reads, in the middle of the request, and at its end.
    for read in ["", "head -c 1000000", "cat"] {
        let world = world();
        let repository = world.small("app.git");
        repository.set(FAST_FORWARDS.0, FAST_FORWARDS.1);
        let source = source(&world, &repository);
        source.add_incompressible(4 << 20);
        let (old, new, big) = (repository.oid("main"), source.oid("main"), source.oid("big"));
        let zero = zero(&repository);
        let updates = [(&*old, &*new, "refs/heads/main"), (&*zero, &*big, "refs/heads/big")];
        let request = push(&source, &updates, "atomic side-band-64k");
        let (git, died) = (world.beside("git"), world.beside("died"));
        let dies = format!("{read} > {}; exit 128", died.display());
        let script =
            format!("#!/bin/sh\ncase $(pwd) in */tmp_objdir-*) {dies} ;; esac\nexec git \"$@\"\n");
        command::write_program(&git, &script);
        let arguments = ["--sandbox", "off", "--git", git.to_str().unwrap()];
        let server = world.serve(&Setup::default().allow_push().arguments(arguments));
        let asked = Request::service("/app.git", "git-receive-pack", &request);
        let answer = server.ask(&asked).expect(200);
        assert!(died.exists(), "nothing was rehearsed");
        let report = parted(&answer.body).0;
        assert!(report.contains("ok refs/heads/main\n"), "{read:?}: {report:?}");
        assert_eq!([repository.oid("main"), repository.oid("big")], [new, big]);
        assert_no_quarantine(&repository);
        repository.fsck();
    }
}

#[test]
fn request_that_git_dies_of_ends_at_once_though_the_client_sends_on() {
    let (world, repository, server, body) = large();
    let before = Tree::read(repository.path());
    let end = body.windows(4).position(|bytes| bytes == b"0000").unwrap();
    let (old, new) = ("1".repeat(64), "2".repeat(64));
    let update = format!("{old} {new} refs/heads/main\0report-status object-format=sha256");
    let body = [pkt_line(&update).as_bytes(), &body[end..]].concat();
    let request = Request::service("/app.git", "git-receive-pack", &body).bytes();
    let mut connection = server.connect();
    connection.send(&request[..request.len() / 2]).unwrap();
    // The other half never comes.
    let answer = connection.response("POST");
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_nothing_is_left(&server, &world, &before, &repository);
}

#[test]
fn broken_pack_is_refused_in_gits_words() {
    let (world, repository, server, mut body) = large();
    let before = Tree::read(repository.path());
    let middle = body.len() / 2;
    body[middle] ^= 0x55;
    let asked = Request::service("/app.git", "git-receive-pack", &body);
    let answer = server.ask(&asked).expect(200);
    let theirs = of_git(&world, &repository, &body);
    assert_eq!(parted(&answer.body).0, parted(&theirs).0);
    assert!(parted(&theirs).0.contains("unpack "), "{answer:?}");
    before.assert_unchanged(repository.path());
}
