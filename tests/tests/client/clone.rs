//! Clones: everything that the server has, nothing else, in every object-format.

use e2e::cell::Scenario;
use e2e::{Cell, Setup, World, scenario};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(brings_every_ref_and_object),
    scenario!(mirror_equals_the_repository),
    scenario!(of_a_packed_repository_is_whole),
    scenario!(of_an_empty_repository_knows_its_object_format_and_branch),
    scenario!(of_one_branch_brings_only_it),
    scenario!(of_a_working_tree_reads_its_git_directory),
    scenario!(of_a_missing_repository_says_not_found),
];

fn brings_every_ref_and_object(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    let server = world.serve(&Setup::default());
    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
    let copy = world.clone_at("copy/.git");
    for (here, there) in [
        ("refs/remotes/origin/main", "refs/heads/main"),
        ("refs/remotes/origin/side", "refs/heads/side"),
        ("refs/tags/v1", "refs/tags/v1"),
        ("refs/tags/light", "refs/tags/light"),
    ] {
        assert_eq!(copy.oid(here), repository.oid(there), "{there}");
    }
    assert_eq!(copy.git().run(["rev-parse", "--show-object-format"]), cell.format.name());
    assert_eq!(copy.count_objects(), repository.count_objects());
    copy.fsck();
    let file = std::fs::read_to_string(world.work().join("copy/src/lib.rs")).unwrap();
    assert_eq!(file, "pub fn one() {}\npub fn two() {}\n");
}

fn mirror_equals_the_repository(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    repository.git().run(["update-ref", "refs/changes/1", "main"]);
    let server = world.serve(&Setup::default());
    world.git().run(["clone", "--quiet", "--mirror", &server.url("app.git"), "copy"]);
    assert_eq!(world.clone_at("copy").refs(), repository.refs());
}

fn of_a_packed_repository_is_whole(cell: Cell) {
    let world = World::new(cell);
    let repository = world.empty("app.git");
    repository.add_history(60);
    repository.set("repack.writeBitmaps", "true");
    repository.repack();
    repository.git().run(["pack-refs", "--all"]);
    let server = world.serve(&Setup::default());
    world.git().run(["clone", "--quiet", "--bare", &server.url("app.git"), "copy"]);
    assert_eq!(world.clone_at("copy").refs(), repository.refs());
    assert_eq!(world.clone_at("copy").count_objects(), repository.count_objects());
}

fn of_an_empty_repository_knows_its_object_format_and_branch(cell: Cell) {
    let world = World::new(cell);
    let repository = world.empty("empty.git");
    repository.git().run(["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    let server = world.serve(&Setup::default());
    let outcome = world.git().attempt(["clone", &server.url("empty.git"), "copy"]).succeeded();
    outcome.says("You appear to have cloned an empty repository");
    let copy = world.within("copy");
    if cell.protocol == e2e::Protocol::V2 {
        assert_eq!(copy.run(["symbolic-ref", "HEAD"]), "refs/heads/trunk");
        assert_eq!(copy.run(["rev-parse", "--show-object-format"]), cell.format.name());
    }
}

fn of_one_branch_brings_only_it(cell: Cell) {
    let world = World::new(cell);
    world.small("app.git");
    let server = world.serve(&Setup::default());
    let url = server.url("app.git");
    world.git().run([
        "clone",
        "--quiet",
        "--single-branch",
        "--no-tags",
        "-b",
        "side",
        &url,
        "copy",
    ]);
    let refs = world.clone_at("copy/.git").refs();
    let names: Vec<_> = refs.lines().map(|line| line.split(' ').nth(1).unwrap()).collect();
    assert_eq!(names, ["refs/heads/side", "refs/remotes/origin/side"]);
}

fn of_a_working_tree_reads_its_git_directory(cell: Cell) {
    let world = World::new(cell);
    let path = world.root().join("tree");
    let format = format!("--object-format={}", cell.format.name());
    world.git().run(["init".as_ref(), "--quiet".as_ref(), format.as_ref(), path.as_os_str()]);
    let tree = e2e::Repository::at(world.git(), &path.join(".git"));
    tree.commit("main", "file", b"in a working tree\n");
    let server = world.serve(&Setup::default());
    world.git().run(["clone", "--quiet", "--bare", &server.url("tree"), "short"]);
    world.git().run(["clone", "--quiet", "--bare", &server.url("tree/.git"), "long"]);
    assert_eq!(world.clone_at("short").refs(), tree.refs());
    assert_eq!(world.clone_at("long").refs(), tree.refs());
}

fn of_a_missing_repository_says_not_found(cell: Cell) {
    let world = World::new(cell);
    let server = world.serve(&Setup::default());
    let url = server.url("missing.git");
    let outcome = world.git().refused(["clone", &url, "copy"]);
    outcome.says(&format!("fatal: repository '{url}/' not found"));
    assert_eq!(outcome.code, Some(128));
}
