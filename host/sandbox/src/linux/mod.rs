//! Linux: landlock, seccomp, capabilities, rlimits and process groups.

mod elf;
mod filter;
mod process;
mod rules;
mod spawn;

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::process::{Resource, getrlimit};
use rustix::thread::{CapabilitySet, capabilities};

use crate::child::{Exit, Launch};
use crate::git::Git;
use crate::limits::ProcessLimits;
use crate::policy::{Mode, PolicyError, SpawnError};
use crate::report::Finding;

use filter::Filters;
pub(crate) use process::Process;
use rules::Rules;
use spawn::{Recipe, Started};

/// Everything that is the same for every child.
#[derive(Debug)]
pub(crate) struct Platform {
    program: CString,
    null: OwnedFd,
    rules: Result<Rules, String>,
    filters: Result<Filters, String>,
    limits: Vec<(Resource, u64)>,
    keep_capabilities: Option<CapabilitySet>,
}

impl Platform {
    pub(crate) fn probe(
        git: &Git,
        mode: Mode,
        hooks: bool,
        limits: &ProcessLimits,
    ) -> Result<Platform, PolicyError> {
        let (rules, filters) = if mode == Mode::Off {
            (Err("switched off".to_owned()), Err("switched off".to_owned()))
        } else {
            let rules = Rules::probe(git, hooks);
            let abi = rules.as_ref().map_or(0, Rules::abi);
            let filters = spawn::seccomp_available()
                .map_err(|error| format!("the kernel has no seccomp filters ({error})"))
                .and_then(|()| Filters::compile(abi));
            (rules, filters)
        };
        if mode == Mode::Require {
            if let Err(reason) = &rules {
                return Err(PolicyError::Landlock(reason.clone()));
            }
            if let Err(reason) = &filters {
                return Err(PolicyError::Seccomp(reason.clone()));
            }
        }
        let null = File::options().read(true).write(true).open("/dev/null")?.into();
        Ok(Platform {
            program: CString::new(git.path().as_os_str().as_bytes())
                .map_err(|error| PolicyError::System(error.into()))?,
            null,
            rules,
            filters,
            limits: resource_limits(limits),
            keep_capabilities: keep_capabilities(),
        })
    }

    /// Runs `git --version` under the rules, in git's own directory.
    pub(crate) fn try_out(&self, git: &Git, environment: &[CString]) -> Result<(), PolicyError> {
        let fails = |reason: String| PolicyError::GitDoesNotRun {
            path: git.path().to_owned(),
            reason: reason.trim_end().to_owned(),
        };
        let directory = OwnedFd::from(File::open(git.exec_path())?);
        let (mut output, write) = io::pipe()?;
        let launch = Launch {
            arguments: vec!["--version".to_owned()],
            environment: environment.iter().map(AsRef::as_ref).collect(),
            directory: &directory,
            writable: false,
            work_tree: false,
            alternates: &[],
            stdin: None,
            stdout: write.try_clone()?.into(),
            stderr: write.into(),
        };
        let started = self.start(launch).map_err(|error| match error {
            SpawnError::Start { step, source } => fails(format!("{step}: {source}")),
            other => fails(other.to_string()),
        })?;
        let mut said = String::new();
        output.read_to_string(&mut said)?;
        match process::wait_blocking(&started)? {
            Exit::Code(0) if said.starts_with("git version ") => Ok(()),
            exit => Err(fails(format!("{exit}: {said}"))),
        }
    }

    /// Starts one child, and registers it with the tokio runtime.
    pub(crate) fn launch(&self, _: &Git, launch: Launch<'_>) -> Result<Process, SpawnError> {
        let started = self.start(launch)?;
        Process::new(started).map_err(SpawnError::Pipe)
    }

