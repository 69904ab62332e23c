//! Our native server, as an operator starts it.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::Setup;
use super::lines::{self, follow, lock};
use super::setup::{Access, User};
use crate::{Scratch, command, process};

/// How long the server may take from its start to its address. It says "well under a second";
/// this is for a machine that is busy with other tests.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A running `gitwasi`; killed when dropped, and its log printed when the test has failed.
#[derive(Debug)]
pub struct Gitwasi {
    child: Child,
    addresses: Vec<SocketAddr>,
    printed: Arc<Mutex<String>>,
    logged: Arc<Mutex<String>>,
    started_in: Duration,
    _scratch: Scratch,
}

/// A server that did not start.
#[derive(Debug)]
pub struct StartError {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Gitwasi {
    /// Starts a server on a free port; panics with its log when it does not come up.
    #[track_caller]
    #[must_use]
    pub fn start(root: &Path, setup: &Setup) -> Self {
        let scratch = Scratch::new();
        let arguments = arguments(root, setup, &scratch);
        Self::launch(&arguments, setup, scratch)
            .unwrap_or_else(|error| panic!("gitwasi {arguments:?} did not start: {error:?}"))
    }

    /// Starts a server with exactly these arguments.
    ///
    /// # Errors
    /// When the server ends instead of listening.
    pub fn with_arguments<A: AsRef<OsStr>>(
        arguments: impl IntoIterator<Item = A>,
        setup: &Setup,
    ) -> Result<Self, StartError> {
        let arguments: Vec<_> = arguments.into_iter().map(|a| a.as_ref().to_owned()).collect();
        Self::launch(&arguments, setup, Scratch::new())
    }

    fn launch<A: AsRef<OsStr>>(
        arguments: &[A],
        setup: &Setup,
        scratch: Scratch,
    ) -> Result<Self, StartError> {
        let mut command = setup.command(super::gitwasi_binary().as_os_str());
        command.args(arguments).envs(setup.environment.iter().map(|(n, v)| (n, v)));
        command.current_dir(scratch.path());
        Self::spawn(command, scratch)
    }

    /// Starts a server with this command.
    ///
    /// # Errors
    /// When the server ends instead of listening.
    pub fn of_command(command: Command) -> Result<Self, StartError> {
        Self::spawn(command, Scratch::new())
    }

    fn spawn(mut command: Command, scratch: Scratch) -> Result<Self, StartError> {
        command.env_remove("GIT_DIR").env("LC_ALL", "C");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let start = Instant::now();
        let mut child =
            command.spawn().unwrap_or_else(|error| command::missing(command.get_program(), &error));
        let (printed, lines) = follow(child.stdout.take());
        let (logged, _) = follow(child.stderr.take());
        let mut server = Self {
            child,
            addresses: Vec::new(),
            printed,
            logged,
            started_in: Duration::ZERO,
            _scratch: scratch,
        };
        loop {
            match lines.recv_timeout(PATIENCE) {
                // The command to clone is the last thing said: everything listens by then.
                Ok(line) if line.contains("git clone ") => break,
                Ok(line) => server.addresses.extend(address(&line)),
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("no address: {server:?}"),
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    let code = server.child.wait().expect("the exit status of gitwasi").code();
                    return Err(StartError { code, stderr: server.log() });
                }
            }
        }
        server.started_in = start.elapsed();
        Ok(server)
    }

    /// Returns the first TCP address.
    #[track_caller]
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        *self.addresses.first().unwrap_or_else(|| panic!("no TCP address: {self:?}"))
    }

    /// Returns every TCP address.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Returns the process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns how long it took from the start of the process to the last line.
    #[must_use]
    pub fn started_in(&self) -> Duration {
        self.started_in
    }

    /// Returns what was printed on stdout.
    #[must_use]
    pub fn printed(&self) -> String {
        lock(&self.printed).clone()
    }

    /// Returns what was logged on stderr.
    #[must_use]
    pub fn log(&self) -> String {
        lock(&self.logged).clone()
    }

    /// Sends a signal to the server.
    pub fn signal(&self, signal: Signal) {
        process::signal(self.pid(), signal);
    }

    /// Waits for the server's end; panics when it does not come.
    #[track_caller]
    pub fn wait(&mut self, within: Duration) -> ExitStatus {
        let mut status = None;
        process::eventually(within, || {
            status = self.child.try_wait().expect("the exit status of gitwasi");
            status.is_some()
        });
        status.unwrap_or_else(|| panic!("still running after {within:?}: {self:?}"))
    }
}

impl Drop for Gitwasi {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let status = self.child.wait();
        if thread::panicking() {
            eprintln!(
                "--- gitwasi printed\n{}--- and logged\n{}--- {status:?}",
                self.printed(),
                self.log()
            );
        }
    }
}

fn arguments(root: &Path, setup: &Setup, scratch: &Scratch) -> Vec<std::ffi::OsString> {
    let mut arguments = vec![root.as_os_str().to_owned()];
    let mut add = |words: &[&OsStr]| arguments.extend(words.iter().map(|&w| w.to_owned()));
    if !setup.arguments.iter().any(|argument| argument == "--listen") {
        add(&["--listen".as_ref(), "127.0.0.1:0".as_ref()]);
    }
    if setup.allow_push {
        add(&["--allow-push".as_ref()]);
    }
    if setup.require_export_ok {
        add(&["--require-export-ok".as_ref()]);
    }
    if let Some(path) = &setup.base_path {
        add(&["--base-path".as_ref(), path.as_ref()]);
    }
    if let Some(name) = &setup.namespace {
        add(&["--namespace".as_ref(), name.as_ref()]);
    }
    if let Some(access) = &setup.access {
        let file = access_file(access, scratch);
        add(&["--access-file".as_ref(), file.as_os_str()]);
    }
    arguments.extend(setup.arguments.iter().cloned());
    arguments
}

/// Writes the access file; `gitwasi passwd` makes the password hashes.
pub(super) fn access_file(access: &Access, scratch: &Scratch) -> PathBuf {
    let mut text = access.more.clone();
    for user in &access.users {
        let _ = writeln!(text, "[users.{:?}]", user.name);
        if let Some(password) = &user.password {
            let _ = writeln!(text, "password = {:?}", password_hash(&user.name, password, scratch));
        }
        let User { write, read, create, .. } = user;
        let _ = writeln!(text, "write = {write:?}\nread = {read:?}\ncreate = {create:?}");
    }
    let file = scratch.join("access.toml");
    fs::write(&file, text).expect("the access file");
    file
}

fn password_hash(name: &str, password: &str, scratch: &Scratch) -> String {
    let file = scratch.join("passwd.toml");
    let mut command = Command::new(super::gitwasi_binary());
    command.arg("passwd").arg("--access-file").arg(&file).arg(name);
    let _ = command::run(&mut command, format!("{password}\n").as_bytes()).succeeded();
    let text = fs::read_to_string(&file).expect("the file that passwd wrote");
    let _ = fs::remove_file(&file);
    let line = text.lines().find_map(|line| line.trim().strip_prefix("password"));
    let hash = line.and_then(|line| line.split(['"', '\'']).nth(1));
    hash.unwrap_or_else(|| panic!("no password in {text:?}")).to_owned()
}

fn address(line: &str) -> Option<SocketAddr> {
    lines::address(line, "listening on http://")
}
