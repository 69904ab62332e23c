//! The `Git-Protocol` header.
//!
//! Spec: gitprotocol-http(5), "Git-Protocol"; gitprotocol-v2(5), "HTTP Transport"

/// The version of the protocol a client asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ProtocolVersion {
    /// Version 0: no version line. What a client means that does not say.
    #[default]
    V0,
    /// Version 1: version 0 with a `version 1` line before the advertisement.
    V1,
    /// Version 2: commands. Only `git-upload-pack` has it.
    V2,
}

impl ProtocolVersion {
    /// Reads the value of a `Git-Protocol` header (or of `GIT_PROTOCOL`).
    ///
    /// The value is a colon-separated list of `key[=value]`. Of all `version` keys the highest
    /// known one counts, whatever their order; all else is ignored, as git does. Never fails.
    pub fn from_header(value: &[u8]) -> Self {
        value
            .split(|byte| *byte == b':')
            .filter_map(|item| match item {
                b"version=0" => Some(Self::V0),
                b"version=1" => Some(Self::V1),
                b"version=2" => Some(Self::V2),
                _ => None,
            })
            .max()
            .unwrap_or_default()
    }

    /// The number.
    pub fn number(self) -> u8 {
        match self {
            Self::V0 => 0,
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_known_version_counts() {
        for (value, version) in [
            (&b""[..], ProtocolVersion::V0),
            (b"version=0", ProtocolVersion::V0),
            (b"version=1", ProtocolVersion::V1),
            (b"version=2", ProtocolVersion::V2),
            (b"version=2:version=1", ProtocolVersion::V2),
            (b"version=1:foo:version=2", ProtocolVersion::V2),
            (b"foo=bar:version=1", ProtocolVersion::V1),
            (b"version=3", ProtocolVersion::V0),
            (b"version=1:version=3", ProtocolVersion::V1),
            (b"version=02", ProtocolVersion::V0),
            (b"version=2 ", ProtocolVersion::V0),
            (b" version=2", ProtocolVersion::V0),
            (b"VERSION=2", ProtocolVersion::V0),
            (b"version", ProtocolVersion::V0),
            (b"version=", ProtocolVersion::V0),
            (b":::", ProtocolVersion::V0),
            (b"version=2\xff", ProtocolVersion::V0),
        ] {
            assert_eq!(ProtocolVersion::from_header(value), version, "{value:?}");
        }
    }
}
