//! A git child process in a sandbox: landlock, seccomp, rlimits, its own process group.
