//! The seccomp filter: system calls that git, its programs and shell scripts have no use for.
//!
//! A list of what is refused, not of what is allowed, because the C library under git differs from
//! system to system. What is newer than the list is refused as if the kernel were older, so the
//! list does not age. A refused call fails with EPERM: git and scripts then report it, whereas a
//! kill would leave nothing but a signal. Only a call of another architecture kills.
//! Spec: seccomp(2).

use libc::{
    SYS_accept, SYS_accept4, SYS_acct, SYS_add_key, SYS_adjtimex, SYS_bind, SYS_bpf, SYS_chroot,
    SYS_clock_adjtime, SYS_clock_settime, SYS_clone, SYS_clone3, SYS_connect, SYS_delete_module,
    SYS_execveat, SYS_fanotify_init, SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_fchownat,
    SYS_finit_module, SYS_fremovexattr, SYS_fsconfig, SYS_fsetxattr, SYS_fsmount, SYS_fsopen,
    SYS_fspick, SYS_init_module, SYS_io_uring_enter, SYS_io_uring_register, SYS_io_uring_setup,
    SYS_ioprio_set, SYS_kcmp, SYS_kexec_file_load, SYS_kexec_load, SYS_keyctl, SYS_kill,
    SYS_listen, SYS_lremovexattr, SYS_lsetxattr, SYS_memfd_create, SYS_memfd_secret,
    SYS_migrate_pages, SYS_mount, SYS_mount_setattr, SYS_move_mount, SYS_move_pages, SYS_mq_open,
    SYS_mq_unlink, SYS_msgctl, SYS_msgget, SYS_msgrcv, SYS_msgsnd, SYS_open_by_handle_at,
    SYS_open_tree, SYS_perf_event_open, SYS_personality, SYS_pidfd_getfd, SYS_pidfd_open,
    SYS_pidfd_send_signal, SYS_pivot_root, SYS_prlimit64, SYS_process_madvise,
    SYS_process_mrelease, SYS_process_vm_readv, SYS_process_vm_writev, SYS_ptrace, SYS_quotactl,
    SYS_quotactl_fd, SYS_reboot, SYS_removexattr, SYS_request_key, SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo, SYS_sched_setaffinity, SYS_sched_setattr, SYS_sched_setparam,
    SYS_sched_setscheduler, SYS_semctl, SYS_semget, SYS_semop, SYS_semtimedop, SYS_setdomainname,
    SYS_sethostname, SYS_setns, SYS_setpgid, SYS_setpriority, SYS_setsid, SYS_settimeofday,
    SYS_setxattr, SYS_shmat, SYS_shmctl, SYS_shmget, SYS_socket, SYS_socketpair, SYS_swapoff,
    SYS_swapon, SYS_syslog, SYS_tkill, SYS_truncate, SYS_umount2, SYS_unshare, SYS_userfaultfd,
    SYS_utimensat, SYS_vhangup,
};
use seccompiler::{
    BackendError, BpfProgram, BpfProgramRef, SeccompAction, SeccompCmpArgLen, SeccompCmpOp,
    SeccompCondition, SeccompFilter, SeccompRule, TargetArch, sock_filter,
};

/// Refused to every child.
#[rustfmt::skip]
const REFUSED: &[i64] = &[
    // The network, and file descriptors passed from one process to another.
    SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4,
    // Other processes: their memory, files, signals, priority.
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_process_madvise,
    SYS_process_mrelease, SYS_kcmp, SYS_pidfd_open, SYS_pidfd_getfd, SYS_pidfd_send_signal,
    SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_setpriority, SYS_ioprio_set,
    SYS_sched_setscheduler, SYS_sched_setparam, SYS_sched_setattr, SYS_sched_setaffinity,
    SYS_migrate_pages, SYS_move_pages,
    SYS_shmget, SYS_shmat, SYS_shmctl, SYS_semget, SYS_semop, SYS_semctl, SYS_semtimedop,
    SYS_msgget, SYS_msgsnd, SYS_msgrcv, SYS_msgctl, SYS_mq_open, SYS_mq_unlink,
    // Leaving the process group, by which the request is ended.
    SYS_setsid, SYS_setpgid,
    // Another root, other mounts, other namespaces; files by handle instead of by path.
    SYS_mount, SYS_umount2, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_move_mount,
    SYS_open_tree, SYS_mount_setattr, SYS_pivot_root, SYS_chroot, SYS_unshare, SYS_setns,
    SYS_open_by_handle_at, SYS_fanotify_init,
    // A program that is in no file, which landlock would not see.
    SYS_memfd_create, SYS_execveat,
    // Kernel interfaces with a history of holes.
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter,
    SYS_io_uring_register, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_memfd_secret,
    SYS_personality,
    // The machine.
    SYS_kexec_load, SYS_kexec_file_load, SYS_init_module, SYS_finit_module, SYS_delete_module,
    SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct, SYS_syslog, SYS_quotactl, SYS_quotactl_fd,
    SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_sethostname,
    SYS_setdomainname, SYS_vhangup,
    // Owners and attributes of files, which landlock does not govern.
    SYS_fchown, SYS_fchownat, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_removexattr,
    SYS_lremovexattr, SYS_fremovexattr,
];

/// The same, on this architecture alone.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[i64] = &[
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[i64] = &[];

/// Refused to a child that only reads: what landlock does not govern, and git does to its own
/// files when it writes.
const REFUSED_TO_READERS: &[i64] = &[SYS_fchmod, SYS_fchmodat, SYS_FCHMODAT2, SYS_utimensat];

