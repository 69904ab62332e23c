//! bundle-uri: the server's configuration names a bundle, and the client starts from it.

use e2e::cell::Scenario;
use e2e::{Cell, Protocol, Setup, World, scenario};

pub(crate) const SCENARIOS: &[Scenario] =
    &[scenario!(clone_starts_from_the_bundle).speaking(&[Protocol::V2])];

fn clone_starts_from_the_bundle(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    let bundle = world.beside("app.bundle");
    repository.git().run([
        "bundle",
        "create",
        "--quiet",
        &bundle.to_string_lossy(),
        "main",
        "side",
    ]);
    repository.set("uploadpack.advertiseBundleURIs", "true");
    repository.set("bundle.version", "1");
    repository.set("bundle.mode", "all");
    repository.set("bundle.first.uri", &format!("file://{}", bundle.display()));
    let server = world.serve(&Setup::default());
    let git = world.git().config("transfer.bundleURI", "true").env("GIT_TRACE2_EVENT", "2");
    let clone = ["clone", "--quiet", &server.url("app.git"), "copy"];
    let outcome = git.attempt(clone).succeeded();
    let copy = world.clone_at("copy/.git");
    assert_eq!(copy.oid("refs/bundles/main"), repository.oid("main"), "{outcome:?}");
    assert_eq!(copy.oid("origin/main"), repository.oid("main"));
}
