//! The landlock rules: which files a child may read, write or execute.
//!
//! The paths that every child needs are opened once; a ruleset is made for each child, because it
//! names that child's repository. Spec: landlock(7).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, Scope,
};
use rustix::fs::{Mode, OFlags, open, openat};

use super::{elf, spawn};
use crate::git::Git;
use crate::policy::SpawnError;

/// What is the same for every child.
#[derive(Debug)]
pub(super) struct Rules {
    abi: i32,
    hooks: bool,
    paths: Vec<(OwnedFd, BitFlags<AccessFs>)>,
}

/// The first landlock that can hold a writing git: a push renames files from its quarantine into
/// the object directory, which ABI 1 always refuses.
const OLDEST_ABI: i32 = 2;

/// What the dynamic loader, the C library and git read. Not executable.
const LIBRARIES: &[&str] = &[
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/local/lib64",
    "/nix/store",
    "/gnu/store",
    "/etc/ld.so.cache",
];

const FILES: &[&str] = &[
    // The names of temporary files.
    "/dev/urandom",
    // The times in a reflog.
    "/etc/localtime",
    // How many threads to use.
    "/sys/devices/system/cpu/online",
];

/// What hooks are made of, executable.
const PROGRAMS: &[&str] = &["/bin", "/usr/bin", "/usr/local/bin", "/usr/libexec"];

/// What the programs of hooks read.
const DATA: &[&str] = &["/usr/share", "/usr/local/share"];

impl Rules {
    /// Opens what every child needs, as far as it is there.
    ///
    /// # Errors
    ///
    /// Why landlock cannot be enforced.
    pub(super) fn probe(git: &Git, hooks: bool) -> Result<Rules, String> {
        let abi = spawn::landlock_abi().map_err(|error| match error.raw_os_error() {
            Some(libc::EOPNOTSUPP) => "the kernel has it, but not switched on (lsm=)".to_owned(),
            _ => format!("the kernel has it not ({error})"),
        })?;
        if abi < OLDEST_ABI {
            return Err(format!("ABI {abi} is too old: {OLDEST_ABI} (Linux 5.19) is needed"));
        }

        let execute = AccessFs::Execute | AccessFs::ReadFile | AccessFs::ReadDir;
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let mut rules = Rules { abi, hooks, paths: Vec::new() };
        rules.add(git.path(), execute);
        rules.add(git.exec_path(), execute);
        rules.add(&git.exec_path().join("git"), execute);
        for loader in loaders(git) {
            rules.add(&loader, execute);
        }
        for path in LIBRARIES {
            rules.add(Path::new(path), if hooks { execute } else { read });
        }
        for path in FILES {
            rules.add(Path::new(path), read);
        }
        rules.add(
            Path::new("/dev/null"),
            AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev,
        );
        if hooks {
            for path in PROGRAMS {
                rules.add(Path::new(path), execute);
            }
            for path in DATA {
                rules.add(Path::new(path), read);
            }
        }
        // Fails here rather than with the first request.
        rules.empty_ruleset().map_err(|error| error.to_string())?;
        Ok(rules)
    }

    pub(super) fn abi(&self) -> i32 {
        self.abi
    }

    /// Makes the ruleset of one child, which may write to the git directory and to its work tree.
    pub(super) fn ruleset(
        &self,
        directory: &OwnedFd,
        writable: (bool, bool),
        alternates: &[OwnedFd],
    ) -> Result<OwnedFd, SpawnError> {
        self.rules_for(directory, writable, alternates)
            .map_err(|error| SpawnError::Landlock(error.to_string()))?
            .ok_or_else(|| SpawnError::Landlock("the kernel made none".to_owned()))
    }

    fn rules_for(
        &self,
        directory: &OwnedFd,
        (writable, work_tree): (bool, bool),
        alternates: &[OwnedFd],
    ) -> Result<Option<OwnedFd>, landlock::RulesetError> {
        let mut ruleset = self.empty_ruleset()?;
        for (path, access) in &self.paths {
            ruleset = ruleset.add_rule(PathBeneath::new(path.as_fd(), *access))?;
        }
        let access = if writable { write() } else { AccessFs::ReadFile | AccessFs::ReadDir };
        ruleset = ruleset.add_rule(PathBeneath::new(directory, access))?;
        if writable
            && work_tree
            && let Some(work_tree) = work_tree_of(directory)
        {
            ruleset = ruleset.add_rule(PathBeneath::new(work_tree, write()))?;
        }
        for alternate in alternates {
            let read = AccessFs::ReadFile | AccessFs::ReadDir;
            ruleset = ruleset.add_rule(PathBeneath::new(alternate, read))?;
        }
        if self.hooks
            && let Some(hooks) = hooks_folder(directory.as_fd())
        {
            ruleset = ruleset.add_rule(PathBeneath::new(hooks, AccessFs::Execute))?;
        }
        Ok(ruleset.into())
    }

    /// Refuses everything that this kernel can refuse.
    fn empty_ruleset(&self) -> Result<RulesetCreated, landlock::RulesetError> {
        // ABI 9 is the newest that these rules were written for.
        let abi = ABI::V9;
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(abi))?
            .handle_access(AccessNet::from_all(abi))?
            .scope(Scope::from_all(abi))?
            .create()
    }

    fn add(&mut self, path: &Path, access: BitFlags<AccessFs>) {
        if let Ok(file) = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
            self.paths.push((file, access));
        }
    }

    pub(super) fn describe(&self) -> String {
        let mut enforced = vec!["files"];
        let newer = [
            (3, "truncation"),
            (4, "TCP"),
            (5, "device ioctl"),
            (6, "signals and abstract sockets"),
            (9, "named sockets"),
        ];
        enforced.extend(newer.iter().filter(|(abi, _)| self.abi >= *abi).map(|(_, what)| *what));
        let mut missing: Vec<_> = newer.iter().filter(|(abi, _)| self.abi < *abi).collect();
        // Sockets are refused by seccomp in any case.
        missing.retain(|(abi, _)| matches!(abi, 3 | 5 | 6));
        let missing: Vec<_> = missing.iter().map(|(_, what)| *what).collect();
        let missing = match missing.as_slice() {
            [] => String::new(),
            missing => format!("; not {}", missing.join(", ")),
        };
        format!("ABI {}: {}{missing}", self.abi, enforced.join(", "))
    }
}

/// What a push needs. Neither devices, sockets and fifos, nor symbolic links: one that is left in
/// a repository could lead whoever reads it without a sandbox.
fn write() -> BitFlags<AccessFs> {
    AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::Refer
}

/// What is checked out of a git directory, if that is called `.git`.
fn work_tree_of(directory: &OwnedFd) -> Option<OwnedFd> {
    let path = super::directory_path(directory).ok()?;
    path.ends_with(b"/.git").then_some(())?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(directory, "..", flags, Mode::empty()).ok()
}

/// The repository's hooks, unless they are a symbolic link: that could lead to any directory, and
/// make it executable.
fn hooks_folder(directory: BorrowedFd<'_>) -> Option<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, "hooks", flags, Mode::empty()).ok()
}

fn loaders(git: &Git) -> Vec<PathBuf> {
    let programs = [git.path().to_owned(), git.exec_path().join("git")];
    programs.iter().filter_map(|program| elf::interpreter(program)).collect()
}
