//! `gitwasi [ROOT]`: serves.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use gitwasi::authorize::{AccessPolicy, Opened};
use gitwasi::fallback::Upstream;
use gitwasi::listen::{Address, Listener};
use gitwasi::{GitService, Root};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::signal::unix::{SignalKind, signal};

use super::options::{OnOff, Options, Proxy};
use super::{Outcome, log, webhook};

const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
const DEFAULT_GRACE: Duration = Duration::from_secs(30);

/// What is encoded in a URL that is told to people, and pasted into a shell.
const NOT_IN_PATHS: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');

pub(crate) fn run(options: Options) -> Outcome {
    log::start(options.log_format);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(options))
}

async fn serve(options: Options) -> Outcome {
    let mut addresses = Vec::new();
    for text in &options.listen {
        addresses.push(text.parse::<Address>()?);
    }
    if addresses.is_empty() {
        addresses.push(DEFAULT_LISTEN.parse()?);
    }
    let root = Root::open(options.root.clone().unwrap_or_else(|| PathBuf::from(".")))?;
    let base_path = normal_base_path(options.base_path.as_deref().unwrap_or_default())?;
    let service = build(&options, &root, &base_path)?;
    // Signals are caught before the address is told: whoever reads it may send one.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = Listener::bind(&addresses, options.limits().connection()).await?;
    announce(&options, &root, &base_path, &listener)?;
    let (asked, shutdown) = tokio::sync::oneshot::channel();
    let mut told = async move || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let grace = options.shutdown_grace.map_or(DEFAULT_GRACE, Duration::from_secs);
    let serving = listener.serve(service, async { drop(shutdown.await) }, grace);
    let hurry = async {
        told().await;
        let _ = asked.send(());
        // Whoever asks a second time does not want to wait for the grace period.
        told().await;
    };
    tokio::select! {
        () = serving => {}
        () = hurry => tracing::warn!("asked again: ending at once"),
    }
    Ok(())
}

fn build(
    options: &Options,
    root: &Root,
    base_path: &str,
) -> Result<GitService, Box<dyn std::error::Error>> {
    let limits = options.limits().service();
    let open = Opened { push: options.allow_push, create: options.allow_create };
    let access = match &options.access_file {
        Some(file) => AccessPolicy::open(file, open, limits.hashings)?,
        None => AccessPolicy::defaults(open, limits.hashings)?,
    };
    let mut builder = GitService::builder()
        .root(root.path())
        .authorizer(access)
        .base_path(base_path)
        .hooks(options.hooks == Some(OnOff::On))
        .require_export_ok(options.require_export_ok)
        .limits(limits);
    if let Some(backend) = options.backend {
        builder = builder.backend(backend.into());
    }
    if let Some(git) = &options.git {
        builder = builder.git(git);
    }
    if let Some(mode) = options.sandbox {
        builder = builder.sandbox(mode.into());
    }
    if let Some(namespace) = &options.namespace {
        builder = builder.namespace(namespace);
    }
    if let Some(upstream) = &options.fallback {
        builder = builder.fallback(Upstream::new(upstream)?);
    }
    if let Some(webhook) = webhook::open(options, root)? {
        builder = builder.observer(webhook);
    }
    if let Some(name) = &options.user_header {
        if options.trusted_proxy.is_empty() {
            return Err("--user-header needs a --trusted-proxy".into());
        }
        let header = name.parse().map_err(|_| format!("not the name of a header: {name:?}"))?;
        builder = builder.user_header(header);
    }
    for proxy in &options.trusted_proxy {
        builder = match Proxy::parse(proxy)? {
            Proxy::Address(address) => builder.trusted_proxy(address),
            Proxy::Unix => builder.trusted_unix_proxy(),
        };
    }
    Ok(builder.build()?)
}

/// A leading slash, and none at the end.
fn normal_base_path(path: &str) -> Result<String, String> {
    let trimmed = path.trim_matches('/');
    let odd = |c: char| c.is_whitespace() || c.is_control() || "?#%".contains(c);
    let dots = |part| matches!(part, "." | "..");
    if trimmed.contains(odd) || trimmed.split('/').any(dots) || trimmed.contains("//") {
        return Err(format!("not a prefix of a URL: {path:?}"));
    }
    Ok(if trimmed.is_empty() { String::new() } else { format!("/{trimmed}") })
}

/// Tells on standard output what there is to know, a line each.
fn announce(
    options: &Options,
    root: &Root,
    base_path: &str,
    listener: &Listener,
) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "serving {}", root.path().display())?;
    for address in listener.addresses() {
        writeln!(out, "listening on {address}")?;
    }
    let name = root.example();
    let example = utf8_percent_encode(name.as_deref().unwrap_or("NAME"), NOT_IN_PATHS);
    if let Some(address) = listener.addresses().find(|address| matches!(address, Address::Inet(_)))
    {
        let address = address.to_string();
        let address = address.trim_end_matches('/');
        writeln!(out, "try: git clone {address}{base_path}/{example}")?;
    }
    if name.is_none() {
        writeln!(out, "there is no repository yet: gitwasi init NAME makes one")?;
    }
    match (options.allow_push, &options.access_file) {
        (true, _) => {
            let local = listener.addresses().all(Address::is_local);
            let who =
                if local { "everybody on this machine" } else { "EVERYBODY WHO CAN REACH IT" };
            let (what, flags) = match options.allow_create {
                true => ("push and make repositories", "--allow-push, --allow-create"),
                false => ("push", "--allow-push"),
            };
            writeln!(out, "WARNING: {who} may {what}, without a password ({flags})")?;
        }
        (false, Some(file)) => writeln!(out, "pushes: as {} says", file.display())?,
        (false, None) => {
            writeln!(out, "pushes: refused (--allow-push or --access-file FILE opens them)")?;
        }
    }
    out.flush()
}
