//! What is not git's is answered by a router of the embedder's own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

use axum::Router;
use axum::routing::{get, post};
use bytes::Bytes;
use gitwasi::GitService;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};

fn service(root: &std::path::Path) -> GitService {
    let router = Router::new()
        .route("/", get(|| async { "the embedder's page" }))
        .route("/echo", post(|body: Bytes| async move { body }));
    let builder = GitService::builder().root(root).backend(gitwasi::Backend::Engine);
    builder.fallback_service(router).build().unwrap()
}

async fn ask(service: &GitService, request: http::request::Builder, body: &str) -> (u16, String) {
    let request: Request<_> = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
    let response = service.handle(request).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_beside_git() {
    let root = tempfile::tempdir().unwrap();
    let service = service(root.path());
    let page = ask(&service, Request::get("http://localhost/"), "").await;
    assert_eq!(page, (200, "the embedder's page".to_owned()));
    let echo = ask(&service, Request::post("http://localhost/echo"), "some bytes").await;
    assert_eq!(echo, (200, "some bytes".to_owned()));
    let nothing = ask(&service, Request::get("http://localhost/nothing"), "").await;
    assert_eq!(nothing.0, StatusCode::NOT_FOUND.as_u16());
    let git = Request::get("http://localhost/x.git/info/refs?service=git-upload-pack");
    let (status, text) = ask(&service, git, "").await;
    assert_eq!(status, 404, "{text}");
}
