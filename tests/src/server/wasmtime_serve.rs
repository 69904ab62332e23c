//! The self-contained component under plain `wasmtime serve`: no host of ours, no git.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, mpsc};

use super::Setup;
use super::gitwasi::{PATIENCE, access_file};
use super::lines::{address, follow, lock};
use crate::{Scratch, command};

/// A running `wasmtime serve`; killed when dropped, and its log printed when the test has failed.
#[derive(Debug)]
pub struct WasmtimeServe {
    child: Child,
    address: Option<SocketAddr>,
    logged: Arc<Mutex<String>>,
    _scratch: Scratch,
}

impl WasmtimeServe {
    /// Starts a server on a free port; panics with its log when it does not come up.
    #[track_caller]
    #[must_use]
    pub fn start(root: &Path, setup: &Setup) -> Self {
        assert!(setup.arguments.is_empty(), "wasmtime serve knows no {:?}", setup.arguments);
        assert!(setup.namespace.is_none(), "the component knows no namespaces");
        let scratch = Scratch::new();
        let mut command = setup.command(&wasmtime());
        command.args(["serve", "-S", "cli", "--addr", "127.0.0.1:0", "--allow-precompiled"]);
        command.args(arguments(root, setup, &scratch)).arg(compiled());
        Self::spawn(command, scratch)
    }

    /// Starts a server with these arguments, in a directory.
    #[track_caller]
    #[must_use]
    pub fn with_arguments<'a>(
        arguments: impl IntoIterator<Item = &'a str>,
        directory: &Path,
    ) -> Self {
        let mut command = Command::new(wasmtime());
        command.args(arguments).current_dir(directory);
        Self::spawn(command, Scratch::new())
    }

    #[track_caller]
    fn spawn(mut command: Command, scratch: Scratch) -> Self {
        command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| command::missing(command.get_program(), &error));
        let (logged, lines) = follow(child.stderr.take());
        let mut server = Self { child, address: None, logged, _scratch: scratch };
        while server.address.is_none() {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) => server.address = address(&line, "Serving HTTP on http://"),
                Err(mpsc::RecvTimeoutError::Timeout | mpsc::RecvTimeoutError::Disconnected) => {
                    panic!("wasmtime serve did not start: {server:?}");
                }
            }
        }
        server
    }

    /// Returns where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address.unwrap_or_else(|| panic!("no address: {self:?}"))
    }

    /// Returns the process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns what was logged on stderr.
    #[must_use]
    pub fn log(&self) -> String {
        lock(&self.logged).clone()
    }
}

impl Drop for WasmtimeServe {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let status = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- wasmtime serve logged\n{}--- {status:?}", self.log());
        }
    }
}

fn arguments(root: &Path, setup: &Setup, scratch: &Scratch) -> Vec<OsString> {
    let directory = |path: &Path| OsString::from(format!("--dir={0}::{0}", path.display()));
    let variable = |name: &str, value: &str| OsString::from(format!("--env={name}={value}"));
    let root_name = root.display().to_string();
    let mut arguments = vec![directory(root), variable("GITWASI_ROOT", &root_name)];
    if let Some(path) = &setup.base_path {
        arguments.push(variable("GITWASI_BASE_PATH", path));
    }
    if setup.allow_push {
        arguments.push(variable("GITWASI_ALLOW_PUSH", "true"));
    }
    if setup.require_export_ok {
        arguments.push(variable("GITWASI_REQUIRE_EXPORT_OK", "true"));
    }
    if let Some(access) = &setup.access {
        let file = access_file(access, scratch);
        arguments.push(directory(scratch.path()));
        arguments.push(variable("GITWASI_ACCESS_FILE", &file.display().to_string()));
    }
    arguments
}

/// Returns the `wasmtime` program: `WASMTIME`, or the first in the `PATH`.
fn wasmtime() -> OsString {
    std::env::var_os("WASMTIME").unwrap_or_else(|| "wasmtime".into())
}

/// Returns the component, compiled once for all tests of this program: compiling it takes seconds.
fn compiled() -> &'static Path {
    static COMPILED: OnceLock<(Scratch, PathBuf)> = OnceLock::new();
    let (_, path) = COMPILED.get_or_init(|| {
        let scratch = Scratch::new();
        let component = scratch.join("gitwasi.wasm");
        let mut write = Command::new(super::gitwasi_binary());
        let _ = command::run(write.arg("component").arg(&component), b"").succeeded();
        let compiled = scratch.join("gitwasi.cwasm");
        let mut compile = Command::new(wasmtime());
        compile.arg("compile").arg(&component).arg("-o").arg(&compiled);
        let _ = command::run(&mut compile, b"").succeeded();
        (scratch, compiled)
    });
    path
}
