//! ref-in-want: the client names refs, the server resolves them when it answers.

use e2e::cell::Scenario;
use e2e::{Cell, Protocol, Setup, World, scenario};

pub(crate) const SCENARIOS: &[Scenario] =
    &[scenario!(fetch_asks_by_name).speaking(&[Protocol::V2])];

fn fetch_asks_by_name(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    repository.set("uploadpack.allowRefInWant", "true");
    let server = world.serve(&Setup::default());
    let git = world.git().env("GIT_TRACE_PACKET", "2");
    let clone = ["clone", "--quiet", "--single-branch", &server.url("app.git"), "copy"];
    git.attempt(clone).succeeded().says("want-ref refs/heads/main");
    assert_eq!(world.clone_at("copy/.git").oid("origin/main"), repository.oid("main"));
}
