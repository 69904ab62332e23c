//! Repositories that a push makes, for whoever may.

use e2e::tree::Tree;
use e2e::{Backend, Server, Setup, World};

const BACKENDS: [Backend; 3] = [Backend::Engine, Backend::GitProcess, Backend::WasmtimeServe];

/// Ada may make repositories of her team, and Bob may only push to them.
fn setup() -> Setup {
    Setup::default().creator("ada", "secret", &["team/**"]).user_with(
        "bob",
        Some("secret"),
        &["team/**"],
        &[],
    )
}

#[test]
fn a_push_to_a_name_that_is_free_makes_the_repository() {
    for backend in BACKENDS {
        let world = World::default();
        let source = world.small("source.git");
        let server = Server::start(backend, world.root(), &setup());
        let url = server.url_as("ada", "secret", "team/new/app");
        source.git().run(["push", "--quiet", &url, "main", "side"]);
        let made = e2e::Repository::at(world.git(), &world.root().join("team/new/app.git"));
        made.fsck();
        assert_eq!(made.oid("main"), source.oid("main"), "{backend}");
        assert_eq!(made.git().run(["symbolic-ref", "HEAD"]), "refs/heads/main");
        // It is one like any other now, for everybody who may.
        let url = server.url_as("bob", "secret", "team/new/app.git");
        source.git().run(["push", "--quiet", &url, "main:another"]);
        world.git().run(["clone", "--quiet", &server.url("team/new/app"), "copy"]);
    }
}

#[test]
fn nobody_else_makes_one_and_nobody_where_none_may_be() {
    for backend in BACKENDS {
        let world = World::default();
        let source = world.small("team/app.git");
        let server = Server::start(backend, world.root(), &setup());
        let before = Tree::read(world.root());
        for (user, name) in [
            ("bob", "team/new"),
            ("ada", "elsewhere/new"),
            ("ada", "team/app.git/new"),
            ("ada", "team/.hidden"),
            ("ada", "team/new/.git"),
            ("ada", "team/other.git/new"),
        ] {
            let url = server.url_as(user, "secret", name);
            let _ = source.git().refused(["push", "--quiet", &url, "main"]);
        }
        // Reading makes nothing, whoever reads.
        let _ = source.git().refused(["ls-remote", &server.url_as("ada", "secret", "team/new")]);
        before.assert_unchanged(world.root());
    }
}

#[test]
fn a_flag_lets_whoever_may_push_make_repositories() {
    for backend in [Backend::Gitwasi, Backend::GitProcess] {
        let world = World::default();
        let source = world.small("source.git");
        let without = Server::start(backend, world.root(), &Setup::default().allow_push());
        let _ = source.git().refused(["push", "--quiet", &without.url("new"), "main"]);
        let setup = Setup::default().allow_push().argument("--allow-create");
        let with = Server::start(backend, world.root(), &setup);
        source.git().run(["push", "--quiet", &with.url("new"), "main"]);
        assert_eq!(
            e2e::Repository::at(world.git(), &world.root().join("new.git")).oid("main"),
            source.oid("main")
        );
    }
}

#[test]
fn pushes_that_make_the_same_repository_at_once_all_succeed() {
    const PUSHES: usize = 6;
    for backend in [Backend::Engine, Backend::GitProcess] {
        let world = World::default();
        let source = world.small("source.git");
        let server = Server::start(backend, world.root(), &setup());
        let url = server.url_as("ada", "secret", "team/new");
        std::thread::scope(|scope| {
            for n in 0..PUSHES {
                let (git, url) = (source.git(), &url);
                scope.spawn(move || {
                    git.run(["push", "--quiet", url, &format!("main:branch-{n}")]);
                });
            }
        });
        let made = e2e::Repository::at(world.git(), &world.root().join("team/new.git"));
        assert_eq!(made.refs().lines().count(), PUSHES, "{backend}");
        let left = std::fs::read_dir(world.root().join("team")).unwrap().count();
        assert_eq!(left, 1, "{backend}: something is left beside the repository");
    }
}
