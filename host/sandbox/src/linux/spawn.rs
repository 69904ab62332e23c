//! Starts the child: the one module with unsafe code.
//!
//! The child is made with `CLONE_VM | CLONE_VFORK`, as posix_spawn(3) does it: it borrows the
//! parent's memory, on a stack of its own, while the thread that made it stands still until the
//! child has executed git or has failed. That costs the same whatever the size of the host, where
//! fork(2) would copy its page tables. All is prepared before; the child makes system calls and
//! nothing else: no allocation, no lock, no panic.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_long, c_ulong, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::process::{Pid, Resource, WaitId, WaitIdOptions, waitid};
use rustix::thread::CapabilitySet;
use seccompiler::BpfProgramRef;
use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdRegisterError};

use crate::policy::SpawnError;

/// What a child needs on its way to git.
pub(super) struct Recipe<'a> {
    pub(super) program: &'a CStr,
    pub(super) arguments: Vec<&'a CStr>,
    pub(super) environment: Vec<&'a CStr>,
    pub(super) directory: BorrowedFd<'a>,
    pub(super) stdio: [BorrowedFd<'a>; 3],
    pub(super) ruleset: Option<BorrowedFd<'a>>,
    pub(super) filter: Option<BpfProgramRef<'a>>,
    pub(super) limits: &'a [(Resource, u64)],
    pub(super) keep_capabilities: Option<CapabilitySet>,
}

/// A child that executes git, as the leader of its own process group.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) pid: Pid,
    pub(super) pidfd: OwnedFd,
}

/// Where a child can fail; the number is what it leaves behind for its parent.
const STEPS: [&str; 11] = [
    "resetting signals",
    "making a process group",
    "entering the directory of the repository",
    "connecting the pipes",
    "setting resource limits",
    "dropping capabilities",
    "setting no-new-privileges",
    "enforcing landlock",
    "closing file descriptors",
    "enforcing seccomp",
    "executing git",
];

/// Room for the few frames of [`child`], in bytes; a debug build takes the most.
const STACK: usize = 64 << 10;

pub(super) fn spawn(recipe: &Recipe<'_>) -> Result<Started, SpawnError> {
    // The child puts its pipes in the places 0 to 2 one by one, so none may be there before. That
    // happens only to a host that has closed its own.
    let mut moved = Vec::new();
    let mut stdio = [0; 3];
    for (place, fd) in stdio.iter_mut().zip(recipe.stdio) {
        *place = fd.as_raw_fd();
        if *place < 3 {
            let fd = rustix::io::fcntl_dupfd_cloexec(fd, 3)
                .map_err(|error| SpawnError::Pipe(error.into()))?;
            *place = fd.as_raw_fd();
            moved.push(fd);
        }
    }

    let program_of = |filter: BpfProgramRef<'_>| libc::sock_fprog {
        len: u16::try_from(filter.len()).unwrap_or(0),
        // The two types are both the kernel's `struct sock_filter`.
        filter: filter.as_ptr().cast_mut().cast(),
    };
    let bits = recipe.keep_capabilities.map_or(0, |keep| keep.bits());
    let half = |bits: u64| CapabilityHalf {
        effective: bits as u32,
        permitted: bits as u32,
        inheritable: 0,
    };
    let pointers = |strings: &[&CStr]| -> Vec<*const c_char> {
        strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
    };
    let arguments = pointers(&recipe.arguments);
    let environment = pointers(&recipe.environment);
    let orders = Orders {
        program: recipe.program.as_ptr(),
        arguments: arguments.as_ptr(),
        environment: environment.as_ptr(),
        directory: recipe.directory.as_raw_fd(),
        stdio,
        ruleset: recipe.ruleset.map(|ruleset| ruleset.as_raw_fd()),
        filter: recipe.filter.map(program_of),
        limits: recipe.limits,
        capabilities: recipe.keep_capabilities.map(|_| [half(bits), half(bits >> 32)]),
        failed_step: AtomicI32::new(-1),
        failed_with: AtomicI32::new(0),
    };

    let (pid, pidfd) =
        clone(&orders).map_err(|source| SpawnError::Start { step: "making a process", source })?;
    let step = orders.failed_step.load(Ordering::Relaxed);
    if let Some(step) = usize::try_from(step).ok().and_then(|step| STEPS.get(step)) {
        // It has ended, or is about to: its last call is _exit.
        let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED);
        let source = io::Error::from_raw_os_error(orders.failed_with.load(Ordering::Relaxed));
        return Err(SpawnError::Start { step, source });
    }
    Ok(Started { pid, pidfd })
}

