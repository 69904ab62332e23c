//! Atomic pushes: all ref updates or none.

use e2e::cell::Scenario;
use e2e::{Cell, Setup, World, scenario};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(push_moves_every_ref),
    scenario!(push_with_one_refused_ref_moves_none),
    scenario!(without_it_the_other_refs_move),
];

/// Two new branches in a clone; the server will refuse `main`, on which it has moved.
fn push(cell: Cell, atomic: bool, refuse: bool) -> (bool, bool, String) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    if refuse {
        repository.set("receive.denyDeletes", "true");
    }
    let server = world.serve(&Setup::default().allow_push());
    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
    world.clone_at("copy/.git").commit("new", "new", b"new\n");
    let atomic = if atomic { "--atomic" } else { "--no-atomic" };
    let outcome = world.within("copy").attempt(["push", atomic, "origin", "new", ":side"]);
    (repository.has("refs/heads/new"), repository.has("refs/heads/side"), outcome.stderr)
}

fn push_moves_every_ref(cell: Cell) {
    let (new, side, _) = push(cell, true, false);
    assert!(new && !side);
}

fn push_with_one_refused_ref_moves_none(cell: Cell) {
    let (new, side, stderr) = push(cell, true, true);
    assert!(!new && side, "{stderr}");
    assert!(stderr.contains("atomic push fail"), "{stderr}");
}

fn without_it_the_other_refs_move(cell: Cell) {
    let (new, side, stderr) = push(cell, false, true);
    assert!(new && side, "{stderr}");
}
