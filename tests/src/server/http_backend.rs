//! The oracle: git's own CGI, git-http-backend, behind nginx and fcgiwrap.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;

use super::Setup;
use crate::command::missing;
use crate::nginx::{self, Nginx};
use crate::{Scratch, process};

/// How many requests fcgiwrap runs at a time: as many as are measured at once.
const WORKERS: &str = "32";

/// A running oracle; ended when dropped.
#[derive(Debug)]
pub struct HttpBackend {
    nginx: Nginx,
    fcgiwrap: Child,
    scratch: Scratch,
}

impl HttpBackend {
    /// Starts the oracle.
    #[track_caller]
    #[must_use]
    pub fn start(root: &Path, setup: &Setup) -> Self {
        assert!(setup.arguments.is_empty(), "git-http-backend knows no {:?}", setup.arguments);
        let scratch = Scratch::new();
        let socket = scratch.join("fcgi");
        // fcgiwrap serves the listener that it finds at its stdin: nothing to wait for.
        let listener = UnixListener::bind(&socket).expect("a socket for fcgiwrap");
        let log = fs::File::create(scratch.join("fcgiwrap.log")).expect("fcgiwrap's log");
        let fcgiwrap = Command::new("fcgiwrap")
            .args(["-f", "-c", WORKERS])
            .env_clear()
            .env("PATH", nginx::search_path())
            .env("HOME", scratch.directory("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("LC_ALL", "C")
            .envs(setup.environment.iter().map(|(name, value)| (name, value)))
            .stdin(OwnedFd::from(listener))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| missing("fcgiwrap".as_ref(), &error));
        let server = configure(root, setup, &scratch);
        let nginx = Nginx::start(&scratch.directory("nginx"), &server);
        Self { nginx, fcgiwrap, scratch }
    }

    /// Returns where nginx listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.nginx.address()
    }

    /// Returns the processes that everything else descends from.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        vec![self.nginx.pid(), self.fcgiwrap.id()]
    }

    /// Returns what was logged.
    #[must_use]
    pub fn log(&self) -> String {
        let logs = ["fcgiwrap.log", "nginx/error.log"];
        logs.map(|log| fs::read_to_string(self.scratch.join(log)).unwrap_or_default()).concat()
    }
}

impl Drop for HttpBackend {
    fn drop(&mut self) {
        // Its workers do not end with it.
        let workers = process::descendants(self.fcgiwrap.id());
        for pid in workers.into_iter().chain([self.fcgiwrap.id()]) {
            process::signal(pid, Signal::TERM);
        }
        let _ = self.fcgiwrap.wait();
        if std::thread::panicking() {
            eprintln!("--- the oracle logged\n{}---", self.log());
        }
    }
}

fn configure(root: &Path, setup: &Setup, scratch: &Scratch) -> String {
    let base = setup.base_path.as_deref().unwrap_or_default();
    let mut parameters = vec![
        ("SCRIPT_FILENAME", backend()),
        ("GIT_PROJECT_ROOT", root.display().to_string()),
        ("PATH_INFO", "$path".to_owned()),
        ("REQUEST_METHOD", "$request_method".to_owned()),
        ("QUERY_STRING", "$query_string".to_owned()),
        ("CONTENT_TYPE", "$content_type".to_owned()),
        ("CONTENT_LENGTH", "$content_length".to_owned()),
        ("REMOTE_ADDR", "$remote_addr".to_owned()),
        ("SERVER_PROTOCOL", "$server_protocol".to_owned()),
        // The scratch directories of a CI machine may belong to somebody else.
        ("GIT_CONFIG_COUNT", "1".to_owned()),
        ("GIT_CONFIG_KEY_0", "safe.directory".to_owned()),
        ("GIT_CONFIG_VALUE_0", "*".to_owned()),
    ];
    if !setup.require_export_ok {
        parameters.push(("GIT_HTTP_EXPORT_ALL", "1".to_owned()));
    }
    if let Some(name) = &setup.namespace {
        parameters.push(("GIT_NAMESPACE", name.clone()));
    }
    let mut login = String::new();
    if let Some(access) = &setup.access {
        let password = |user: &super::User| user.password.clone().unwrap_or_default();
        let line = |user: &super::User| format!("{}:{{PLAIN}}{}\n", user.name, password(user));
        let file = scratch.join("htpasswd");
        fs::write(&file, access.users.iter().map(line).collect::<String>()).expect("htpasswd");
        let _ = write!(
            login,
            "auth_basic $realm; auth_basic_user_file {}; set $realm off; \
             if ($request_uri ~ git-receive-pack) {{ set $realm git; }}",
            file.display()
        );
        parameters.push(("REMOTE_USER", "$remote_user".to_owned()));
    } else if setup.allow_push {
        parameters.push(("REMOTE_USER", "anonymous".to_owned()));
    }
    let mut lines = String::new();
    for (name, value) in parameters {
        let _ = writeln!(lines, "fastcgi_param {name} \"{value}\";");
    }
    format!(
        "location ~ ^{base}(?<path>/.*)$ {{
          {login}
          fastcgi_pass unix:{};
          fastcgi_buffering off;
          fastcgi_request_buffering off;
          fastcgi_read_timeout 600s;
          {lines}
        }}",
        scratch.join("fcgi").display()
    )
}

/// Returns the path of git-http-backend, which belongs to the git in the `PATH`.
fn backend() -> String {
    let mut command = Command::new("git");
    let path = crate::command::run(command.arg("--exec-path"), b"").succeeded().text();
    let path = Path::new(&path).join("git-http-backend");
    assert!(path.is_file(), "no {}", path.display());
    path.display().to_string()
}
