//! Clients that only know how to get files.

use e2e::cell::Scenario;
use e2e::{Cell, Git, Setup, World, scenario};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(clone_of_loose_objects_is_whole).speaking(&[e2e::Protocol::V0]),
    scenario!(clone_of_packs_is_whole).speaking(&[e2e::Protocol::V0]),
    scenario!(clone_sees_a_ref_without_update_server_info).speaking(&[e2e::Protocol::V0]),
    scenario!(clone_finds_objects_of_an_alternate).speaking(&[e2e::Protocol::V0]),
    scenario!(clone_is_refused_where_the_repository_forbids_it).once(),
];

fn dumb(world: &World) -> Git {
    world.git().env("GIT_SMART_HTTP", "0")
}

fn clone_of_loose_objects_is_whole(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    repository.update_server_info();
    assert!(repository.packs().is_empty());
    let server = world.serve(&Setup::default());
    dumb(&world).run(["clone", "--quiet", "--mirror", &server.url("app.git"), "copy"]);
    let copy = world.clone_at("copy");
    assert_eq!(copy.refs(), repository.refs());
    copy.fsck();
}

fn clone_of_packs_is_whole(cell: Cell) {
    let world = World::new(cell);
    let repository = world.empty("app.git");
    repository.add_history(100);
    repository.repack();
    repository.update_server_info();
    let server = world.serve(&Setup::default());
    dumb(&world).run(["clone", "--quiet", "--mirror", &server.url("app.git"), "copy"]);
    let copy = world.clone_at("copy");
    assert_eq!(copy.refs(), repository.refs());
    copy.fsck();
}

fn clone_sees_a_ref_without_update_server_info(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    assert!(!repository.path().join("info/refs").exists());
    let server = world.serve(&Setup::default());
    dumb(&world).run(["clone", "--quiet", "--mirror", &server.url("app.git"), "copy"]);
    assert_eq!(world.clone_at("copy").refs(), repository.refs());
}

fn clone_finds_objects_of_an_alternate(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("pool.git");
    let borrower = world.root().join("borrower.git");
    let clone = ["clone", "--quiet", "--bare", "--shared"];
    let paths = [repository.path().to_str().unwrap(), borrower.to_str().unwrap()];
    world.git().run(clone.into_iter().chain(paths));
    let borrower = e2e::Repository::at(world.git(), &borrower);
    std::fs::write(borrower.path().join("objects/info/http-alternates"), "/pool.git/objects\n")
        .unwrap();
    borrower.update_server_info();
    let server = world.serve(&Setup::default());
    let url = server.url("borrower.git");
    // Following an alternate counts as following a redirect, and git is careful with those.
    let dumb = dumb(&world).config("http.followRedirects", "true");
    dumb.run(["clone", "--quiet", "--bare", &url, "copy"]);
    assert_eq!(world.clone_at("copy").oid("main"), repository.oid("main"));
    world.git().run(["clone", "--quiet", "--bare", &url, "smart"]);
    assert_eq!(world.clone_at("smart").oid("main"), repository.oid("main"));
}

fn clone_is_refused_where_the_repository_forbids_it(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("app.git");
    repository.update_server_info();
    repository.set("http.getanyfile", "false");
    let server = world.serve(&Setup::default());
    let outcome = dumb(&world).refused(["clone", &server.url("app.git"), "copy"]);
    outcome.says("returned error: 403");
    world.git().run(["clone", "--quiet", &server.url("app.git"), "smart"]);
}
