//! What is said at start-up.
#![cfg(target_os = "linux")]

mod fixture;

use fixture::{Fixture, policy, policy_of, write_program};
use gitwasi_sandbox::{Git, GitError, Mode, Policy, PolicyError, ProcessLimits};

#[test]
fn the_report_has_a_line_for_each_barrier() {
    let report = policy(false).report().to_string();
    let lines: Vec<_> = report.lines().collect();
    let subjects: Vec<_> = lines.iter().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(
        subjects,
        [
            "kernel",
            "landlock",
            "seccomp",
            "capabilities",
            "no-new-privs",
            "rlimits",
            "hooks",
            "git"
        ]
    );
    assert!(lines[1].starts_with("landlock       yes  ABI "), "{report}");
    assert!(lines[2].starts_with("seccomp        yes  no sockets"), "{report}");
    let off = policy_of(Mode::Off, true).report().to_string();
    assert!(off.contains("landlock       no   switched off\n"), "{off}");
}

#[test]
fn an_old_git_is_refused_in_one_line() {
    let fixture = Fixture::new();
    let path = fixture.path("git");
    write_program(&path, "#!/bin/sh\necho git version 2.20.1\n");
    let error = Git::find(Some(&path)).unwrap_err();
    assert!(matches!(error, GitError::TooOld { .. }));
    let path = path.display();
    let expected = format!("git 2.20.1 at {path} is too old: 2.34.0 or newer is needed");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_git_that_cannot_run_inside_is_refused_at_start_up() {
    let fixture = Fixture::new();
    let path = fixture.path("git");
    // A wrapper needs a shell, which may not be executed.
    let script = format!("#!/bin/sh\nexec {} \"$@\"\n", Git::find(None).unwrap().path().display());
    write_program(&path, &script);
    let git = Git::find(Some(&path)).unwrap();
    let refused = Policy::new(git, Mode::Require, false, ProcessLimits::default()).unwrap_err();
    assert!(matches!(refused, PolicyError::GitDoesNotRun { .. }), "{refused}");
    assert!(
        refused.to_string().ends_with("executing git: Permission denied (os error 13)"),
        "{refused}"
    );
}