    fn start(&self, launch: Launch<'_>) -> Result<Started, SpawnError> {
        let Launch { arguments, environment, directory, writable, work_tree, alternates, .. } =
            launch;
        let mut argv = vec![c"git".to_owned()];
        for argument in arguments {
            argv.push(
                CString::new(argument).map_err(|error| SpawnError::Start {
                    step: "arguments",
                    source: error.into(),
                })?,
            );
        }
        let ruleset = match &self.rules {
            Ok(rules) => Some(rules.ruleset(directory, (writable, work_tree), alternates)?),
            Err(_) => None,
        };
        let stdin = launch.stdin.as_ref().unwrap_or(&self.null);
        let recipe = Recipe {
            program: &self.program,
            arguments: argv.iter().map(CString::as_c_str).collect(),
            environment,
            directory: directory.as_fd(),
            stdio: [stdin.as_fd(), launch.stdout.as_fd(), launch.stderr.as_fd()],
            ruleset: ruleset.as_ref().map(AsFd::as_fd),
            filter: self.filters.as_ref().ok().map(|filters| filters.for_access(writable)),
            limits: &self.limits,
            keep_capabilities: self.keep_capabilities,
        };
        spawn::spawn(&recipe)
    }

    pub(crate) fn has_landlock(&self) -> bool {
        self.rules.is_ok()
    }

    pub(crate) fn findings(&self) -> Vec<Finding> {
        let uname = rustix::system::uname();
        let kernel = format!(
            "{} {} {}",
            uname.sysname().to_string_lossy(),
            uname.release().to_string_lossy(),
            uname.machine().to_string_lossy(),
        );
        let landlock = match &self.rules {
            Ok(rules) => Finding::new("landlock", true, rules.describe()),
            Err(reason) => Finding::new("landlock", false, reason),
        };
        let seccomp = match &self.filters {
            Ok(filters) => Finding::new("seccomp", true, filters.describe()),
            Err(reason) => Finding::new("seccomp", false, reason),
        };
        let capabilities = match self.keep_capabilities {
            Some(_) => "dropped, but for those that override file permissions",
            None => "the host has none to pass on",
        };
        vec![
            Finding::new("kernel", true, kernel),
            landlock,
            seccomp,
            Finding::new("capabilities", true, capabilities),
            Finding::new("no-new-privs", true, "set-uid programs gain nothing"),
            Finding::new("rlimits", true, describe_limits(&self.limits)),
        ]
    }
}

/// The path of an open directory.
pub(crate) fn directory_path(directory: &OwnedFd) -> io::Result<Vec<u8>> {
    let path =
        std::fs::read_link(Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()))?;
    Ok(path.as_os_str().as_bytes().to_vec())
}

/// The limits that can be set: never more than the host has itself, which only root could raise.
fn resource_limits(limits: &ProcessLimits) -> Vec<(Resource, u64)> {
    let ProcessLimits { open_files, cpu_seconds, file_size, memory, address_space } = *limits;
    let wanted = [
        (Resource::Core, Some(0)),
        (Resource::Nofile, Some(open_files)),
        (Resource::Cpu, Some(cpu_seconds)),
        (Resource::Fsize, Some(file_size)),
        (Resource::Data, Some(memory)),
        (Resource::As, address_space),
    ];
    let bounded = |(resource, wanted): (Resource, Option<u64>)| {
        let ceiling = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        wanted.map(|wanted| (resource, wanted.min(ceiling)))
    };
    wanted.into_iter().filter_map(bounded).collect()
}

fn describe_limits(limits: &[(Resource, u64)]) -> String {
    let describe = |(resource, limit): &(Resource, u64)| match resource {
        Resource::Core => "no core dumps".to_owned(),
        Resource::Nofile => format!("{limit} open files"),
        Resource::Cpu => format!("{limit} s of processor time"),
        Resource::Fsize => format!("{} MiB a file", limit >> 20),
        Resource::Data => format!("{} MiB of memory", limit >> 20),
        _ => format!("{} MiB of address space", limit >> 20),
    };
    limits.iter().map(describe).collect::<Vec<_>>().join(", ")
}

/// The capabilities that a child keeps when the host has any (it runs as root, most of all in
/// containers): those that let it use a repository of another owner. `None` when there are none.
fn keep_capabilities() -> Option<CapabilitySet> {
    let permitted = capabilities(None).ok()?.permitted;
    let keep = CapabilitySet::DAC_OVERRIDE
        | CapabilitySet::DAC_READ_SEARCH
        | CapabilitySet::FOWNER
        | CapabilitySet::FSETID;
    (!permitted.is_empty()).then_some(permitted & keep)
}