/// The same, on this architecture alone.
#[cfg(target_arch = "x86_64")]
const REFUSED_TO_READERS_HERE: &[i64] =
    &[libc::SYS_chmod, libc::SYS_utime, libc::SYS_utimes, libc::SYS_futimesat];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_TO_READERS_HERE: &[i64] = &[];

/// The same number everywhere; not every C library has a name for it.
const SYS_FCHMODAT2: i64 = 452;

/// The newest system call that the lists above were written for: `mseal`, of Linux 6.10. Numbers
/// are the same on all architectures from 424 on. The next ones are `setxattrat` and its kin.
const NEWEST: u32 = 462;

/// For [`SYS_clone`]: new namespaces, and a child that is its parent's sibling.
const REFUSED_CLONE_FLAGS: [i32; 8] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_PARENT,
];

/// The compiled filters.
#[derive(Debug)]
pub(super) struct Filters {
    reader: BpfProgram,
    writer: BpfProgram,
}

impl Filters {
    /// Compiles both, to go with landlock of that ABI (zero for none).
    pub(super) fn compile(landlock_abi: i32) -> Result<Filters, String> {
        let arch = std::env::consts::ARCH;
        let arch =
            TargetArch::try_from(arch).map_err(|_| format!("there is no filter for {arch}"))?;
        let compile = |writable| {
            filter(arch, writable, landlock_abi).map_err(|error| format!("cannot compile: {error}"))
        };
        Ok(Filters { reader: compile(false)?, writer: compile(true)? })
    }

    pub(super) fn for_access(&self, writable: bool) -> BpfProgramRef<'_> {
        if writable { &self.writer } else { &self.reader }
    }

    pub(super) fn describe(&self) -> String {
        format!(
            "no sockets, ptrace, mounts, namespaces, io_uring, bpf, kernel modules ({} + {} calls)",
            REFUSED.len() + REFUSED_HERE.len(),
            REFUSED_TO_READERS.len() + REFUSED_TO_READERS_HERE.len(),
        )
    }
}

fn filter(arch: TargetArch, writable: bool, landlock_abi: i32) -> Result<BpfProgram, BackendError> {
    let mut refused = [REFUSED, REFUSED_HERE].concat();
    if !writable {
        refused.extend([REFUSED_TO_READERS, REFUSED_TO_READERS_HERE].concat());
    }
    if landlock_abi < 3 {
        refused.push(SYS_truncate);
    }
    if landlock_abi < 6 {
        // Without landlock's scopes any process of the host's uid could be signalled. `tgkill`
        // stays, since abort() is made of it.
        refused.extend([SYS_kill, SYS_tkill]);
    }

    let mut rules: std::collections::BTreeMap<i64, Vec<SeccompRule>> =
        refused.into_iter().map(|call| (call, Vec::new())).collect();
    let clone_flags = REFUSED_CLONE_FLAGS.into_iter().map(|flag| {
        let flag = u64::from(flag.cast_unsigned());
        argument_is(0, SeccompCmpOp::MaskedEq(flag), flag)
    });
    rules.insert(SYS_clone, clone_flags.collect::<Result<_, _>>()?);
    // Its own limits a process may read and lower; another's it could take away.
    rules.insert(SYS_prlimit64, vec![argument_is(0, SeccompCmpOp::Ne, 0)?]);

    let filter =
        SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(EPERM), arch)?;
    let mut program = BpfProgram::try_from(filter)?;
    program.splice(ARCHITECTURE_CHECK..ARCHITECTURE_CHECK, unknown_calls());
    Ok(program)
}

const EPERM: u32 = libc::EPERM.cast_unsigned();

fn argument_is(index: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value)?])
}

/// How many instructions the compiled filter begins with that check the architecture.
const ARCHITECTURE_CHECK: usize = 3;

/// Answers ENOSYS, so that the C library falls back to an older call: to calls newer than the
/// lists, which those of the x32 ABI are by their numbers (bit 30 is set), and to `clone3`, whose
/// flags a filter cannot see.
fn unknown_calls() -> [sock_filter; 4] {
    const LOAD_WORD: u16 = 0x20;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const JUMP_IF_GREATER: u16 = 0x25;
    const RETURN: u16 = 0x06;
    const OFFSET_OF_NUMBER: u32 = 0;
    const CLONE3: u32 = SYS_clone3 as u32;
    const ENOSYS: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned();

    let instruction = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    [
        instruction(LOAD_WORD, 0, 0, OFFSET_OF_NUMBER),
        instruction(JUMP_IF_GREATER, 1, 0, NEWEST),
        instruction(JUMP_IF_EQUAL, 0, 1, CLONE3),
        instruction(RETURN, 0, 0, ENOSYS),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_architecture_check_is_where_the_splice_expects_it() {
        let program = filter(TargetArch::x86_64, true, 7).unwrap();
        // ld [4]; jeq AUDIT_ARCH_X86_64, 1, 0; ret KILL_PROCESS
        let instruction = |index: usize| {
            let sock_filter { code, jt, jf, k } = program[index];
            (code, jt, jf, k)
        };
        assert_eq!(instruction(0), (0x20, 0, 0, 4));
        assert_eq!(instruction(1), (0x15, 1, 0, 0xc000_003e));
        assert_eq!(instruction(2), (0x06, 0, 0, 0x8000_0000));
        // ... and then the number is loaded again by what was compiled.
        assert_eq!(instruction(3), (0x20, 0, 0, 0));
        assert_eq!(instruction(7), (0x20, 0, 0, 0));
    }

    #[test]
    fn readers_are_refused_more_than_writers() {
        let length = |writable| filter(TargetArch::aarch64, writable, 7).unwrap().len();
        assert!(length(false) > length(true));
    }
}
