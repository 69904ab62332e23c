//! Repositories whose refs are in tables.

use e2e::cell::{Protocol, Scenario};
use e2e::{Cell, Repository, Setup, World, scenario};

pub(crate) const SCENARIOS: &[Scenario] =
    &[scenario!(are_read_and_written).speaking(&[Protocol::V0, Protocol::V2])];

fn are_read_and_written(cell: Cell) {
    let world = World::new(cell);
    let path = world.root().join("app.git");
    let format = format!("--object-format={}", cell.format.name());
    let at = path.to_str().unwrap();
    world.git().run(["init", "--quiet", "--bare", "--ref-format=reftable", &format, at]);
    let repository = Repository::at(world.git(), &path);
    repository.set("core.logAllRefUpdates", "true");
    repository.add_history(3);
    let server = world.serve(&Setup::default().allow_push());

    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
    let copy = world.within("copy");
    assert_eq!(copy.run(["rev-parse", "origin/HEAD"]), repository.oid("HEAD"));
    let (old, kept) = (repository.oid("main"), world.clone_at("copy/.git"));
    let new = kept.commit("main", "new", b"new\n");
    copy.run(["push", "--quiet", "origin", "main", "main~1:refs/heads/feature/one", "main:gone"]);
    copy.run(["push", "--quiet", "origin", ":gone"]);
    let refs = [format!("{old} refs/heads/feature/one"), format!("{new} refs/heads/main")];
    assert_eq!(repository.refs(), refs.join("\n"));
    assert_eq!(repository.git().run(["reflog", "show", "--format=%H", "-1", "main"]), new);
    repository.fsck();

    let fresh = repository.commit("main", "fresh", b"by git itself\n");
    copy.run(["fetch", "--quiet"]);
    assert_eq!(copy.run(["rev-parse", "origin/main"]), fresh);
    copy.refused(["push", "origin", "main~1:main"]).says("[rejected]");
    copy.refused(["push", "origin", "main:feature/one/below"]).says("refs/heads/feature/one");
    assert!(!path.join("refs/heads/main").exists());
}
