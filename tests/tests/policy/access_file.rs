//! The access file: users, what each may write, and what not everybody may read.

use e2e::{Request, Setup, World};

#[test]
fn users_write_what_their_globs_say() {
    let world = World::default();
    for name in ["mine/app.git", "yours/app.git"] {
        world.small(name);
    }
    let setup = Setup::default().user_with("alice", Some("secret"), &["mine/*"], &[]);
    let server = world.serve(&setup);
    world.git().run(["clone", "--quiet", &server.url("mine/app.git"), "copy"]);
    let push = |name: &str| {
        let url = server.url_as("alice", "secret", name);
        world.within("copy").attempt(["push", "--quiet", &url, "main:new"])
    };
    let _ = push("mine/app.git").succeeded();
    push("yours/app.git").failed().says("403");
    // The same repository by another name.
    let _ = push("mine/app").succeeded();
    let _ = push("yours/app").failed();
}

#[test]
fn restricted_repository_is_read_by_its_readers_only() {
    let world = World::default();
    world.small("secret.git");
    world.small("open.git");
    let rule = "[[repository]]\nname = \"secret*\"\nread = [\"alice\"]\n";
    let setup = Setup::default().access(rule).user_with("alice", Some("a"), &[], &[]).user_with(
        "bob",
        Some("b"),
        &[],
        &[],
    );
    let server = world.serve(&setup);
    let clone = |url: String, to: &str| world.git().attempt(["clone", "--quiet", &url, to]);
    let _ = clone(server.url("open.git"), "open").succeeded();
    clone(server.url("secret.git"), "anonymous").failed().says("could not read Username");
    clone(server.url_as("bob", "b", "secret.git"), "bob").failed().says("403");
    let _ = clone(server.url_as("alice", "a", "secret.git"), "alice").succeeded();
    for path in ["HEAD", "info/refs", "objects/info/packs", "git-upload-pack", "x"] {
        for name in ["secret.git", "secret", "secret/.git", "s%65cret.git"] {
            let status = server.ask(&Request::get(format!("/{name}/{path}"))).status;
            assert!(matches!(status, 401 | 404 | 405), "{name}/{path}: {status}");
        }
    }
}

#[test]
fn answer_does_not_tell_whether_a_restricted_repository_exists() {
    let world = World::default();
    world.small("secret/real.git");
    let setup = Setup::default().access("read = \"principals\"").user("alice", "secret");
    let server = world.serve(&setup);
    let ask = |name: &str| {
        let response =
            server.ask(&Request::get(format!("/secret/{name}/info/refs?service=git-upload-pack")));
        (response.status, response.header("WWW-Authenticate").map(str::to_owned), response.body)
    };
    assert_eq!(ask("real.git"), ask("unreal.git"));
    assert_eq!(ask("real.git").0, 401);
}

#[test]
fn realm_is_the_one_in_the_file() {
    let world = World::default();
    world.small("app.git");
    let server = world.serve(&Setup::default().access("realm = \"Our Git\"").user("alice", "x"));
    let response =
        server.ask(&Request::get("/app.git/info/refs?service=git-receive-pack")).expect(401);
    let challenge = response.header("WWW-Authenticate").unwrap();
    assert!(challenge.starts_with("Basic realm=\"Our Git\""), "{challenge}");
}

#[test]
fn malformed_credentials_are_401() {
    let world = World::default();
    world.small("app.git");
    let server = world.serve(&Setup::default().user("alice", "secret"));
    for value in [
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic YWxpY2U=",
        "Bearer x",
        "alice:secret",
        "Basic Og==",
    ] {
        let request = Request::get("/app.git/info/refs?service=git-receive-pack");
        let _ = server.ask(&request.header("Authorization", value)).expect(401);
    }
}

#[test]
fn push_hashes_its_password_once() {
    let world = World::default();
    world.small("app.git");
    let server = world.serve(&Setup::default().user("alice", "secret"));
    // base64 of alice:secret
    let request = Request::get("/app.git/info/refs?service=git-receive-pack")
        .header("Authorization", "Basic YWxpY2U6c2VjcmV0");
    let _ = server.ask(&request).expect(200);
    let before = e2e::process::own_cpu(server.pid());
    for _ in 0..20 {
        let _ = server.ask(&request).expect(200);
    }
    let each = (e2e::process::own_cpu(server.pid()) - before) / 20;
    // One hashing takes more than 20 ms of a processor.
    assert!(each.as_millis() < 15, "{each:?} for a request with a known password");
}

#[test]
fn changed_file_counts_without_a_restart() {
    let world = World::default();
    world.small("app.git");
    let file = world.beside("access.toml");
    std::fs::write(&file, "").unwrap();
    let setup = Setup::default().arguments(["--access-file", file.to_str().unwrap()]);
    let server = world.serve(&setup);
    let request = Request::get("/app.git/HEAD");
    let _ = server.ask(&request).expect(200);
    std::fs::write(&file, "read = \"nobody\"\n").unwrap();
    let changed = std::time::Duration::from_secs(10);
    assert!(e2e::process::eventually(changed, || server.ask(&request).status == 403));
}
