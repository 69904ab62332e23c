//! The seccomp filter: system calls that git, its programs and shell scripts have no use for.
//!
//! A list of what is refused, not of what is allowed, because the C library under git differs from
//! system to system. What is newer than the list is refused as if the kernel were older, so the
//! list does not age. A refused call fails with EPERM: git and scripts then report it, whereas a
//! kill would leave nothing but a signal. Only a call of another architecture kills.
//! Spec: seccomp(2).

use std::collections::BTreeMap;

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
const NEWEST: i64 = 462;

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
    let arguments = argument_rules()?;

    let verdict = |call: i64| match call {
        call if call == SYS_clone3 || call > NEWEST => Verdict::Unknown,
        call if arguments.contains_key(&call) => Verdict::ByArguments,
        call if refused.contains(&call) => Verdict::Refused,
        _ => Verdict::Allowed,
    };
    let mut segments: Vec<(i64, Verdict)> =
        (0..=NEWEST + 1).map(|call| (call, verdict(call))).collect();
    segments.dedup_by_key(|(_, verdict)| *verdict);
    let mut tree = vec![instruction(LOAD_WORD, 0, 0, OFFSET_OF_NUMBER)];
    search_tree(&segments, &mut tree);
    let end = tree.len();
    for (index, instruction) in tree.iter_mut().enumerate() {
        if instruction.code == JUMP {
            instruction.k = (end - index - 1) as u32;
        }
    }

    let filter =
        SeccompFilter::new(arguments, SeccompAction::Allow, SeccompAction::Errno(EPERM), arch)?;
    let mut program = BpfProgram::try_from(filter)?;
    program.splice(ARCHITECTURE_CHECK..ARCHITECTURE_CHECK, tree);
    Ok(program)
}

const EPERM: u32 = libc::EPERM.cast_unsigned();

/// Calls that are refused for what they are asked to do.
fn argument_rules() -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    let first_is = |operator, value| {
        let condition = SeccompCondition::new(0, SeccompCmpArgLen::Dword, operator, value)?;
        SeccompRule::new(vec![condition])
    };
    let clone = REFUSED_CLONE_FLAGS.into_iter().map(|flag| {
        let flag = u64::from(flag.cast_unsigned());
        first_is(SeccompCmpOp::MaskedEq(flag), flag)
    });
    Ok(BTreeMap::from([
        (SYS_clone, clone.collect::<Result<_, _>>()?),
        // Its own limits a process may read and lower; another's it could take away.
        (SYS_prlimit64, vec![first_is(SeccompCmpOp::Ne, 0)?]),
    ]))
}

/// How many instructions the compiled filter begins with that check the architecture.
const ARCHITECTURE_CHECK: usize = 3;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Allowed,
    /// EPERM.
    Refused,
    /// ENOSYS, so that the C library falls back to an older call. For calls newer than the lists,
    /// which those of the x32 ABI are by their numbers (bit 30 is set), and for `clone3`, whose
    /// flags a filter cannot see.
    Unknown,
    /// The instructions after the tree decide.
    ByArguments,
}

const LOAD_WORD: u16 = 0x20;
const JUMP: u16 = 0x05;
const JUMP_IF_AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;
const OFFSET_OF_NUMBER: u32 = 0;

fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// Appends a binary search for the segment that a call's number is in; each begins with its
/// number. A jump to the end of the program is left open.
///
/// seccompiler would compare with one number after the other. The kernel runs a new filter for
/// every number there is, to remember those that are always allowed, and with such a list that
/// took half a millisecond for each child (a tenth of that with this).
fn search_tree(segments: &[(i64, Verdict)], program: &mut BpfProgram) {
    if let [(_, verdict)] = segments {
        program.push(match verdict {
            Verdict::Allowed => instruction(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
            Verdict::Refused => instruction(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | EPERM),
            Verdict::Unknown => {
                let enosys = libc::ENOSYS.cast_unsigned();
                instruction(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | enosys)
            }
            Verdict::ByArguments => instruction(JUMP, 0, 0, 0),
        });
        return;
    }
    let (lower, upper) = segments.split_at(segments.len() / 2);
    let branch = program.len();
    program.push(instruction(JUMP_IF_AT_LEAST, 0, 0, upper[0].0 as u32));
    search_tree(lower, program);
    // At most one instruction and one branch for each segment of half the tree: a hundred or so.
    program[branch].jt = u8::try_from(program.len() - branch - 1).unwrap_or(u8::MAX);
    search_tree(upper, program);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a program answers to a call, by the few instructions that it is made of.
    fn answer(program: &[sock_filter], arch: u32, call: u32, first_argument: u32) -> u32 {
        let (mut at, mut accumulator) = (0, 0_u32);
        loop {
            let sock_filter { code, jt, jf, k } = program[at];
            at += 1;
            let mut jump = |condition| at += usize::from(if condition { jt } else { jf });
            match code {
                // ld
                0x20 => {
                    accumulator = match k {
                        0 => call,
                        4 => arch,
                        16 => first_argument,
                        _ => 0,
                    }
                }
                // ja, jeq, jgt, jge, and, ret
                0x05 => at += k as usize,
                0x15 => jump(accumulator == k),
                0x25 => jump(accumulator > k),
                0x35 => jump(accumulator >= k),
                0x54 => accumulator &= k,
                0x06 => return k,
                _ => panic!("instruction {code:#x}"),
            }
        }
    }

    const X86_64: u32 = 0xc000_003e;
    const I386: u32 = 0x4000_0003;
    const KILL: u32 = 0x8000_0000;
    const ALLOW: u32 = 0x7fff_0000;
    const NO_PERMISSION: u32 = 0x0005_0001;
    const NO_SUCH_CALL: u32 = 0x0005_0026;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn every_call_is_answered_as_the_lists_say() {
        for writable in [false, true] {
            let program = filter(TargetArch::x86_64, writable, 7).unwrap();
            for call in 0..=600_u32 {
                let number = i64::from(call);
                let refused = REFUSED.contains(&number)
                    || REFUSED_HERE.contains(&number)
                    || (!writable && REFUSED_TO_READERS.contains(&number))
                    || (!writable && REFUSED_TO_READERS_HERE.contains(&number));
                let expected = match number {
                    435 | 463.. => NO_SUCH_CALL,
                    _ if refused => NO_PERMISSION,
                    _ => ALLOW,
                };
                assert_eq!(answer(&program, X86_64, call, 0), expected, "call {call}");
                assert_eq!(answer(&program, I386, call, 0), KILL, "call {call}");
                let x32 = call | 0x4000_0000;
                assert_eq!(answer(&program, X86_64, x32, 0), NO_SUCH_CALL, "call {call}");
            }
        }
    }

    #[test]
    fn arguments_decide_about_clone_and_prlimit() {
        let program = filter(TargetArch::x86_64, true, 7).unwrap();
        let of = |call, first| answer(&program, X86_64, call as u32, first);
        const VFORK: u32 = 0x4100;
        assert_eq!(of(SYS_clone, VFORK | 17), ALLOW);
        assert_eq!(of(SYS_clone, VFORK | 17 | 0x1000_0000), NO_PERMISSION);
        assert_eq!(of(SYS_clone, 17 | 0x8000), NO_PERMISSION);
        assert_eq!(of(SYS_prlimit64, 0), ALLOW);
        assert_eq!(of(SYS_prlimit64, 1), NO_PERMISSION);
    }

    #[test]
    fn an_old_landlock_is_made_up_for() {
        let of = |abi, call: i64| {
            answer(&filter(TargetArch::x86_64, true, abi).unwrap(), X86_64, call as u32, 0)
        };
        assert_eq!((of(2, SYS_truncate), of(3, SYS_truncate)), (NO_PERMISSION, ALLOW));
        assert_eq!((of(5, SYS_kill), of(6, SYS_kill)), (NO_PERMISSION, ALLOW));
    }
}
