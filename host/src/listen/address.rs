//! Where to listen: `HOST:PORT`, or `unix:PATH`.

use std::fmt;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::str::FromStr;

use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::{Socket, Unlink};

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A host and a port; port 0 lets the system choose.
    Inet(String),
    /// The path of a unix socket.
    Unix(PathBuf),
}

/// A text is not an address.
#[derive(Debug, thiserror::Error)]
#[error("not an address to listen on: {0:?} (HOST:PORT, or unix:PATH)")]
pub struct AddressError(String);

impl Address {
    /// Binds, and tells the address with the port that it has.
    pub(super) async fn bind(&self) -> io::Result<(Self, Socket)> {
        match self {
            Self::Inet(address) => {
                let listener = TcpListener::bind(address).await?;
                let bound = Self::Inet(listener.local_addr()?.to_string());
                Ok((bound, Socket::Inet(listener)))
            }
            Self::Unix(path) => {
                // A socket that nobody answers is what a killed server left behind.
                let is_socket = std::fs::symlink_metadata(path)
                    .is_ok_and(|metadata| metadata.file_type().is_socket());
                if is_socket && UnixStream::connect(path).await.is_err() {
                    std::fs::remove_file(path)?;
                }
                let listener = UnixListener::bind(path)?;
                Ok((self.clone(), Socket::Unix(listener, Unlink(path.clone()))))
            }
        }
    }

    /// Whether only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Inet(address) => {
                let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
                let host = host.trim_start_matches('[').trim_end_matches(']');
                host == "localhost"
                    || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
            }
            Self::Unix(_) => true,
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Self::Unix(path.into()));
        }
        match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                Ok(Self::Inet(text.to_owned()))
            }
            _ => Err(AddressError(text.to_owned())),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => write!(f, "http://{address}/"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
