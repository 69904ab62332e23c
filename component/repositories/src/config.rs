//! What the operator set, read from the environment once per instance.

use gitwasi_engine::Limits;
use gitwasi_engine::receive_pack::Server;

use crate::bindings::wasi::cli::environment;

/// The configuration of this instance.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// Serves only repositories that hold a file `git-daemon-export-ok`
    /// (`GITWASI_REQUIRE_EXPORT_OK=true`).
    pub(crate) require_export_ok: bool,
    /// Leaves pushes to the next in line (`GITWASI_READ_ONLY=true`).
    pub(crate) read_only: bool,
    /// Which of the preopened directories holds the repositories (`GITWASI_ROOT`, by the name it
    /// has here). Without it there must be one directory only.
    pub(crate) root: Option<String>,
    /// What is known of earlier runs of this server (`GITWASI_SERVER=MARK:NANOSECONDS`).
    pub(crate) server: Option<Server>,
    /// [`Limits::working_memory`] (`GITWASI_WORKING_MEMORY`, in bytes).
    pub(crate) working_memory: Option<usize>,
}

impl Config {
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        if let Some(bytes) = self.working_memory {
            limits.working_memory = bytes;
        }
        limits
    }

    pub(crate) fn from_environment() -> Self {
        let mut config = Self::default();
        for (name, value) in environment::get_environment() {
            match name.as_str() {
                // Whoever sets these two wants less to be served: a value that is not understood
                // must not serve more.
                "GITWASI_REQUIRE_EXPORT_OK" => config.require_export_ok = !is_false(&value),
                "GITWASI_READ_ONLY" => config.read_only = !is_false(&value),
                "GITWASI_ROOT" => config.root = Some(value),
                "GITWASI_SERVER" => config.server = server(&value),
                "GITWASI_WORKING_MEMORY" => config.working_memory = value.parse().ok(),
                _ => {}
            }
        }
        config
    }
}

fn server(value: &str) -> Option<Server> {
    let (mark, since) = value.split_once(':')?;
    let is_mark = !mark.is_empty() && mark.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_mark.then_some(Server { mark: mark.to_owned(), since: since.parse().ok()? })
}

fn is_false(value: &str) -> bool {
    matches!(value, "" | "0" | "false" | "no" | "off")
}