/// Registers the descriptor of a child with the tokio runtime; gives it back when that fails.
pub(super) fn register(pidfd: OwnedFd) -> Result<AsyncFd<OwnedFd>, (OwnedFd, io::Error)> {
    // SAFETY: an `OwnedFd` is open and stays the same for as long as it is owned.
    unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) }
        .map_err(AsyncFdRegisterError::into_parts)
}

/// Which landlock the kernel has; at least 1.
pub(super) fn landlock_abi() -> io::Result<i32> {
    const CREATE_RULESET_VERSION: u32 = 1;
    // SAFETY: with this flag the kernel reads no memory; it answers with a number.
    let abi = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            ptr::null::<c_void>(),
            0_usize,
            CREATE_RULESET_VERSION,
        )
    };
    i32::try_from(abi).ok().filter(|abi| *abi > 0).ok_or_else(io::Error::last_os_error)
}

/// Whether the kernel has seccomp filters that answer with an error.
pub(super) fn seccomp_available() -> io::Result<()> {
    let action: u32 = libc::SECCOMP_RET_ERRNO;
    // SAFETY: the kernel reads one u32 at the pointer, which is valid for the call.
    let answer = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, ptr::from_ref(&action))
    };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A [`Recipe`] as the child uses it: nothing in here has to be converted, and nothing is dropped.
struct Orders<'a> {
    program: *const c_char,
    arguments: *const *const c_char,
    environment: *const *const c_char,
    directory: RawFd,
    stdio: [RawFd; 3],
    ruleset: Option<RawFd>,
    filter: Option<libc::sock_fprog>,
    limits: &'a [(Resource, u64)],
    capabilities: Option<[CapabilityHalf; 2]>,
    /// Index into [`STEPS`], or negative.
    failed_step: AtomicI32,
    /// The errno of that step.
    failed_with: AtomicI32,
}

/// `struct __user_cap_data_struct` of linux/capability.h.
#[repr(C)]
struct CapabilityHalf {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// `struct __user_cap_header_struct` of linux/capability.h.
#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: c_int,
}

/// Returns when the child has executed git, or has ended.
fn clone(orders: &Orders<'_>) -> io::Result<(Pid, OwnedFd)> {
    let mut stack = Box::<[u8]>::new_uninit_slice(STACK);
    let top = stack.as_mut_ptr_range().end;
    let top = top.map_addr(|address| address & !15);
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
    let mut pidfd: c_int = -1;

    // A signal handler of the host must not run in the child, where it would work on the host's
    // memory as another process; so nothing is delivered until the child has dropped them all.
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets live on this stack. `before` is written by pthread_sigmask, which cannot
    // fail with a valid first argument, and is read after that alone. `child` gets a valid stack,
    // 16-byte aligned and growing down, and a pointer to `orders`; both outlive its use of them,
    // because CLONE_VFORK holds this thread until the child has executed or exited. `pidfd` is
    // where the kernel puts the descriptor for CLONE_PIDFD (clone(2), `parent_tid`).
    let (pid, error) = unsafe {
        let mut all = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        let pid = libc::clone(
            child,
            top.cast::<c_void>(),
            flags,
            ptr::from_ref(orders).cast_mut().cast::<c_void>(),
            ptr::from_mut(&mut pidfd),
        );
        let error = io::Error::last_os_error();
        libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut());
        (pid, error)
    };
    let pid = Pid::from_raw(pid).filter(|_| pid > 0).ok_or(error)?;
    // SAFETY: the call above has succeeded, so the kernel has made this descriptor for us alone.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok((pid, pidfd))
}

