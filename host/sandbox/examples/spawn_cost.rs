//! Measures what the sandbox adds to a request: the advertisement of a small repository, by the
//! standard library and by a policy, in a small host and in a large one.
//!
//! `cargo run --release -p gitwasi-sandbox --example spawn_cost -- [repository]`

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gitwasi_sandbox::{Git, GitCommand, Job, Mode, Policy, ProcessLimits};
use tokio::io::AsyncReadExt;

const ROUNDS: u32 = 300;
const COMMAND: GitCommand = GitCommand::UploadPack { advertise: true };

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("gitwasi-spawn-cost-{}", std::process::id()));
    let repository = match std::env::args_os().nth(1) {
        Some(repository) => PathBuf::from(repository),
        None => {
            Command::new("git").args(["init", "-q", "--bare"]).arg(&folder).status()?;
            folder.clone()
        }
    };
    let policy = |mode| {
        Policy::new(Git::find(None)?, mode, false, ProcessLimits::default())
            .map_err(Box::<dyn std::error::Error>::from)
    };
    let (require, off) = (policy(Mode::Require)?, policy(Mode::Off)?);
    print!("{}", require.report());

    for ballast in [0, 1 << 30] {
        let ballast = vec![1_u8; ballast];
        println!(
            "\nhost with {} MiB more; microseconds, the median of {ROUNDS}",
            ballast.len() >> 20
        );
        println!("{:<24} {:>8} {:>8}", "", "start", "in all");
        let mut rows =
            [("std", Vec::new()), ("policy, off", Vec::new()), ("policy, require", Vec::new())];
        for _ in 0..ROUNDS {
            rows[0].1.push(standard(require.git().path(), &repository)?);
            rows[1].1.push(sandboxed(&off, &repository).await?);
            rows[2].1.push(sandboxed(&require, &repository).await?);
        }
        for (name, times) in &mut rows {
            let median = |mut times: Vec<Duration>| {
                times.sort();
                times[times.len() / 2].as_micros()
            };
            let start = median(times.iter().map(|(start, _)| *start).collect());
            let all = median(times.iter().map(|(_, all)| *all).collect());
            println!("{name:<24} {start:>8} {all:>8}");
        }
    }
    let _ = std::fs::remove_dir_all(folder);
    Ok(())
}

/// Times until git has been executed, and until it has ended.
fn standard(git: &Path, repository: &Path) -> Result<(Duration, Duration)> {
    let start = Instant::now();
    let child = Command::new(git)
        .args(["upload-pack", "--strict", "--stateless-rpc", "--http-backend-info-refs", "."])
        .env_clear()
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .current_dir(repository)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let started = start.elapsed();
    let output = child.wait_with_output()?;
    assert!(output.status.success());
    Ok((started, start.elapsed()))
}

async fn sandboxed(policy: &Policy, repository: &Path) -> Result<(Duration, Duration)> {
    let start = Instant::now();
    let mut child = policy.spawn(Job::new(COMMAND, File::open(repository)?.into()))?;
    let started = start.elapsed();
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    if let (Some(out), Some(err)) = (&mut child.stdout, &mut child.stderr) {
        tokio::try_join!(out.read_to_end(&mut stdout), err.read_to_end(&mut stderr))?;
    }
    assert!(child.wait().await?.success());
    Ok((started, start.elapsed()))
}
