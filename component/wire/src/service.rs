//! The names of the services.
//!
//! Spec: gitprotocol-http(5), "Smart Clients"

use std::fmt;

/// A service a client may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// `git-upload-pack`: fetch and clone.
    UploadPack,
    /// `git-receive-pack`: push.
    ReceivePack,
    /// `git-upload-archive`: `git archive --remote`.
    UploadArchive,
}

impl Service {
    /// Parses a service's full name, exactly; `None` for one that git does not have.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        match name {
            b"git-upload-pack" => Some(Self::UploadPack),
            b"git-receive-pack" => Some(Self::ReceivePack),
            b"git-upload-archive" => Some(Self::UploadArchive),
            _ => None,
        }
    }

    /// The full name, as in a URL and in `application/x-<name>-request`.
    pub fn name(self) -> &'static str {
        match self {
            Self::UploadPack => "git-upload-pack",
            Self::ReceivePack => "git-receive-pack",
            Self::UploadArchive => "git-upload-archive",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_full_names_are_services() {
        assert_eq!(Service::from_name(b"git-upload-pack"), Some(Service::UploadPack));
        assert_eq!(Service::from_name(b"git-receive-pack"), Some(Service::ReceivePack));
        assert_eq!(Service::from_name(b"git-upload-archive"), Some(Service::UploadArchive));
        for name in [&b""[..], b"upload-pack", b"git-upload-pack ", b"GIT-UPLOAD-PACK", b"git-x"] {
            assert_eq!(Service::from_name(name), None);
        }
    }
}
