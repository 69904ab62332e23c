//! Parts of files that never change.
//!
//! Spec: RFC 9110, section 14.

use e2e::{Request, Server, Setup, World};

fn pack() -> (World, Server, String, Vec<u8>) {
    let world = World::default();
    let repository = world.empty("app.git");
    repository.add_history(40);
    repository.repack();
    let pack = repository.packs().remove(0);
    let bytes = std::fs::read(&pack).unwrap();
    let path = format!("/app.git/objects/pack/{}", pack.file_name().unwrap().display());
    let server = world.serve(&Setup::default());
    (world, server, path, bytes)
}

#[test]
fn of_a_pack_is_that_part() {
    let (_world, server, path, bytes) = pack();
    let last = bytes.len() - 1;
    for (range, first, end) in [
        ("bytes=0-0", 0, 0),
        ("bytes=12-99", 12, 99),
        ("bytes=100-", 100, last),
        ("bytes=-20", bytes.len() - 20, last),
        ("bytes=7-999999999", 7, last),
    ] {
        let response = server.ask(&Request::get(&path).header("Range", range)).expect(206);
        let expected = format!("bytes {first}-{end}/{}", bytes.len());
        assert_eq!(response.header("Content-Range"), Some(&*expected), "{range}");
        assert!(response.body == bytes[first..=end], "{range}");
        assert_eq!(response.header("Content-Type"), Some("application/x-git-packed-objects"));
    }
}

#[test]
fn is_not_for_the_head_method() {
    let (_world, server, path, bytes) = pack();
    for range in ["bytes=0-9", "bytes=999999999-"] {
        let request = Request::new("HEAD", &path).header("Range", range);
        let response = server.ask(&request).expect(200);
        assert_eq!(response.header("Content-Length"), Some(&*bytes.len().to_string()));
    }
}

#[test]
fn past_the_end_is_416() {
    let (_world, server, path, bytes) = pack();
    let range = format!("bytes={}-", bytes.len());
    let response = server.ask(&Request::get(&path).header("Range", &range)).expect(416);
    assert_eq!(response.header("Content-Range"), Some(&*format!("bytes */{}", bytes.len())));
}

#[test]
fn that_is_malformed_is_ignored() {
    let (_world, server, path, bytes) = pack();
    for range in ["bytes=9-3", "lines=1-2", "bytes=x-", "bytes", "bytes=1-2,5-9"] {
        let response = server.ask(&Request::get(&path).header("Range", range)).expect(200);
        assert!(response.body == bytes, "{range}");
    }
}

#[test]
fn of_another_version_gets_the_whole_file() {
    let (_world, server, path, bytes) = pack();
    let request = Request::get(&path).header("Range", "bytes=0-9");
    let response = server.ask(&request.clone().header("If-Range", "\"stale\"")).expect(200);
    assert!(response.body == bytes);
    let etag = response.header("ETag").unwrap().to_owned();
    assert_eq!(server.ask(&request.header("If-Range", &etag)).expect(206).body, bytes[..10]);
}

#[test]
fn interrupted_download_is_resumed_by_curl() {
    let (world, server, path, bytes) = pack();
    let file = world.work().join("pack");
    std::fs::write(&file, &bytes[..1000]).unwrap();
    let url = format!("http://{}{path}", server.address());
    let _ = e2e::curl::curl(["-C", "-", "-o", file.to_str().unwrap(), &url]).succeeded();
    assert!(std::fs::read(file).unwrap() == bytes);
}

#[test]
fn of_a_loose_object_is_that_part() {
    let world = World::default();
    let oid = world.small("app.git").oid("main");
    let path = format!("objects/{}/{}", &oid[..2], &oid[2..]);
    let bytes = std::fs::read(world.root().join("app.git").join(&path)).unwrap();
    let server = world.serve(&Setup::default());
    let request = Request::get(format!("/app.git/{path}")).header("Range", "bytes=2-5");
    assert_eq!(server.ask(&request).expect(206).body, bytes[2..=5]);
}
