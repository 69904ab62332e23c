//! This server beside git-http-backend behind nginx and fcgiwrap, in one run, in alternation.
//!
//! `cargo bench -p e2e` prints a Markdown table. Every figure is the median of its rounds; a ratio
//! above 1 means that this server is better. `E2E_ROUNDS` and `E2E_SECONDS` make it longer.

use std::process::Command;
use std::thread;
use std::time::Instant;

use e2e::cpu_meter::CpuMeter;
use e2e::{Backend, Repository, Server, Setup, World, command};

/// A server and the account of its processor time; they are dropped in this order.
struct Subject {
    server: Server,
    meter: Option<CpuMeter>,
}

impl Subject {
    fn cpu(&self) -> f64 {
        self.meter.as_ref().map_or(f64::NAN, |meter| meter.used().as_secs_f64())
    }
}

/// Which of two figures is the better one.
#[derive(Clone, Copy)]
enum Better {
    More,
    Less,
}

struct Row {
    name: &'static str,
    unit: &'static str,
    better: Better,
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

impl Row {
    fn new(name: &'static str, unit: &'static str, better: Better) -> Self {
        Self { name, unit, better, ours: Vec::new(), theirs: Vec::new() }
    }

    fn line(&self) -> String {
        let (ours, theirs) = (median(&self.ours), median(&self.theirs));
        let ratio = match self.better {
            Better::More => ours / theirs,
            Better::Less => theirs / ours,
        };
        format!("| {} ({}) | {ours:.2} | {theirs:.2} | {ratio:.2} |", self.name, self.unit)
    }
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().map_or(default, |value| value.parse().expect("a number"))
}

fn main() {
    let (rounds, seconds) = (number("E2E_ROUNDS", 5), number("E2E_SECONDS", 4));
    let world = World::default();
    let repository = world.empty("large.git");
    repository.add_history(6000);
    repository.set("repack.writeBitmaps", "true");
    repository.repack();
    repository.git().run(["pack-refs", "--all"]);
    let objects = repository.count_objects();
    assert!(objects >= 20_000, "only {objects} objects");

    let small = world.small("small.git");
    world.empty("refs.git").add_branches(50_000);
    let pushing = world.empty("pushed.git");
    let servers = [Backend::Gitwasi, Backend::HttpBackend].map(|backend| {
        let server = Server::start(backend, world.root(), &Setup::default().allow_push());
        let meter = CpuMeter::around(&server.pids());
        if meter.is_none() {
            eprintln!("{backend}: may not make a cgroup, so processor time is not measured");
        }
        Subject { server, meter }
    });
    let mut rows = [
        Row::new("`info/refs`, 8 connections", "requests/s", Better::More),
        Row::new("`info/refs`, server CPU", "ms per request", Better::Less),
        Row::new("dumb `HEAD` file, 8 connections", "requests/s", Better::More),
        Row::new("dumb `HEAD` file, server CPU", "ms per request", Better::Less),
        Row::new("full clone", "s", Better::Less),
        Row::new("full clone, server CPU", "s", Better::Less),
        Row::new("8 clones at once", "s", Better::Less),
        Row::new("8 clones at once, server CPU", "s", Better::Less),
        Row::new("`ls-refs`, 4 refs, 8 connections", "requests/s", Better::More),
        Row::new("`ls-refs`, 4 refs, server CPU", "ms per request", Better::Less),
        Row::new("`ls-refs`, 50,000 refs, 8 connections", "requests/s", Better::More),
        Row::new("`ls-refs`, 50,000 refs, server CPU", "ms per request", Better::Less),
        Row::new("push of one commit, with its client", "ms", Better::Less),
        Row::new("push of one commit, server CPU", "ms", Better::Less),
    ];
    let mut pushes = Pushes { world: &world, source: &small, target: pushing, made: 0 };
    for round in 0..=rounds {
        for (n, subject) in servers.iter().enumerate() {
            let values = measure(&world, subject, seconds, &repository, &mut pushes);
            // The first round warms caches.
            if round == 0 {
                continue;
            }
            for (row, value) in rows.iter_mut().zip(values) {
                if n == 0 { &mut row.ours } else { &mut row.theirs }.push(value);
            }
        }
    }
    let date = command::run(Command::new("date").args(["-u", "+%Y-%m-%d"]), b"").text();
    let cores = thread::available_parallelism().map_or(0, |cores| cores.get());
    println!(
        "{date}, {cores} cores, {objects} objects, median of {rounds} rounds in alternation:\n"
    );
    println!("| | gitwasi | git-http-backend, nginx, fcgiwrap | ratio |");
    println!("|---|---|---|---|");
    for row in &rows {
        println!("{}", row.line());
    }
}

/// Pushes of a commit each, every one to a branch of its own.
struct Pushes<'a> {
    world: &'a World,
    source: &'a Repository,
    target: Repository,
    made: usize,
}

