//! Partial clones: filters, and what they left out fetched when it is needed.

use e2e::cell::Scenario;
use e2e::{Cell, Setup, World, scenario};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(clone_without_blobs_fetches_them_when_read),
    scenario!(clone_with_a_size_limit_leaves_large_blobs_out),
    scenario!(filter_is_ignored_where_the_repository_forbids_it),
];

fn missing(world: &World, directory: &str) -> usize {
    let git = world.within(directory);
    let listing = git.run(["rev-list", "--objects", "--all", "--missing=print"]);
    listing.lines().filter(|line| line.starts_with('?')).count()
}

fn clone_without_blobs_fetches_them_when_read(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    repository.set("uploadpack.allowFilter", "true");
    repository.set("uploadpack.allowAnySHA1InWant", "true");
    let server = world.serve(&Setup::default());
    let url = server.url("app.git");
    world.git().run(["clone", "--quiet", "--bare", "--filter=blob:none", &url, "copy"]);
    assert_eq!(missing(&world, "copy"), 4);
    let shown = world.within("copy").run(["show", "main:README"]);
    assert_eq!(shown, "hello");
    assert_eq!(missing(&world, "copy"), 3);
}

fn clone_with_a_size_limit_leaves_large_blobs_out(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    repository.commit("main", "large", &[b'x'; 5000]);
    repository.set("uploadpack.allowFilter", "true");
    let server = world.serve(&Setup::default());
    let url = server.url("app.git");
    world.git().run(["clone", "--quiet", "--bare", "--filter=blob:limit=1k", &url, "copy"]);
    assert_eq!(missing(&world, "copy"), 1);
}

fn filter_is_ignored_where_the_repository_forbids_it(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    repository.set("uploadpack.allowFilter", "false");
    let server = world.serve(&Setup::default());
    let url = server.url("app.git");
    let clone = ["clone", "--bare", "--filter=blob:none", &url, "copy"];
    world.git().attempt(clone).succeeded().says("filtering not recognized by server, ignoring");
    assert_eq!(missing(&world, "copy"), 0);
}
