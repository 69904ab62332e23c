//! `HEAD`, and methods that an endpoint does not have.

use e2e::{Request, Setup, World};

#[test]
fn head_is_get_without_the_body() {
    let world = World::default();
    let repository = world.small("app.git");
    repository.repack();
    let pack = repository.packs()[0].file_name().unwrap().display().to_string();
    let server = world.serve(&Setup::default());
    let mut connection = server.connect();
    for path in ["HEAD", "info/refs", "objects/info/packs", &format!("objects/pack/{pack}")] {
        let path = format!("/app.git/{path}");
        let get = connection.ask(&Request::get(&path)).expect(200);
        let head = connection.ask(&Request::new("HEAD", &path)).expect(200);
        assert!(head.body.is_empty());
        for header in ["Content-Type", "Cache-Control", "ETag", "Last-Modified"] {
            assert_eq!(head.header(header), get.header(header), "{header} of {path}");
        }
        if let Some(length) = head.header("Content-Length") {
            assert_eq!(length, get.body.len().to_string(), "{path}");
        }
    }
}

#[test]
fn wrong_method_is_405_and_says_which_are_right() {
    let world = World::default();
    world.small("app.git");
    let server = world.serve(&Setup::default());
    for (method, path, allow) in [
        ("GET", "git-upload-pack", "POST"),
        ("PUT", "git-upload-pack", "POST"),
        ("DELETE", "HEAD", "GET, HEAD"),
        ("POST", "info/refs?service=git-upload-pack", "GET, HEAD"),
        ("PROPFIND", "info/refs", "GET, HEAD"),
    ] {
        let response = server.ask(&Request::new(method, format!("/app.git/{path}"))).expect(405);
        assert_eq!(response.header("Allow"), Some(allow), "{method} {path}");
    }
}