extern "C" fn child(orders: *mut c_void) -> c_int {
    // SAFETY: `clone` passes a pointer to `Orders`, which stay where they are meanwhile; they are
    // shared with the parent, which stands still, and changed through atomics only.
    let orders = unsafe { &*orders.cast::<Orders<'_>>() };
    let mut step = 0;
    // SAFETY: this is the child of `clone`, with its own descriptors, limits and credentials.
    let errno = unsafe { become_git(orders, &mut step) };
    orders.failed_with.store(errno, Ordering::Relaxed);
    orders.failed_step.store(step, Ordering::Relaxed);
    // SAFETY: ends this process without running anything of the parent's.
    unsafe { libc::_exit(127) }
}

/// Goes through [`STEPS`], and returns (the errno) only if one fails; `step` is the index of it.
///
/// # Safety
///
/// Only for a process of its own that shares the memory of `orders`: it gives up its privileges,
/// closes its files, and replaces its program.
unsafe fn become_git(orders: &Orders<'_>, step: &mut i32) -> i32 {
    macro_rules! check {
        ($call:expr) => {
            if $call < 0 {
                return *libc::__errno_location();
            }
        };
    }
    // SAFETY: each call gets plain numbers, or pointers into `orders` or this frame that are valid
    // for its duration. errno is the suspended parent's, which reads it after that call of its own
    // only.
    unsafe {
        // The program starts with the defaults, whatever the host ignores (Rust: SIGPIPE) or
        // handles. SIGKILL and SIGSTOP cannot be set, the C library keeps some; neither matters.
        let mut default: libc::sigaction = std::mem::zeroed();
        default.sa_sigaction = libc::SIG_DFL;
        for signal in 1..=64 {
            libc::sigaction(signal, &raw const default, ptr::null_mut());
        }

        *step += 1;
        check!(libc::setpgid(0, 0));

        *step += 1;
        check!(libc::fchdir(orders.directory));

        *step += 1;
        check!(libc::dup2(orders.stdio[0], 0));
        check!(libc::dup2(orders.stdio[1], 1));
        check!(libc::dup2(orders.stdio[2], 2));

        *step += 1;
        for (resource, limit) in orders.limits {
            let limit = libc::rlimit64 { rlim_cur: *limit, rlim_max: *limit };
            let nothing = ptr::null_mut::<c_void>();
            check!(libc::syscall(
                libc::SYS_prlimit64,
                0,
                *resource as c_int,
                &raw const limit,
                nothing
            ));
        }

        *step += 1;
        if let Some(capabilities) = &orders.capabilities {
            const VERSION_3: u32 = 0x2008_0522;
            let header = CapabilityHeader { version: VERSION_3, pid: 0 };
            check!(libc::syscall(libc::SYS_capset, &raw const header, capabilities.as_ptr()));
        }

        *step += 1;
        let (yes, zero): (c_ulong, c_ulong) = (1, 0);
        check!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, yes, zero, zero, zero));

        *step += 1;
        if let Some(ruleset) = orders.ruleset {
            check!(libc::syscall(libc::SYS_landlock_restrict_self, ruleset, 0));
        }

        // Every descriptor of the host's is close-on-exec already if it was made by Rust; this is
        // for those of other libraries. Kernels before 5.9 do not have it.
        *step += 1;
        let closed: c_long = libc::syscall(libc::SYS_close_range, 3, c_int::MAX, 0);
        if closed < 0 && *libc::__errno_location() != libc::ENOSYS {
            return *libc::__errno_location();
        }

        *step += 1;
        if let Some(filter) = &orders.filter {
            // Mitigations against other code in the same process: git runs none.
            let flags = libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
            let filter = ptr::from_ref(filter);
            check!(libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, filter));
        }

        *step += 1;
        let mut none = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
        libc::execve(orders.program, orders.arguments, orders.environment);
        *libc::__errno_location()
    }
}
