//! What the operator set, read from the environment once per instance.

use std::sync::OnceLock;

use crate::bindings::wasi::cli::environment;

/// The front's configuration.
pub(crate) struct Config {
    /// The prefix under which git is served (`GITWASI_BASE_PATH`), without a trailing slash:
    /// empty, or `/git`.
    pub(crate) base_path: String,
    /// How large the head of a push may be.
    pub(crate) push_head: gitwasi_wire::receive_pack::HeadLimits,
    /// The most bytes that one request body may hold after inflation
    /// (`GITWASI_MAX_REQUEST_BYTES`); none by default. Over it the request ends with 413.
    pub(crate) max_request_bytes: Option<u64>,
}

impl Config {
    /// The configuration of this instance.
    pub(crate) fn current() -> &'static Self {
        static CONFIG: OnceLock<Config> = OnceLock::new();
        CONFIG.get_or_init(|| Self::from_environment(environment::get_environment()))
    }

    fn from_environment(variables: Vec<(String, String)>) -> Self {
        let mut config = Self {
            base_path: String::new(),
            push_head: gitwasi_wire::receive_pack::HeadLimits::default(),
            max_request_bytes: None,
        };
        for (name, value) in variables {
            match name.as_str() {
                "GITWASI_BASE_PATH" => {
                    config.base_path = value.trim_end_matches('/').to_owned();
                }
                "GITWASI_MAX_REQUEST_BYTES" => config.max_request_bytes = value.parse().ok(),
                _ => {}
            }
        }
        config
    }
}
