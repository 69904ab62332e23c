//! Ref namespaces: several repositories' refs in one repository.

use e2e::cell::{Scenario, WITH_GIT};
use e2e::{Cell, Setup, World, scenario};

pub(crate) const SCENARIOS: &[Scenario] =
    &[scenario!(shows_only_its_own_refs).on(WITH_GIT), scenario!(push_stays_inside).on(WITH_GIT)];

fn shows_only_its_own_refs(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    repository.git().run(["update-ref", "refs/namespaces/team/refs/heads/theirs", "side"]);
    let server = world.serve(&Setup::default().namespace("team"));
    let shown = world.git().run(["ls-remote", &server.url("app.git")]);
    assert_eq!(shown, format!("{}\trefs/heads/theirs", repository.oid("side")));
}

fn push_stays_inside(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    let server = world.serve(&Setup::default().namespace("team").allow_push());
    let source = world.small("../source.git");
    source.git().run(["push", "--quiet", &server.url("app.git"), "main:mine"]);
    assert_eq!(repository.oid("refs/namespaces/team/refs/heads/mine"), source.oid("main"));
    assert!(!repository.has("refs/heads/mine"));
}
