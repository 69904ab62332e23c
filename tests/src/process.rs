//! What `/proc` tells about the processes of a server.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Returns a memory figure of a process in bytes (`VmHWM`, the peak, or `VmRSS`, now).
#[must_use]
pub fn memory(pid: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("a memory figure");
    let kib = line.trim_start_matches(':').trim().trim_end_matches("kB").trim();
    kib.parse::<u64>().expect("a number of kB") * 1024
}

/// Returns the processes that descend from `pid`, itself not among them.
#[must_use]
pub fn descendants(pid: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = all().filter_map(|pid| Some((pid, stat(pid)?.parent))).collect();
    let mut found = HashSet::from([pid]);
    loop {
        let before = found.len();
        found.extend(
            parents.iter().filter(|(_, p)| found.contains(p)).map(|(c, _)| *c).collect::<Vec<_>>(),
        );
        if found.len() == before {
            break;
        }
    }
    found.remove(&pid);
    found.into_iter().collect()
}

/// Returns the processes that work inside `directory`, whoever their parent is now.
#[must_use]
pub fn working_in(directory: &Path) -> Vec<u32> {
    let inside = |pid: &u32| {
        fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(directory))
    };
    all().filter(inside).collect()
}

/// Returns the command line of a process, its words parted by spaces; empty when it is gone.
#[must_use]
pub fn command_line(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ").trim_end().to_owned()
}

/// Tells whether a process is there and not only waiting to be reaped.
#[must_use]
pub fn alive(pid: u32) -> bool {
    stat(pid).is_some_and(|stat| stat.state != 'Z')
}

/// Returns the processor time of one process alone.
#[must_use]
pub fn own_cpu(pid: u32) -> Duration {
    let ticks = stat(pid).map_or(0, |stat| stat.own);
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Waits until `condition` holds, looking every few milliseconds; tells whether it did in time.
pub fn eventually(within: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if start.elapsed() > within {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal to one process.
pub fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).expect("a pid");
    // The process may have ended by itself in the meantime.
    let _ = rustix::process::kill_process(pid, signal);
}

struct Stat {
    state: char,
    parent: u32,
    own: u64,
}

/// Spec: proc_pid_stat(5); the second field is in parentheses and may itself hold any of them.
fn stat(pid: u32) -> Option<Stat> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |field: usize| fields.get(field)?.parse::<u64>().ok();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        own: number(11)? + number(12)?,
    })
}

fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}
