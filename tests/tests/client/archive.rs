//! `git archive --remote`, which a repository has to allow for HTTP.

use e2e::cell::{Scenario, WITH_GIT};
use e2e::{Backend, Cell, Setup, World, scenario};

pub(crate) const SCENARIOS: &[Scenario] = &[
    // The client speaks version 0 whatever it is told; one cell of the axis is enough.
    scenario!(is_made_where_the_repository_allows_it).on(WITH_GIT).once(),
    scenario!(is_refused_by_default).once(),
    scenario!(is_not_the_engine_s).on(&[Backend::Engine, Backend::WasmtimeServe]).once(),
];

fn is_made_where_the_repository_allows_it(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    repository.set("http.uploadarchive", "true");
    let server = world.serve(&Setup::default());
    let remote = format!("--remote={}", server.url("app.git"));
    let outcome = world.git().attempt(["archive", "--format=tar", &remote, "main"]).succeeded();
    let local = repository.git().attempt(["archive", "--format=tar", "main"]).succeeded();
    assert!(outcome.stdout == local.stdout, "the archives differ");
}

fn is_refused_by_default(cell: Cell) {
    let world = World::new(cell);
    world.small("app.git");
    let server = world.serve(&Setup::default());
    let remote = format!("--remote={}", server.url("app.git"));
    world.git().refused(["archive", &remote, "main"]).says("returned error: 403");
}

fn is_not_the_engine_s(cell: Cell) {
    let world = World::new(cell);
    world.small("app.git").set("http.uploadarchive", "true");
    let server = world.serve(&Setup::default());
    let remote = format!("--remote={}", server.url("app.git"));
    world.git().refused(["archive", &remote, "main"]).says("returned error: 501");
}
