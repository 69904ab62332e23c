//! The hostile side: runs inside the sandbox, in the directory of its repository.

#![allow(unsafe_code)]

use std::ffi::c_long;
use std::fs;
use std::io;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;

/// Tries everything, and prints `<attempt>: ok` or `<attempt>: <errno>`, and `<fact>: <value>`.
///
/// Protocol version 0 stands for a child without a sandbox, which tries only what does no harm.
pub(crate) fn all() {
    for (name, value) in std::env::vars() {
        println!("env {name}: {value}");
    }
    files();
    network();
    programs();
    if std::env::var("GIT_PROTOCOL").is_ok_and(|version| version == "version=0") {
        return;
    }
    processes();
    kernel();
    inherited();
}

/// The folder of this program.
pub(crate) fn own_folder() -> PathBuf {
    std::env::current_exe()
        .ok()
        .and_then(|path| Some(path.parent()?.to_owned()))
        .unwrap_or_default()
}

fn files() {
    report("read own file", fs::read("HEAD"));
    report("list own folder", fs::read_dir("."));
    report("write own file", fs::write("written", "x"));
    report("rename across own folders", fs::rename("written", "refs/written"));
    report("change own mode", fs::set_permissions("HEAD", fs::Permissions::from_mode(0o644)));
    report("read alternate", fs::read("../alternate/HEAD"));
    report("write alternate", fs::write("../alternate/written", "x"));
    report("read neighbour", fs::read("../neighbour/HEAD"));
    report("list neighbour", fs::read_dir("../neighbour"));
    report("write neighbour", fs::write("../neighbour/written", "x"));
    report("truncate neighbour", truncate(c"../neighbour/HEAD"));
    report("read through symlink", fs::read("link-to-neighbour"));
    report("make symlink", std::os::unix::fs::symlink("/etc/passwd", "planted"));
    report("hard link neighbour", fs::hard_link("../neighbour/HEAD", "stolen"));
    report("rename neighbour", fs::rename("../neighbour/HEAD", "moved"));
    report("remove neighbour", fs::remove_file("../neighbour/config"));
    report("read passwd", fs::read("/etc/passwd"));
    report("read proc of parent", fs::read(format!("/proc/{}/environ", parent())));
    report("list root", fs::read_dir("/"));
    report("write outside", fs::write("../outside", "x"));
    report(
        "make fifo",
        call(libc::SYS_mknodat, [at_cwd(), c"fifo".as_ptr() as c_long, 0o010_600, 0]),
    );
    report("change owner", std::os::unix::fs::chown("HEAD", Some(0), Some(0)));
    report("write null", fs::write("/dev/null", "x"));
}

fn network() {
    report("tcp", TcpStream::connect("127.0.0.1:9"));
    report("udp", UdpSocket::bind("127.0.0.1:0"));
    report("unix pair", UnixStream::pair());
    report("unix listen", UnixListener::bind("socket"));
}

fn programs() {
    report("run shell", Command::new("/bin/sh").args(["-c", "true"]).status());
    report(
        "run loader",
        Command::new("/lib64/ld-linux-x86-64.so.2").arg("/bin/true").output().and_then(succeeded),
    );
    report(
        "run itself",
        Command::new(std::env::current_exe().unwrap_or_default()).arg("--version").output(),
    );
    report("signal parent", call(libc::SYS_kill, [parent(), 0]));
    report("memfd", call(libc::SYS_memfd_create, [c"x".as_ptr() as c_long, 0]));
}

fn processes() {
    report("signal parent's thread", call(libc::SYS_tgkill, [parent(), parent(), 0]));
    report("trace parent", call(libc::SYS_ptrace, [i64::from(libc::PTRACE_SEIZE), parent(), 0, 0]));
    report("read parent's memory", call(libc::SYS_process_vm_readv, [parent(), 0, 0, 0, 0, 0]));
    report("limit parent", call(libc::SYS_prlimit64, [parent(), 0, 0, 0]));
    report("leave session", call(libc::SYS_setsid, []));
    report("leave group", call(libc::SYS_setpgid, [0, 0]));
    report("pidfd of parent", call(libc::SYS_pidfd_open, [parent(), 0]));
    report("priority of parent", call(libc::SYS_setpriority, [0, parent(), 19]));
    report("start thread", std::thread::Builder::new().spawn(|| {}).map(|thread| thread.join()));
}

