//! Push options: announced where the repository allows them, and handed to its hooks.

use e2e::cell::Scenario;
use e2e::{Cell, Setup, World, scenario};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(are_accepted_where_they_are_advertised),
    scenario!(are_refused_by_the_client_where_they_are_not),
];

fn are_accepted_where_they_are_advertised(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    repository.set("receive.advertisePushOptions", "true");
    let server = world.serve(&Setup::default().allow_push());
    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
    let new = world.clone_at("copy/.git").commit("main", "new", b"new\n");
    let options = ["-o", "ci.skip", "-o", "a=b; c\u{e9}\t$(x)"];
    let push = ["push", "--quiet"].into_iter().chain(options).chain(["origin", "main"]);
    world.within("copy").run(push);
    assert_eq!(repository.oid("main"), new);
}

fn are_refused_by_the_client_where_they_are_not(cell: Cell) {
    let world = World::new(cell);
    world.small("app.git");
    let server = world.serve(&Setup::default().allow_push());
    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
    world.clone_at("copy/.git").commit("main", "new", b"new\n");
    let outcome = world.within("copy").refused(["push", "-o", "x", "origin", "main"]);
    outcome.says("the receiving end does not support push options");
}
