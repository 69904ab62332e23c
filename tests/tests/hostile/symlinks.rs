//! Symlinks that lead out of the root.

use std::fs;
use std::os::unix::fs::symlink;

use e2e::{Request, Setup};

use crate::{assert_harmless, world};

#[test]
fn to_a_repository_outside_are_not_followed() {
    let (world, _repository, server) = world(&Setup::default().allow_push());
    let outside = world.beside("outside.git");
    symlink(&outside, world.root().join("absolute.git")).unwrap();
    symlink("../outside.git", world.root().join("relative.git")).unwrap();
    symlink("..", world.root().join("up")).unwrap();
    fs::create_dir(world.root().join("tree")).unwrap();
    symlink(&outside, world.root().join("tree/.git")).unwrap();
    fs::create_dir(world.root().join("file")).unwrap();
    fs::write(world.root().join("file/.git"), format!("gitdir: {}\n", outside.display())).unwrap();
    for name in ["absolute.git", "absolute", "relative.git", "up/outside.git", "tree", "file"] {
        for end in ["HEAD", "info/refs", "info/refs?service=git-upload-pack", "objects/info/packs"]
        {
            let path = format!("/{name}/{end}");
            let response = server.ask(&Request::get(&path));
            assert_harmless(&path, &response);
            assert_eq!(response.status, 404, "{path}: {response:?}");
        }
        for service in ["git-upload-pack", "git-receive-pack"] {
            let post = Request::service(&format!("/{name}"), service, b"0000");
            let _ = server.ask(&post).expect(404);
        }
    }
}

#[test]
fn inside_the_root_are_followed() {
    let (world, repository, server) = world(&Setup::default());
    symlink("app.git", world.root().join("alias.git")).unwrap();
    world.git().run(["clone", "--quiet", "--mirror", &server.url("alias.git"), "copy"]);
    assert_eq!(world.clone_at("copy").refs(), repository.refs());
}

#[test]
fn inside_a_repository_show_nothing_of_the_outside() {
    let (world, repository, server) = world(&Setup::default());
    let canary = world.beside("canary");
    let outside = world.beside("outside.git");
    let oid = "0123456789012345678901234567890123456789";
    fs::create_dir_all(repository.path().join("objects/01")).unwrap();
    fs::create_dir_all(repository.path().join("objects/info")).unwrap();
    fs::create_dir_all(repository.path().join("objects/pack")).unwrap();
    for place in [
        format!("objects/01/{}", &oid[2..]),
        format!("objects/pack/pack-{oid}.pack"),
        format!("objects/pack/pack-{oid}.idx"),
        "objects/info/alternates".to_owned(),
        "objects/info/http-alternates".to_owned(),
        "refs/heads/leak".to_owned(),
    ] {
        symlink(&canary, repository.path().join(&place)).unwrap();
        let response = server.ask(&Request::get(format!("/app.git/{place}")));
        assert_harmless(&place, &response);
        assert!(response.status >= 400, "{place}: {response:?}");
    }
    fs::remove_file(repository.path().join("objects/info/alternates")).unwrap();
    for place in ["HEAD", "packed-refs"] {
        let _ = fs::remove_file(repository.path().join(place));
        symlink(outside.join("HEAD"), repository.path().join(place)).unwrap();
        for end in ["HEAD", "info/refs", "info/refs?service=git-upload-pack"] {
            let response = server.ask(&Request::get(format!("/app.git/{end}")));
            let shown = response.text();
            assert!(!shown.contains("canary"), "{place}, {end}: {response:?}");
        }
    }
}

#[test]
fn alternates_outside_the_root_lend_nothing() {
    let (world, _repository, server) = world(&Setup::default());
    let outside = world.beside("outside.git");
    let secret = e2e::Repository::at(world.git(), &outside);
    fs::write(outside.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    let oid = secret.commit("main", "secret", b"secret\n");
    let thief = world.empty("thief.git");
    let objects = outside.join("objects");
    fs::write(thief.path().join("objects/info/alternates"), format!("{}\n", objects.display()))
        .unwrap();
    fs::write(thief.path().join("refs/heads/main"), format!("{oid}\n")).unwrap();
    world.git().refused(["clone", "--bare", &server.url("thief.git"), "copy"]);
    let want = e2e::http::pkt_line(&format!("want {oid}\n"));
    let body = format!("{want}0000{}", e2e::http::pkt_line("done\n"));
    let fetch = Request::service("/thief.git", "git-upload-pack", body.as_bytes());
    let response = server.ask(&fetch);
    assert!(!response.text().contains("PACK"), "{response:?}");
}
