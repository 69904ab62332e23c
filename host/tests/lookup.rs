//! A closure that finds repositories: names and places are the embedder's own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

use std::process::Command;

use bytes::Bytes;
use gitwasi::GitService;
use http::Request;
use http_body_util::{BodyExt, Empty};

async fn ask(service: &GitService, name: &str) -> (u16, String) {
    let uri = format!("http://localhost/{name}/info/refs?service=git-upload-pack");
    let response = service.handle(Request::get(uri).body(Empty::<Bytes>::new()).unwrap()).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closure_maps_names_to_repositories() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("0001");
    let made = Command::new("git").args(["init", "--quiet", "--bare"]).arg(&path).status();
    assert!(made.unwrap().success());
    let service = GitService::builder()
        .lookup(move |name: String, _| {
            let found = (name == "team/app").then(|| path.clone());
            async move { found }
        })
        .build()
        .unwrap();
    let (status, text) = ask(&service, "team/app").await;
    assert!(status == 200 && text.contains("capabilities^{}"), "{status} {text}");
    assert_eq!(ask(&service, "0001").await.0, 404);
}
