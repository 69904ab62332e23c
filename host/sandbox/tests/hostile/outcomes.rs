//! The watching side: starts the hostile git, and says what has to come of its attempts.

#![allow(unsafe_code, clippy::unwrap_used)] // All of this is a test, outside of the test harness.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::IntoRawFd;

use gitwasi_sandbox::{Git, GitCommand, Job, Mode, Policy, ProcessLimits, ProtocolVersion};

use crate::fixture::{Fixture, job, open, run};

const ADVERTISE: GitCommand = GitCommand::UploadPack { advertise: true };

/// Runs every check, and fails if one does.
pub(crate) fn check_all() {
    // Something to be inherited: an ignored signal, a descriptor that is not close-on-exec.
    // SAFETY: changes the disposition of a signal that nobody sends.
    unsafe { libc::signal(libc::SIGUSR1, libc::SIG_IGN) };
    let inheritable = fs::File::open("/etc/passwd").unwrap().into_raw_fd();
    // SAFETY: clears the flags of a descriptor that was opened above.
    unsafe { libc::fcntl(inheritable, libc::F_SETFD, 0) };

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let reader = attempts(Mode::Require, false).await;
        check("reader", &reader, READER);
        check("reader", &reader, COMMON);
        check_inherited(&reader);
        let writer = attempts(Mode::Require, true).await;
        check("writer", &writer, WRITER);
        check("writer", &writer, COMMON);
        check_environment(&writer);
        // The attempts are real: without the sandbox they succeed.
        let free = attempts(Mode::Off, true).await;
        check("without a sandbox", &free, FREE);
    });
    println!("hostile: all attempts ended as they should");
}

const COMMON: &[(&str, &str)] = &[
    ("read own file", "ok"),
    ("list own folder", "ok"),
    ("read alternate", "ok"),
    ("write alternate", "EACCES"),
    ("read neighbour", "EACCES"),
    ("list neighbour", "EACCES"),
    ("write neighbour", "EACCES"),
    ("truncate neighbour", "EACCES"),
    ("remove neighbour", "EACCES"),
    ("read through symlink", "EACCES"),
    ("make symlink", "EACCES"),
    ("read passwd", "EACCES"),
    ("read proc of parent", "EACCES"),
    ("list root", "EACCES"),
    ("write outside", "EACCES"),
    ("make fifo", "EACCES"),
    ("change owner", "EPERM"),
    ("write null", "ok"),
    ("tcp", "EPERM"),
    ("udp", "EPERM"),
    ("unix pair", "EPERM"),
    ("unix listen", "EPERM"),
    ("run shell", "EACCES"),
    #[cfg(target_arch = "x86_64")]
    ("run loader", "EACCES"),
    ("run itself", "ok"),
    ("signal parent", "EPERM"),
    ("signal parent's thread", "EPERM"),
    ("trace parent", "EPERM"),
    ("read parent's memory", "EPERM"),
    ("limit parent", "EPERM"),
    ("leave session", "EPERM"),
    ("leave group", "EPERM"),
    ("pidfd of parent", "EPERM"),
    ("priority of parent", "EPERM"),
    ("start thread", "ok"),
    ("new namespace by unshare", "EPERM"),
    ("new user namespace by clone", "EPERM"),
    ("new mount namespace by clone", "EPERM"),
    ("new net namespace by clone", "EPERM"),
    ("new pid namespace by clone", "EPERM"),
    ("sibling by clone", "EPERM"),
    ("clone3", "ENOSYS"),
    ("mount", "EPERM"),
    ("open_tree", "EPERM"),
    ("chroot", "EPERM"),
    ("pivot_root", "EPERM"),
    ("bpf", "EPERM"),
    ("io_uring", "EPERM"),
    ("keyctl", "EPERM"),
    ("perf", "EPERM"),
    ("userfaultfd", "EPERM"),
    ("memfd", "EPERM"),
    ("personality", "EPERM"),
    ("call 463", "ENOSYS"),
    ("call 467", "ENOSYS"),
    ("call 600", "ENOSYS"),
    #[cfg(target_arch = "x86_64")]
    ("x32 getpid", "ENOSYS"),
    #[cfg(target_arch = "x86_64")]
    ("x32 socket", "ENOSYS"),
    // SIGSYS, without a core dump.
    #[cfg(target_arch = "x86_64")]
    ("i386 getpid", "wait status 31"),
];

