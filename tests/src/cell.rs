//! The axes of the end-to-end matrix, as data: backend × protocol version × object-format.

use std::fmt;

use libtest_mimic::Trial;

/// A server under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The native host as it comes.
    Gitwasi,
    /// The native host with the engine alone.
    Engine,
    /// The native host with the git process alone.
    GitProcess,
    /// The self-contained component under `wasmtime serve`.
    WasmtimeServe,
    /// git-http-backend behind nginx and fcgiwrap: what the others are measured against.
    HttpBackend,
}

/// A protocol version, asked for by `protocol.version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// No `Git-Protocol` header.
    V0,
    /// `Git-Protocol: version=1`.
    V1,
    /// `Git-Protocol: version=2`.
    V2,
}

/// The object-format of the repositories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectFormat {
    /// 20-byte oids.
    Sha1,
    /// 32-byte oids.
    Sha256,
}

/// One combination of all axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Which server.
    pub backend: Backend,
    /// Which protocol version.
    pub protocol: Protocol,
    /// Which object-format.
    pub format: ObjectFormat,
}

/// Every backend.
pub const BACKENDS: &[Backend] = &[
    Backend::Gitwasi,
    Backend::Engine,
    Backend::GitProcess,
    Backend::WasmtimeServe,
    Backend::HttpBackend,
];
/// The backends that run git for what the engine does not do.
pub const WITH_GIT: &[Backend] = &[Backend::Gitwasi, Backend::GitProcess, Backend::HttpBackend];
/// Every protocol version.
pub const PROTOCOLS: &[Protocol] = &[Protocol::V0, Protocol::V1, Protocol::V2];
/// Every object-format.
pub const FORMATS: &[ObjectFormat] = &[ObjectFormat::Sha1, ObjectFormat::Sha256];

impl Cell {
    /// The cell of tests that do not walk the matrix.
    pub const DEFAULT: Self =
        Self { backend: Backend::Gitwasi, protocol: Protocol::V2, format: ObjectFormat::Sha1 };
}

/// A behaviour and the cells in which it is asked for.
#[derive(Clone, Copy)]
pub struct Scenario {
    name: &'static str,
    run: fn(Cell),
    backends: &'static [Backend],
    protocols: &'static [Protocol],
    formats: &'static [ObjectFormat],
}

impl Scenario {
    /// Makes a scenario that holds in every cell; use [`scenario!`](crate::scenario).
    #[must_use]
    pub const fn everywhere(name: &'static str, run: fn(Cell)) -> Self {
        Self { name, run, backends: BACKENDS, protocols: PROTOCOLS, formats: FORMATS }
    }

    /// Keeps it to some backends.
    #[must_use]
    pub const fn on(self, backends: &'static [Backend]) -> Self {
        Self { backends, ..self }
    }

    /// Keeps it to some protocol versions.
    #[must_use]
    pub const fn speaking(self, protocols: &'static [Protocol]) -> Self {
        Self { protocols, ..self }
    }

    /// Keeps it to some object-formats.
    #[must_use]
    pub const fn storing(self, formats: &'static [ObjectFormat]) -> Self {
        Self { formats, ..self }
    }

    /// Keeps it to protocol version 2 and sha1: neither axis could make a difference.
    #[must_use]
    pub const fn once(self) -> Self {
        self.speaking(&[Protocol::V2]).storing(&[ObjectFormat::Sha1])
    }

    fn cells(self) -> impl Iterator<Item = Cell> {
        let of_backend = move |&backend| {
            self.protocols.iter().flat_map(move |&protocol| {
                self.formats.iter().map(move |&format| Cell { backend, protocol, format })
            })
        };
        self.backends.iter().filter(|backend| backend.selected()).flat_map(of_backend)
    }

    /// Returns one test for each cell, named `scenario::backend::protocol::format`.
    pub fn trials(self) -> impl Iterator<Item = Trial> {
        self.cells().map(move |cell| {
            Trial::test(format!("{}::{cell}", self.name), move || {
                (self.run)(cell);
                Ok(())
            })
        })
    }
}

/// Makes a [`Scenario`] of a function, named by its path.
#[macro_export]
macro_rules! scenario {
    ($function:ident) => {
        $crate::cell::Scenario::everywhere(
            concat!(module_path!(), "::", stringify!($function)),
            $function,
        )
    };
}

impl Backend {
    /// Returns the backend that is displayed as `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        BACKENDS.iter().copied().find(|backend| backend.to_string() == name)
    }

    /// Tells whether `E2E_BACKENDS` (names separated by commas, or `all`) asks for this backend;
    /// unset means all but the oracle.
    fn selected(self) -> bool {
        match std::env::var("E2E_BACKENDS") {
            Ok(names) => {
                names.split(',').any(|name| name == "all" || name.trim() == self.to_string())
            }
            Err(_) => self != Self::HttpBackend,
        }
    }
}

impl Protocol {
    /// Returns the value of git's `protocol.version`.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::V0 => "0",
            Self::V1 => "1",
            Self::V2 => "2",
        }
    }
}

impl ObjectFormat {
    /// Returns git's name of the format.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gitwasi => "gitwasi",
            Self::Engine => "engine",
            Self::GitProcess => "git-process",
            Self::WasmtimeServe => "wasmtime-serve",
            Self::HttpBackend => "http-backend",
        })
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::v{}::{}", self.backend, self.protocol.version(), self.format.name())
    }
}
