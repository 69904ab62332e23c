//! nginx, as a reverse proxy and as the front of git-http-backend.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;

use crate::command::missing;
use crate::process;

/// A running nginx; ended when dropped.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    address: SocketAddr,
}

impl Nginx {
    /// Starts nginx in `directory` with `server`, the content of its `server` block without the
    /// `listen` line.
    ///
    /// It inherits a socket that listens already (as from an older nginx in an upgrade), so that
    /// there is neither a port to guess nor a start to wait for.
    #[must_use]
    pub fn start(directory: &Path, server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port for nginx");
        // Two workers wait for one connection, and who does not get it is not to wait for the next.
        listener.set_nonblocking(true).expect("a socket that does not block");
        let address = listener.local_addr().expect("the port of nginx");
        fs::create_dir_all(directory).expect("a directory for nginx");
        let configuration = directory.join("nginx.conf");
        fs::write(&configuration, configure(directory, address, server)).expect("nginx.conf");
        let log = fs::File::create(directory.join("error.log")).expect("nginx's error log");
        let child = Command::new("nginx")
            .env("PATH", search_path())
            .env("NGINX", "0;")
            .arg("-p")
            .arg(directory)
            .arg("-c")
            .arg(&configuration)
            .args(["-e", "stderr"])
            .stdin(OwnedFd::from(listener))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| missing("nginx".as_ref(), &error));
        Self { child, address }
    }

    /// Returns where nginx listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the master process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        process::signal(self.child.id(), Signal::TERM);
        let _ = self.child.wait();
    }
}

/// Debian keeps nginx and fcgiwrap in `sbin`, which the `PATH` of an ordinary login lacks.
pub(crate) fn search_path() -> String {
    format!("{}:/usr/local/sbin:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

fn configure(directory: &Path, address: SocketAddr, server: &str) -> String {
    // Workers of a root nginx would become `nobody`, who may not enter the scratch directory.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    let at = directory.display();
    format!(
        "{user}
daemon off;
worker_processes 2;
pid {at}/pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
  access_log off;
  server_tokens off;
  client_body_temp_path {at}/client;
  fastcgi_temp_path {at}/fastcgi;
  proxy_temp_path {at}/proxy;
  uwsgi_temp_path {at}/uwsgi;
  scgi_temp_path {at}/scgi;
  keepalive_requests 1000000;
  client_max_body_size 0;
  server {{
    listen {address};
    {server}
  }}
}}
"
    )
}
