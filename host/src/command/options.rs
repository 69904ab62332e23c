//! The options of the server: on the command line, or in a TOML file under the same names.

use std::error::Error;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::limits::{Connections, LimitOptions, Processes, RequestBytes, Requests};

/// What the server is told. Everything is optional, so that the file can fill in what the command
/// line leaves open.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Options {
    /// The directory of repositories, or one repository [default: the working directory]
    pub(crate) root: Option<PathBuf>,

    /// Where to listen: HOST:PORT or unix:PATH; port 0 picks one; repeatable
    /// [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    #[serde(default)]
    pub(crate) listen: Vec<String>,

    /// The prefix of the URL under which git is served, for life behind a reverse proxy
    #[arg(long, value_name = "PATH")]
    pub(crate) base_path: Option<String>,

    /// Lets everybody push, without a password
    #[arg(long)]
    #[serde(default)]
    pub(crate) allow_push: bool,

    /// Lets whoever may push make repositories: a push to a name that is free makes one
    #[arg(long)]
    #[serde(default)]
    pub(crate) allow_create: bool,

    /// Who may read and write what: users, password hashes, patterns (see `gitwasi passwd`)
    #[arg(long, value_name = "FILE")]
    pub(crate) access_file: Option<PathBuf>,

    /// Who serves the repositories [default: auto]
    #[arg(long, value_name = "WHO")]
    pub(crate) backend: Option<BackendChoice>,

    /// The git to run [default: the first in PATH]
    #[arg(long, value_name = "PATH")]
    pub(crate) git: Option<PathBuf>,

    /// Options from a TOML file; the command line goes before it
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub(crate) config: Option<PathBuf>,

    /// What the log on standard error looks like [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,

    /// Whether the hooks of repositories run, inside the sandbox [default: off]
    #[arg(long, value_name = "WHETHER")]
    pub(crate) hooks: Option<OnOff>,

    /// How much of the sandbox around git must be there (see `gitwasi doctor`)
    /// [default: best-effort]
    #[arg(long, value_name = "MODE")]
    pub(crate) sandbox: Option<SandboxMode>,

    /// Serves only repositories that hold a file git-daemon-export-ok
    #[arg(long)]
    #[serde(default)]
    pub(crate) require_export_ok: bool,

    /// Serves one ref namespace of every repository (see gitnamespaces(7))
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,

    /// Takes the principal from this header, if a trusted proxy sends it
    #[arg(long, value_name = "NAME")]
    pub(crate) user_header: Option<String>,

    /// A proxy that is believed --user-header and X-Forwarded-*: an IP address, or `unix`; repeatable
    #[arg(long, value_name = "ADDR")]
    #[serde(default)]
    pub(crate) trusted_proxy: Vec<String>,

    /// Sends what is not git's to this server: http://HOST:PORT
    #[arg(long, value_name = "URL")]
    pub(crate) fallback: Option<String>,

    /// Tells this server of every push, at least once, as JSON: http://HOST[:PORT][/PATH]
    #[arg(long, value_name = "URL")]
    pub(crate) webhook: Option<String>,

    /// Signs what --webhook sends with the secret in this file, by HMAC-SHA256
    #[arg(long, value_name = "FILE")]
    pub(crate) webhook_secret_file: Option<PathBuf>,

    /// Where events wait for --webhook, over restarts: a directory outside of ROOT
    #[arg(long, value_name = "DIR")]
    pub(crate) webhook_queue: Option<PathBuf>,

    /// Requests in flight at once; one more is answered with 503 [default: 1024]
    #[arg(long, value_name = "N")]
    pub(crate) max_requests: Option<Requests>,

    /// The most bytes of one request's body, of a push for instance, after decompression; a larger
    /// one is answered with 413 [default: no limit]
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_request_bytes: Option<RequestBytes>,

    /// Connections at once; one more waits [default: 4096]
    #[arg(long, value_name = "N")]
    pub(crate) max_connections: Option<Connections>,

    /// git processes at once; a request waits half a minute for one [default: 256]
    #[arg(long, value_name = "N")]
    pub(crate) max_processes: Option<Processes>,

    /// All limits, in the file only.
    #[arg(skip)]
    #[serde(default)]
    pub(crate) limits: LimitOptions,

    /// How many seconds running transfers get to finish at SIGTERM or Ctrl-C [default: 30]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) shutdown_grace: Option<u64>,
}

#[derive(Debug, Clone, Copy, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum BackendChoice {
    /// The engine for what it does, git for the rest
    Auto,
    /// The engine alone: no process, no git
    Engine,
    /// git, a sandboxed process per request
    Git,
}

impl From<BackendChoice> for gitwasi::Backend {
    fn from(choice: BackendChoice) -> Self {
        match choice {
            BackendChoice::Auto => Self::Auto,
            BackendChoice::Engine => Self::Engine,
            BackendChoice::Git => Self::Git,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnOff {
    On,
    Off,
}

#[derive(Debug, Clone, Copy, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SandboxMode {
    /// Refuse to start without all of it
    Require,
    /// Use what this kernel has
    BestEffort,
    /// None of it
    Off,
}

impl From<SandboxMode> for gitwasi::Mode {
    fn from(mode: SandboxMode) -> Self {
        match mode {
            SandboxMode::Require => Self::Require,
            SandboxMode::BestEffort => Self::BestEffort,
            SandboxMode::Off => Self::Off,
        }
    }
}

impl Options {
    /// Fills in what the command line leaves open from the config file, if there is one.
    pub(crate) fn with_config_file(self) -> Result<Self, Box<dyn Error>> {
        let Some(path) = &self.config else { return Ok(self) };
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let file: Self = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            format!("{}: line {line}: {}", path.display(), error.message())
        })?;
        let list = |own: Vec<_>, other| if own.is_empty() { other } else { own };
        Ok(Self {
            root: self.root.or(file.root),
            listen: list(self.listen, file.listen),
            base_path: self.base_path.or(file.base_path),
            allow_push: self.allow_push || file.allow_push,
            allow_create: self.allow_create || file.allow_create,
            access_file: self.access_file.or(file.access_file),
            backend: self.backend.or(file.backend),
            git: self.git.or(file.git),
            config: self.config,
            log_format: self.log_format.or(file.log_format),
            hooks: self.hooks.or(file.hooks),
            sandbox: self.sandbox.or(file.sandbox),
            require_export_ok: self.require_export_ok || file.require_export_ok,
            namespace: self.namespace.or(file.namespace),
            user_header: self.user_header.or(file.user_header),
            trusted_proxy: list(self.trusted_proxy, file.trusted_proxy),
            fallback: self.fallback.or(file.fallback),
            webhook: self.webhook.or(file.webhook),
            webhook_secret_file: self.webhook_secret_file.or(file.webhook_secret_file),
            webhook_queue: self.webhook_queue.or(file.webhook_queue),
            max_requests: self.max_requests.or(file.max_requests),
            max_request_bytes: self.max_request_bytes.or(file.max_request_bytes),
            max_connections: self.max_connections.or(file.max_connections),
            max_processes: self.max_processes.or(file.max_processes),
            limits: file.limits,
            shutdown_grace: self.shutdown_grace.or(file.shutdown_grace),
        })
    }
}

/// A `--trusted-proxy`.
pub(crate) enum Proxy {
    Address(IpAddr),
    Unix,
}

impl Proxy {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "unix" => Ok(Self::Unix),
            address => address
                .parse()
                .map(Self::Address)
                .map_err(|_| format!("not a proxy's IP address, nor `unix`: {address:?}")),
        }
    }
}
