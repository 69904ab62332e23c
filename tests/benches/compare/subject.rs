//! A server that is measured.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use e2e::cpu_meter::CpuMeter;
use e2e::{Backend, Server, Setup, World, command};

/// How often the memory of a server is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// A server and the account of its processor time; they are dropped in this order.
pub(crate) struct Subject {
    pub(crate) server: Server,
    meter: Option<CpuMeter>,
}

/// What something cost.
pub(crate) struct Cost {
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
}

impl Subject {
    pub(crate) fn start(backend: Backend, world: &World) -> Self {
        let server = Server::start(backend, world.root(), &Setup::default().allow_push());
        let meter = CpuMeter::around(&server.pids());
        if meter.is_none() {
            eprintln!("{backend}: may not make a cgroup, so processor time is not measured");
        }
        Self { server, meter }
    }

    /// What `work` takes, by the clock and of the server's processors.
    pub(crate) fn cost(&self, work: impl FnOnce()) -> Cost {
        let (before, start) = (self.cpu(), Instant::now());
        work();
        let seconds = start.elapsed().as_secs_f64();
        Cost { seconds, cpu_seconds: self.cpu() - before }
    }

    /// The most private memory that all processes of the server together have during `work`, in
    /// MiB.
    pub(crate) fn peak_memory(&self, work: impl FnOnce()) -> f64 {
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                let mut peak = 0;
                while !ended.load(Ordering::Relaxed) {
                    peak = peak.max(self.meter.as_ref().map_or(0, CpuMeter::private_memory));
                    thread::sleep(LOOK);
                }
                peak
            });
            work();
            ended.store(true, Ordering::Relaxed);
            watcher.join().expect("a watcher") as f64 / f64::from(1 << 20)
        })
    }

    /// Requests per second over 8 connections, and what one costs.
    pub(crate) fn rate(&self, path: &str, seconds: usize, script: Option<&Path>) -> (f64, f64) {
        let before = self.cpu();
        let mut wrk = Command::new("wrk");
        wrk.args(["-t1", "-c8", &format!("-d{seconds}s"), "-H", "Git-Protocol: version=2"]);
        if let Some(script) = script {
            wrk.arg("-s").arg(script);
        }
        let text = command::run(wrk.arg(self.server.url(path)), b"").succeeded().text();
        let spent = self.cpu() - before;
        assert!(!text.contains("Non-2xx"), "{text}");
        let field = |line: &str, word: usize| {
            let line = text.lines().find(|found| found.contains(line)).expect("a line of wrk");
            let word = line.split_whitespace().nth(word).and_then(|word| word.parse::<f64>().ok());
            word.expect("a figure")
        };
        (field("Requests/sec:", 1), spent * 1000.0 / field("requests in", 0))
    }

    /// Sends a request that was written to `body` to a service, and throws the response away.
    pub(crate) fn replay(&self, path: &str, service: &str, body: &Path) {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail", "--output", "/dev/null"]);
        curl.args(["--header", &format!("Content-Type: application/x-{service}-request")]);
        curl.args(["--header", "Git-Protocol: version=2", "--header", "Expect:"]);
        curl.arg("--data-binary").arg(format!("@{}", body.display()));
        curl.arg(self.server.url(&format!("{path}/{service}")));
        let _ = command::run(&mut curl, b"").succeeded();
    }

    fn cpu(&self) -> f64 {
        self.meter.as_ref().map_or(f64::NAN, |meter| meter.used().as_secs_f64())
    }
}
