//! What the operator set, read from the environment once per instance.

use crate::bindings::wasi::cli::environment;

/// The configuration of this instance.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// Serves only repositories that hold a file `git-daemon-export-ok`
    /// (`GITWASI_REQUIRE_EXPORT_OK=true`).
    pub(crate) require_export_ok: bool,
}

impl Config {
    pub(crate) fn from_environment() -> Self {
        let mut config = Self::default();
        for (name, value) in environment::get_environment() {
            if name == "GITWASI_REQUIRE_EXPORT_OK" {
                // Whoever sets it wants fewer repositories served: a value that is not understood
                // must not serve more.
                config.require_export_ok = !matches!(value.as_str(), "" | "0" | "false" | "no");
            }
        }
        config
    }
}
