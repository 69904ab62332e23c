//! A service of the library that the real git client pushes to.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use gitwasi::listen::{ConnectionLimits, Listener};
use gitwasi::{Backend, Decision, GitService, GitServiceBuilder, Principal};
use tokio::sync::oneshot;

/// A server for one test, and a repository with something to push to it.
pub struct Running {
    pub scratch: tempfile::TempDir,
    pub url: String,
    stop: oneshot::Sender<()>,
}

impl Running {
    pub async fn start(build: impl FnOnce(GitServiceBuilder) -> GitServiceBuilder) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("root");
        std::fs::create_dir_all(&root).unwrap();
        git(&root, &["init", "-q", "--bare", "-b", "main", "app.git"]).await;
        git(scratch.path(), &["init", "-q", "-b", "main", "work"]).await;
        let work = scratch.path().join("work");
        git(&work, &["commit", "-q", "--allow-empty", "-m", "one"]).await;
        let alice = || Decision::Allow(Some(Principal { name: "alice".to_owned() }));
        let builder = GitService::builder().root(root).backend(Backend::Engine);
        let builder = build(builder.authorize(move |_| async move { alice() }));
        let service = builder.build().unwrap();
        let address = "127.0.0.1:0".parse().unwrap();
        let listener = Listener::bind(&[address], ConnectionLimits::default()).await.unwrap();
        let url = format!("{}app", listener.addresses().next().unwrap());
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(listener.serve(service, async { drop(stopped.await) }, Duration::ZERO));
        Self { scratch, url, stop }
    }

    /// Pushes, which has to succeed.
    pub async fn push(&self, refspec: &str) {
        git(&self.scratch.path().join("work"), &["push", "-q", &self.url, refspec]).await;
    }

    pub fn stop(self) {
        let _ = self.stop.send(());
    }
}

/// Runs git, which has to succeed.
pub async fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = attempt(directory, arguments).await;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs git off the event loop.
pub async fn attempt(directory: &Path, arguments: &[&str]) -> Output {
    let mut git = Command::new("git");
    git.current_dir(directory)
        .args(["-c", "user.name=A", "-c", "user.email=a@example.com"])
        .args(arguments)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("HOME", directory)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C");
    tokio::task::spawn_blocking(move || git.output()).await.unwrap().unwrap()
}
