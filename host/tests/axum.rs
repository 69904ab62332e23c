//! The example of the library, run as it is and used by the real git client.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The running example. Dropping it ends it.
struct Example {
    process: Child,
    address: String,
}

impl Example {
    fn start(root: &Path) -> Self {
        let mut process = Command::new(example())
            .arg(root)
            .stdout(Stdio::piped())
            .spawn()
            .expect("cargo test builds the examples");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { process, address }
    }

    /// A repository's URL, with credentials or without.
    fn url(&self, credentials: &str, name: &str) -> String {
        format!("{}git/{name}", self.address.replace("http://", &format!("http://{credentials}")))
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_gitwasi")).with_file_name("examples").join("axum")
}

fn git(directory: &Path, arguments: &[&str]) -> Output {
    Command::new("git")
        .current_dir(directory)
        .args(["-c", "user.name=A", "-c", "user.email=a@example.com"])
        .args(arguments)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("HOME", directory)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .output()
        .unwrap()
}

fn succeeds(directory: &Path, arguments: &[&str]) {
    let output = git(directory, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_closure_decides_and_the_other_routes_live_on() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("root");
    std::fs::create_dir_all(root.join("secret")).unwrap();
    succeeds(&root, &["init", "-q", "--bare", "-b", "main", "app.git"]);
    succeeds(&root, &["init", "-q", "--bare", "-b", "main", "secret/app.git"]);
    let example = Example::start(&root);
    let work = scratch.path();

    succeeds(work, &["clone", "-q", &example.url("", "app"), "clone"]);
    let clone = work.join("clone");
    succeeds(&clone, &["commit", "-q", "--allow-empty", "-m", "one"]);

    let anonymous = git(&clone, &["push", "-q", &example.url("", "app"), "HEAD:main"]);
    assert!(!anonymous.status.success());
    succeeds(&clone, &["push", "-q", &example.url("alice:letmein@", "app"), "HEAD:main"]);
    let wrong = git(&clone, &["push", "-q", &example.url("alice:wrong@", "app"), "HEAD:main"]);
    assert!(!wrong.status.success());

    assert!(!git(work, &["ls-remote", &example.url("", "secret/app")]).status.success());
    assert!(!git(work, &["ls-remote", &example.url("", "secret/none")]).status.success());
    succeeds(work, &["ls-remote", &example.url("alice:letmein@", "secret/app")]);

    let log = git(&root.join("app.git"), &["log", "--format=%s", "main"]);
    assert_eq!(String::from_utf8_lossy(&log.stdout), "one\n");
    let other = Command::new("curl").args(["-s", &example.address]).output().unwrap();
    assert!(String::from_utf8_lossy(&other.stdout).starts_with("an application"));
}
