//! What git-http-backend decides by a repository's configuration is decided here the same way.

use e2e::{Backend, Cell, Repository, Request, Server, Setup, World, http};

/// A clone with a new commit on `main`.
fn world(setup: &Setup) -> (World, Repository, Server) {
    let world = World::default();
    let repository = world.small("app.git");
    let server = world.serve(setup);
    world.git().run(["clone", "--quiet", &server.url("app.git"), "copy"]);
    world.clone_at("copy/.git").commit("main", "new", b"new\n");
    (world, repository, server)
}

#[test]
fn http_receivepack_true_lets_everybody_push() {
    let (world, repository, _server) = world(&Setup::default());
    let push = ["push", "--quiet", "origin", "main"];
    world.within("copy").refused(push).says("403");
    repository.set("http.receivepack", "true");
    world.within("copy").run(push);
    assert_eq!(repository.oid("main"), world.clone_at("copy/.git").oid("main"));
}

#[test]
fn http_receivepack_true_lets_everybody_push_beside_an_access_file() {
    let (world, repository, _server) = world(&Setup::default().user("alice", "secret"));
    repository.set("http.receivepack", "true");
    world.within("copy").run(["push", "--quiet", "origin", "main"]);
}

#[test]
fn http_receivepack_false_lets_nobody_push() {
    for setup in [Setup::default().allow_push(), Setup::default().user("alice", "secret")] {
        let (world, repository, server) = world(&setup);
        repository.set("http.receivepack", "false");
        let url = server.url_as("alice", "secret", "app.git");
        let outcome = world.within("copy").refused(["push", &url, "main"]);
        outcome.says_one_of(&["403", "Authentication failed"]);
        assert_ne!(repository.oid("main"), world.clone_at("copy/.git").oid("main"));
    }
}

#[test]
fn http_uploadpack_false_stops_clones() {
    let (world, repository, server) = world(&Setup::default());
    repository.set("http.uploadpack", "false");
    let outcome = world.git().refused(["clone", &server.url("app.git"), "again"]);
    outcome.says("403");
    let post = Request::service("/app.git", "git-upload-pack", b"0000");
    let _ = server.ask(&post).expect(403);
}

#[test]
fn http_getanyfile_false_hides_the_files() {
    let (_world, repository, server) = world(&Setup::default());
    let _ = server.ask(&Request::get("/app.git/HEAD")).expect(200);
    repository.set("http.getanyfile", "false");
    for path in ["HEAD", "info/refs", "objects/info/packs", "objects/info/alternates"] {
        let _ = server.ask(&Request::get(format!("/app.git/{path}"))).expect(403);
    }
    let smart = "/app.git/info/refs?service=git-upload-pack";
    let _ = server.ask(&Request::get(smart)).expect(200);
}

#[test]
fn every_spelling_of_a_boolean_means_what_git_means() {
    let world = World::default();
    let repository = world.small("app.git");
    let ours = world.serve(&Setup::default());
    let theirs = Server::start(Backend::HttpBackend, world.root(), &Setup::default());
    let config = repository.path().join("config");
    let plain = std::fs::read_to_string(&config).unwrap();
    for (key, request) in [
        ("receivepack", Request::get("/app.git/info/refs?service=git-receive-pack")),
        ("uploadpack", Request::get("/app.git/info/refs?service=git-upload-pack")),
        ("getanyfile", Request::get("/app.git/HEAD")),
        ("uploadarchive", Request::service("/app.git", "git-upload-archive", b"0000")),
    ] {
        for value in
            ["= true", "= on", "= yes", "= 1", "", "= TRUE", "= false", "= off", "= 0", "="]
        {
            std::fs::write(&config, format!("{plain}[HTTP]\n\t{key} {value}\n")).unwrap();
            let (ours, theirs) = (ours.ask(&request).status, theirs.ask(&request).status);
            // git-http-backend answers a mistaken archive request with a CGI error.
            let theirs = if theirs == 502 { 403 } else { theirs };
            let archive = key == "uploadarchive" && ours != 403 && theirs != 403;
            assert!(archive || ours == theirs, "{key} {value}: {ours}, but {theirs}");
        }
    }
}

#[test]
fn included_configuration_counts() {
    let (world, repository, server) = world(&Setup::default());
    std::fs::write(repository.path().join("more"), "[http]\n\treceivepack = true\n").unwrap();
    repository.set("include.path", "more");
    world.within("copy").run(["push", "--quiet", "origin", "main"]);
    drop(server);
}

#[test]
fn advertised_push_needs_what_the_push_needs() {
    let (_world, repository, server) = world(&Setup::default());
    let advertisement = Request::get("/app.git/info/refs?service=git-receive-pack");
    let probe = Request::service("/app.git", "git-receive-pack", http::pkt_line("x").as_bytes());
    for request in [&advertisement, &probe] {
        let _ = server.ask(request).expect(403);
    }
    repository.set("http.receivepack", "true");
    let _ = server.ask(&advertisement).expect(200);
}

/// Modes of files and signatures are git's: the engine leaves them to it where it can.
#[test]
fn shared_repositories_get_the_modes_of_git() {
    use std::os::unix::fs::PermissionsExt;
    let (world, repository, _server) = world(&Setup::default().allow_push());
    repository.set("core.sharedRepository", "0666");
    world.within("copy").run(["push", "--quiet", "origin", "main"]);
    let oid = repository.oid("main");
    let object = repository.path().join("objects").join(&oid[..2]).join(&oid[2..]);
    for (path, mode) in [(object, 0o444), (repository.path().join("refs/heads/main"), 0o666)] {
        let is = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(is & 0o777, mode, "{path:?}");
    }
}

/// WASI knows no modes.
#[test]
fn shared_repositories_without_git_tell_the_pusher_that_modes_are_the_umask_s() {
    for backend in [Backend::Engine, Backend::WasmtimeServe] {
        let world = World::new(Cell { backend, ..Cell::DEFAULT });
        let repository = world.small("app.git");
        let server = world.serve(&Setup::default().allow_push());
        let tip = repository.oid("main");
        let push = ["push", &server.url("app.git"), &format!("{tip}:refs/heads/new")];
        let words = "remote: warning: core.sharedRepository has no effect here";
        for (value, warned) in [("group", true), ("umask", false)] {
            repository.set("core.sharedRepository", value);
            let outcome = repository.git().attempt(push).succeeded();
            assert_eq!(outcome.stderr.contains(words), warned, "{backend}: {outcome:?}");
            repository.git().run(["update-ref", "-d", "refs/heads/new"]);
        }
    }
}

#[test]
fn signed_pushes_are_offered_where_the_repository_takes_them() {
    let (_world, repository, server) = world(&Setup::default().allow_push());
    let path = "/app.git/info/refs?service=git-receive-pack";
    let offered = || server.ask(&Request::get(path)).expect(200).text().contains(" push-cert=");
    assert!(!offered());
    repository.set("receive.certNonceSeed", "a seed");
    assert!(offered());
}
