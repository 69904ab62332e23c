//! `--require-export-ok`: only repositories that say so are served.

use e2e::{Request, Setup, World};

#[test]
fn repository_without_the_mark_does_not_exist() {
    let world = World::default();
    let repository = world.small("app.git");
    let server = world.serve(&Setup::default().require_export_ok());
    let url = server.url("app.git");
    world.git().refused(["clone", &url, "copy"]).says("not found");
    for path in ["HEAD", "info/refs", "info/refs?service=git-upload-pack"] {
        let _ = server.ask(&Request::get(format!("/app.git/{path}"))).expect(404);
    }
    std::fs::write(repository.path().join("git-daemon-export-ok"), "").unwrap();
    world.git().run(["clone", "--quiet", &url, "copy"]);
}

#[test]
fn mark_is_not_needed_without_the_flag() {
    let world = World::default();
    world.small("app.git");
    let server = world.serve(&Setup::default());
    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
}