const READER: &[(&str, &str)] = &[
    ("write own file", "EACCES"),
    ("change own mode", "EPERM"),
    ("hard link neighbour", "EACCES"),
    ("rename neighbour", "EACCES"),
];

const WRITER: &[(&str, &str)] = &[
    ("write own file", "ok"),
    ("rename across own folders", "ok"),
    ("change own mode", "ok"),
    // To have it beneath another folder would be to gain rights on it.
    ("hard link neighbour", "EXDEV"),
    ("rename neighbour", "EACCES"),
];

const FREE: &[(&str, &str)] = &[
    ("read neighbour", "ok"),
    ("read through symlink", "ok"),
    ("read passwd", "ok"),
    ("make symlink", "ok"),
    ("udp", "ok"),
    ("unix pair", "ok"),
    ("run shell", "ok"),
    #[cfg(target_arch = "x86_64")]
    ("run loader", "ok"),
    ("signal parent", "ok"),
    ("memfd", "ok"),
];

fn check(what: &str, outcomes: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    for (attempt, outcome) in expected {
        let actual = outcomes.get(*attempt).map(String::as_str);
        assert_eq!(actual, Some(*outcome), "{what}: {attempt}");
    }
}

fn check_inherited(outcomes: &BTreeMap<String, String>) {
    let line = |start: &str| outcomes.get(start).map(String::as_str).unwrap();
    assert_eq!(line("descriptors"), "[]");
    assert_eq!(line("SIGUSR1 default"), "true");
    assert_eq!(line("blocked signals"), "0");
    assert_eq!(line("limit core"), "0 0");
    assert_eq!(line("limit files"), "4096 4096");
    assert_eq!(line("no new privileges"), "1");
    assert_eq!(line("group leader"), "true");
    // CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID, or none when not root.
    let capabilities = line("capabilities");
    assert!(matches!(capabilities, "1e 1e 0" | "0 0 0"), "{capabilities}");
}

fn check_environment(outcomes: &BTreeMap<String, String>) {
    let names: Vec<_> = outcomes.keys().filter_map(|key| key.strip_prefix("env ")).collect();
    let known = [
        "GIT_ALLOW_PROTOCOL",
        "GIT_ATTR_NOSYSTEM",
        "GIT_COMMITTER_EMAIL",
        "GIT_COMMITTER_NAME",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_NO_LAZY_FETCH",
        "GIT_PROTOCOL",
        "GIT_TERMINAL_PROMPT",
        "HOME",
        "LC_ALL",
        "PATH",
        "XDG_CONFIG_HOME",
    ];
    let names: Vec<_> = names
        .into_iter()
        .filter(|name| !["COUNT", "KEY_", "VALUE_"].iter().any(|part| name.contains(part)))
        .collect();
    assert_eq!(names, known);
}

/// Lets the hostile git try everything, once.
async fn attempts(mode: Mode, writable: bool) -> BTreeMap<String, String> {
    let fixture = Fixture::new();
    for name in ["repository", "neighbour", "alternate"] {
        fs::create_dir_all(fixture.path(name).join("refs")).unwrap();
        fs::write(fixture.path(name).join("HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(fixture.path(name).join("config"), "").unwrap();
    }
    let repository = fixture.path("repository");
    std::os::unix::fs::symlink("../neighbour/HEAD", repository.join("link-to-neighbour")).unwrap();

    let git = Git::find(Some(&std::env::current_exe().unwrap())).unwrap();
    let policy = Policy::new(git, mode, false, ProcessLimits::default()).unwrap();
    let job = Job {
        writable,
        alternates: vec![open(&fixture.path("alternate"))],
        protocol: Some(match mode {
            Mode::Off => ProtocolVersion::V0,
            _ => ProtocolVersion::V2,
        }),
        ..job(ADVERTISE, &repository)
    };
    let output = run(&policy, job, b"").await;
    assert!(output.exit.success(), "{output:?}");

    let text = output.text();
    let lines = text.lines().filter_map(|line| line.split_once(": "));
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
