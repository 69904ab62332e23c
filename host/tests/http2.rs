//! One HTTP/2 connection, many requests at once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]
#![allow(dead_code, unreachable_pub, reason = "not every test uses all of `pushed_to`")]

mod pushed_to;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use pushed_to::{Running, git};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const REQUESTS: usize = 48;

/// A clone, by version 2 of the protocol.
fn fetch(oid: &str) -> String {
    let line = |text: &str| format!("{:04x}{text}", text.len() + 4);
    format!(
        "{}0001{}{}0000",
        line("command=fetch\n"),
        line(&format!("want {oid}\n")),
        line("done\n")
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_one_connection_are_answered_at_once() {
    let running = Running::start(|builder| builder).await;
    running.push("main").await;
    let work = running.scratch.path().join("work");
    let oid = git(&work, &["rev-parse", "main"]).await.trim().to_owned();
    let url: Uri = running.url.parse().unwrap();
    let authority = url.authority().unwrap().to_string();
    let stream = TcpStream::connect(&authority).await.unwrap();
    let (sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut answers = JoinSet::new();
    for number in 0..REQUESTS {
        let mut sender = sender.clone();
        let request = Request::builder().header("git-protocol", "version=2");
        let request = match number % 2 {
            0 => request
                .uri(format!("{url}/info/refs?service=git-upload-pack"))
                .body(Full::new(Bytes::new())),
            _ => request
                .method("POST")
                .uri(format!("{url}/git-upload-pack"))
                .header("content-type", "application/x-git-upload-pack-request")
                .body(Full::new(Bytes::from(fetch(&oid)))),
        };
        answers.spawn(async move {
            sender.ready().await.unwrap();
            let response = sender.send_request(request.unwrap()).await.unwrap();
            let status = response.status();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let marker: &[u8] = if number % 2 == 0 { b"version 2" } else { b"PACK" };
            assert!(body.windows(marker.len()).any(|window| window == marker), "{number}");
            assert!(body.ends_with(b"0000"), "{number}");
            status
        });
    }
    let mut answered = 0;
    while let Some(status) = answers.join_next().await {
        assert_eq!(status.unwrap(), 200);
        answered += 1;
    }
    assert_eq!(answered, REQUESTS);
    running.stop();
}