fn kernel() {
    let flags = |flags: i32| i64::from(flags | libc::SIGCHLD);
    report("new namespace by unshare", call(libc::SYS_unshare, [i64::from(libc::CLONE_NEWUSER)]));
    for (name, flag) in [
        ("user", libc::CLONE_NEWUSER),
        ("mount", libc::CLONE_NEWNS),
        ("net", libc::CLONE_NEWNET),
        ("pid", libc::CLONE_NEWPID),
    ] {
        report(
            &format!("new {name} namespace by clone"),
            call(libc::SYS_clone, [flags(flag), 0, 0, 0, 0]),
        );
    }
    report("sibling by clone", call(libc::SYS_clone, [flags(libc::CLONE_PARENT), 0, 0, 0, 0]));
    report("clone3", call(libc::SYS_clone3, [0, 0]));
    report("mount", call(libc::SYS_mount, [0, 0, 0, 0, 0]));
    report("open_tree", call(libc::SYS_open_tree, [at_cwd(), 0, 0]));
    report("chroot", call(libc::SYS_chroot, [c"/".as_ptr() as c_long]));
    report("pivot_root", call(libc::SYS_pivot_root, [0, 0]));
    report("bpf", call(libc::SYS_bpf, [0, 0, 0]));
    report("io_uring", call(libc::SYS_io_uring_setup, [1, 0]));
    report("keyctl", call(libc::SYS_keyctl, [0, 0]));
    report("perf", call(libc::SYS_perf_event_open, [0, 0, 0, 0, 0]));
    report("userfaultfd", call(libc::SYS_userfaultfd, [0]));
    report("personality", call(libc::SYS_personality, [0xffff_ffff]));
    // setxattrat, open_tree_attr, and one that does not exist yet.
    for number in [463, 467, 600] {
        report(&format!("call {number}"), call(number, [0, 0, 0, 0, 0, 0]));
    }
    if cfg!(target_arch = "x86_64") {
        const X32: c_long = 0x4000_0000;
        report("x32 getpid", call(X32 | libc::SYS_getpid, []));
        report("x32 socket", call(X32 | libc::SYS_socket, [2, 1, 0]));
    }
    #[cfg(target_arch = "x86_64")]
    report("i386 getpid", in_a_child(i386_getpid));
}

fn inherited() {
    let open: Vec<_> = (3..4096)
        .filter(|fd| call(libc::SYS_fcntl, [*fd, i64::from(libc::F_GETFD)]).is_ok())
        .collect();
    println!("descriptors: {open:?}");
    // SAFETY: both calls write to memory of this frame.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        // Rust's runtime has ignored SIGPIPE in this process too; SIGUSR1 the parent has ignored.
        libc::sigaction(libc::SIGUSR1, std::ptr::null(), &raw mut action);
        println!("SIGUSR1 default: {}", action.sa_sigaction == libc::SIG_DFL);
        let mut mask: libc::sigset_t = std::mem::zeroed();
        libc::sigprocmask(libc::SIG_SETMASK, std::ptr::null(), &raw mut mask);
        let blocked = (1..=64).filter(|signal| libc::sigismember(&raw const mask, *signal) == 1);
        println!("blocked signals: {}", blocked.count());
        for (name, resource) in [("core", libc::RLIMIT_CORE), ("files", libc::RLIMIT_NOFILE)] {
            let mut limit: libc::rlimit = std::mem::zeroed();
            libc::getrlimit(resource, &raw mut limit);
            println!("limit {name}: {} {}", limit.rlim_cur, limit.rlim_max);
        }
        println!("no new privileges: {}", libc::prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
        println!("group leader: {}", libc::getpgrp() == libc::getpid());
        let mut sets = [0_u32; 6];
        let header = [0x2008_0522_u32, 0];
        libc::syscall(libc::SYS_capget, header.as_ptr(), sets.as_mut_ptr());
        println!("capabilities: {:x} {:x} {:x}", sets[0], sets[1], sets[3]);
    }
}

fn report<T>(attempt: &str, result: io::Result<T>) {
    match result {
        Ok(_) => println!("{attempt}: ok"),
        Err(error) => match error.raw_os_error() {
            Some(libc::EPERM) => println!("{attempt}: EPERM"),
            Some(libc::EACCES) => println!("{attempt}: EACCES"),
            Some(libc::ENOSYS) => println!("{attempt}: ENOSYS"),
            Some(libc::EXDEV) => println!("{attempt}: EXDEV"),
            _ => println!("{attempt}: {error}"),
        },
    }
}

/// Makes a system call; the numbers that are missing are zero.
fn call<const N: usize>(number: c_long, arguments: [c_long; N]) -> io::Result<c_long> {
    let argument = |index: usize| arguments.get(index).copied().unwrap_or(0);
    // SAFETY: every call above passes null or a C string where the kernel wants a pointer.
    let answer = unsafe {
        libc::syscall(
            number,
            argument(0),
            argument(1),
            argument(2),
            argument(3),
            argument(4),
            argument(5),
        )
    };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

fn truncate(path: &std::ffi::CStr) -> io::Result<c_long> {
    call(libc::SYS_truncate, [path.as_ptr() as c_long, 0])
}

fn succeeded(output: std::process::Output) -> io::Result<()> {
    if output.status.success() { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::EACCES)) }
}

fn parent() -> c_long {
    c_long::from(std::os::unix::process::parent_id().cast_signed())
}

fn at_cwd() -> c_long {
    c_long::from(libc::AT_FDCWD)
}

/// Runs `attempt` in a process of its own, which it may not survive.
#[cfg(target_arch = "x86_64")]
fn in_a_child(attempt: fn()) -> io::Result<()> {
    // SAFETY: this process has no other thread at this point.
    let status = unsafe {
        let child = libc::fork();
        if child == 0 {
            attempt();
            libc::_exit(0);
        }
        let mut status = 0;
        libc::waitpid(child, &raw mut status, 0);
        status
    };
    if status == 0 { Ok(()) } else { Err(io::Error::other(format!("wait status {status}"))) }
}

/// getpid(2) by the 32-bit interface of x86.
#[cfg(target_arch = "x86_64")]
fn i386_getpid() {
    // SAFETY: the call has no arguments and changes nothing but eax.
    unsafe { std::arch::asm!("int 0x80", inout("eax") 20 => _, options(nostack)) };
}
