//! Processor time of a server and of everything that it starts, to the microsecond.
//!
//! `/proc` cannot tell: fcgiwrap lets the kernel reap its children, and what a process without a
//! waiting parent has used is added to nobody's account. A cgroup of its own loses nothing.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::process;

/// A cgroup around a server; removed when dropped, which has to be after the server's end.
#[derive(Debug)]
pub struct CpuMeter {
    directory: PathBuf,
}

impl CpuMeter {
    /// Puts processes and all their descendants into a new cgroup; `None` where this process may
    /// not make one.
    #[must_use]
    pub fn around(pids: &[u32]) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gitwasi-e2e-{}-{number}", std::process::id());
        let directory = parent()?.join(name);
        fs::create_dir(&directory).ok()?;
        let meter = Self { directory };
        let descendants = pids.iter().flat_map(|&pid| process::descendants(pid));
        for pid in pids.iter().copied().chain(descendants) {
            fs::write(meter.directory.join("cgroup.procs"), pid.to_string()).ok()?;
        }
        Some(meter)
    }

    /// Returns the bytes of private memory that all processes have now.
    #[must_use]
    pub fn private_memory(&self) -> u64 {
        let pids = fs::read_to_string(self.directory.join("cgroup.procs")).unwrap_or_default();
        pids.lines().filter_map(private_memory).sum()
    }

    /// Returns the time used since the start.
    ///
    /// Spec: Linux `Documentation/admin-guide/cgroup-v2.rst`, "cpu.stat".
    ///
    /// # Panics
    /// When the cgroup is gone.
    #[must_use]
    pub fn used(&self) -> Duration {
        let statistics = fs::read_to_string(self.directory.join("cpu.stat")).expect("cpu.stat");
        let usage = statistics.lines().find_map(|line| line.strip_prefix("usage_usec "));
        Duration::from_micros(usage.and_then(|usage| usage.parse().ok()).expect("usage_usec"))
    }
}

/// Bytes of memory that a process has to itself, without what the system may drop and read again
/// from a file; none when it is gone.
fn private_memory(pid: &str) -> Option<u64> {
    let maps = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let private = maps.lines().find_map(|line| line.strip_prefix("Private_Dirty:"))?;
    private.split_ascii_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

impl Drop for CpuMeter {
    fn drop(&mut self) {
        // It stays for as long as a process is in it.
        let gone = Duration::from_secs(2);
        process::eventually(gone, || fs::remove_dir(&self.directory).is_ok());
    }
}

/// Returns this process's own cgroup in the version 2 hierarchy.
fn parent() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let mount = mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (path, kind) = (fields.next()?, fields.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(path))
    })?;
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Some(mount.join(own))
}
