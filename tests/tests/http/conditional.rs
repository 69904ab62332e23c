//! Conditional requests of files that never change.
//!
//! Spec: RFC 9110, section 13.

use e2e::{Request, Server, Setup, World};

fn loose() -> (World, Server, Request) {
    let world = World::default();
    let oid = world.small("app.git").oid("main");
    let server = world.serve(&Setup::default());
    let request = Request::get(format!("/app.git/objects/{}/{}", &oid[..2], &oid[2..]));
    (world, server, request)
}

#[test]
fn known_etag_is_304_without_a_body() {
    let (_world, server, request) = loose();
    let etag = server.ask(&request).expect(200).header("ETag").unwrap().to_owned();
    for tags in [etag.clone(), format!("\"x\", {etag}"), format!("W/{etag}"), "*".to_owned()] {
        let response = server.ask(&request.clone().header("If-None-Match", &tags)).expect(304);
        assert_eq!(response.header("ETag"), Some(&*etag));
        assert!(response.body.is_empty());
    }
    let _ = server.ask(&request.header("If-None-Match", "\"other\"")).expect(200);
}

#[test]
fn unmodified_since_is_304() {
    let (_world, server, request) = loose();
    let modified = server.ask(&request).expect(200).header("Last-Modified").unwrap().to_owned();
    let _ = server.ask(&request.clone().header("If-Modified-Since", &modified)).expect(304);
    let long_ago = "Thu, 01 Jan 1998 00:00:00 GMT";
    let _ = server.ask(&request.clone().header("If-Modified-Since", long_ago)).expect(200);
    let _ = server.ask(&request.header("If-Modified-Since", "yesterday")).expect(200);
}

#[test]
fn version_that_is_not_wanted_is_412() {
    let (_world, server, request) = loose();
    let whole = server.ask(&request).expect(200);
    let [etag, modified] = ["ETag", "Last-Modified"].map(|name| whole.header(name).unwrap());
    let long_ago = "Thu, 01 Jan 1998 00:00:00 GMT";
    for (name, value, status) in [
        ("If-Match", etag, 200),
        ("If-Match", "*", 200),
        ("If-Match", &*format!("\"x\", {etag}"), 200),
        ("If-Match", "\"other\"", 412),
        ("If-Match", &*format!("W/{etag}"), 412),
        ("If-Unmodified-Since", modified, 200),
        ("If-Unmodified-Since", long_ago, 412),
        ("If-Unmodified-Since", "yesterday", 200),
    ] {
        let _ = server.ask(&request.clone().header(name, value)).expect(status);
    }
    let lines = request.clone().header("If-Match", "\"x\"").header("If-Match", etag);
    let _ = server.ask(&lines).expect(200);
    let both = request.header("If-Match", etag).header("If-Unmodified-Since", long_ago);
    let _ = server.ask(&both).expect(200);
}

#[test]
fn connection_is_kept_after_304() {
    let (_world, server, request) = loose();
    let mut connection = server.connect();
    let etag = connection.ask(&request).expect(200).header("ETag").unwrap().to_owned();
    let _ = connection.ask(&request.clone().header("If-None-Match", &etag)).expect(304);
    let _ = connection.ask(&request).expect(200);
}