impl Pushes<'_> {
    /// Returns the milliseconds of one push, and of the server's processor for it.
    fn measure(&mut self, subject: &Subject) -> (f64, f64) {
        const PUSHES: usize = 10;
        let commits: Vec<_> = (0..PUSHES)
            .map(|n| {
                let message = format!("push {}", self.made + n);
                let git = self.source.git();
                git.run(["commit-tree", "-m", &message, "-p", "main", "main^{tree}"])
            })
            .collect();
        let url = subject.server.url("pushed.git");
        let (before, start) = (subject.cpu(), Instant::now());
        for commit in &commits {
            let spec = format!("{commit}:refs/heads/push-{}", self.made);
            self.source.git().run(["push", "--quiet", &url, &spec]);
            self.made += 1;
        }
        let taken = start.elapsed().as_secs_f64();
        let spent = subject.cpu() - before;
        assert_eq!(self.target.refs().lines().count(), self.made, "{:?}", self.world.root());
        (taken * 1000.0 / PUSHES as f64, spent * 1000.0 / PUSHES as f64)
    }
}

fn measure(
    world: &World,
    subject: &Subject,
    seconds: usize,
    repository: &Repository,
    pushes: &mut Pushes<'_>,
) -> [f64; 14] {
    let (smart_rate, smart_cpu) =
        requests(subject, "large.git/info/refs?service=git-upload-pack", seconds, None);
    let (dumb_rate, dumb_cpu) = requests(subject, "large.git/HEAD", seconds, None);
    let (one, one_cpu) = clones(world, subject, 1, repository);
    let (eight, eight_cpu) = clones(world, subject, 8, repository);
    let script = world.beside("ls-refs.lua");
    std::fs::write(&script, LS_REFS).expect("a script");
    let script = script.to_str();
    let (few_rate, few_cpu) = requests(subject, "small.git/git-upload-pack", seconds, script);
    let (many_rate, many_cpu) = requests(subject, "refs.git/git-upload-pack", seconds, script);
    let (push, push_cpu) = pushes.measure(subject);
    [
        smart_rate, smart_cpu, dumb_rate, dumb_cpu, one, one_cpu, eight, eight_cpu, few_rate,
        few_cpu, many_rate, many_cpu, push, push_cpu,
    ]
}

/// The request of `git ls-remote`, for wrk.
const LS_REFS: &str = r#"
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-git-upload-pack-request"
wrk.headers["Git-Protocol"] = "version=2"
wrk.body = "0014command=ls-refs\n0014agent=git/2.47.30016object-format=sha100010009peel\n000csymrefs\n0000"
"#;

/// Returns requests per second, and milliseconds of processor time per request.
fn requests(subject: &Subject, path: &str, seconds: usize, script: Option<&str>) -> (f64, f64) {
    let before = subject.cpu();
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "-c8", &format!("-d{seconds}s"), "-H", "Git-Protocol: version=2"]);
    wrk.args(script.iter().flat_map(|script| ["-s", script]));
    let text = command::run(wrk.arg(subject.server.url(path)), b"").succeeded().text();
    let spent = subject.cpu() - before;
    assert!(!text.contains("Non-2xx"), "{text}");
    let field = |line: &str, word: usize| {
        let line = text.lines().find(|found| found.contains(line)).expect("a line of wrk");
        line.split_whitespace().nth(word).and_then(|n| n.parse::<f64>().ok()).expect("a figure")
    };
    (field("Requests/sec:", 1), spent * 1000.0 / field("requests in", 0))
}

/// Returns the seconds that `count` clones at once take, and the server's processor time.
fn clones(world: &World, subject: &Subject, count: usize, repository: &Repository) -> (f64, f64) {
    let (before, start) = (subject.cpu(), Instant::now());
    thread::scope(|scope| {
        for n in 0..count {
            let (git, url) = (world.git(), subject.server.url("large.git"));
            scope
                .spawn(move || git.run(["clone", "--quiet", "--bare", &url, &format!("copy-{n}")]));
        }
    });
    let taken = start.elapsed();
    let spent = subject.cpu() - before;
    for n in 0..count {
        let copy = world.clone_at(&format!("copy-{n}"));
        assert_eq!(copy.refs(), repository.refs(), "a clone is not whole");
        std::fs::remove_dir_all(copy.path()).expect("to remove a clone");
    }
    (taken.as_secs_f64(), spent)
}
