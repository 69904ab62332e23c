//! The environment of the child: everything inherited is dropped, this is all there is.
//!
//! Spec: git(1), "Environment Variables"; git-config(1), `GIT_CONFIG_COUNT`.

use std::ffi::{CString, OsString};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use crate::command::GitCommand;
use crate::git::Git;
use crate::job::{Committer, Job, ProtocolVersion, WorkTree};
use crate::platform;

/// Settings that hold whatever the repository's own configuration says. Each turns off one way to
/// name a program; a way that git has not got yet is stopped by landlock alone.
const CONFIG: &[(&str, &str)] = &[
    // A client that leaves must leave no process: what is detached cannot be waited for.
    ("gc.autoDetach", "false"),
    ("maintenance.autoDetach", "false"),
];

/// The same, when no hooks are to run.
const CONFIG_WITHOUT_HOOKS: &[(&str, &str)] = &[
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.sshCommand", "/dev/null"),
    ("core.gitProxy", "/dev/null"),
    ("core.askPass", ""),
    // An empty value drops the helpers that were configured before it.
    ("credential.helper", ""),
    // A push certificate is verified by a program.
    ("gpg.program", "/dev/null"),
    ("gpg.openpgp.program", "/dev/null"),
    ("gpg.x509.program", "/dev/null"),
    ("gpg.ssh.program", "/dev/null"),
    ("gpg.ssh.defaultKeyCommand", ""),
    // The filters of upload-archive; this is what git uses when nothing is configured.
    ("tar.tgz.command", "git archive gzip"),
    ("tar.tar.gz.command", "git archive gzip"),
];

/// The same, when a work tree is updated: landlock lets git make no symbolic link. What is one already
/// counts as a change that nobody has committed.
const CONFIG_OF_WRITABLE: &[(&str, &str)] = &[("core.symlinks", "false")];

/// The same, when a work tree is to be kept as it is.
const CONFIG_OF_KEPT: &[(&str, &str)] = &[("receive.denyCurrentBranch", "refuse")];

/// The same, when no hooks are to run and landlock does not hold the child either.
const CONFIG_WITHOUT_LANDLOCK: &[(&str, &str)] = &[
    // Run for every alternate of a repository that is pushed to, so that the client need not send
    // what is there already. There is no value that means git's own way, which this gives up.
    ("core.alternateRefsCommand", "true"),
];

/// What is the same for every job.
pub(crate) fn common(git: &Git, hooks: bool) -> Vec<CString> {
    let mut environment = Environment(Vec::new());
    environment.set("LC_ALL", "C");
    // Nothing is there, and nobody but root can put something there.
    environment.set("HOME", "/nonexistent");
    environment.set("XDG_CONFIG_HOME", "/nonexistent");
    environment.set("GIT_CONFIG_NOSYSTEM", "1");
    environment.set("GIT_ATTR_NOSYSTEM", "1");
    environment.set("GIT_TERMINAL_PROMPT", "0");
    // A partial clone would fetch from its promisor, with a transport that its configuration
    // names (CVE-2024-32004).
    environment.set("GIT_NO_LAZY_FETCH", "1");
    environment.set("GIT_ALLOW_PROTOCOL", if hooks { "file" } else { "none" });
    environment.set_os("PATH", &search_path(git, hooks));
    environment.0
}

/// What is different for every job. Its namespace has been validated.
///
/// # Errors
///
/// The path of the directory cannot be learned.
pub(crate) fn for_job(job: &Job, hooks: bool, landlock: bool) -> io::Result<Vec<CString>> {
    let mut environment = Environment(Vec::new());
    if job.command.needs_git_dir() {
        environment.set("GIT_DIR", ".");
    }
    if job.command == GitCommand::WholeConfig {
        // If the git directory were in a work tree, its files would be named by their whole paths.
        environment.set("GIT_WORK_TREE", "/nonexistent");
    }
    if let Some(protocol) = job.protocol {
        let version = match protocol {
            ProtocolVersion::V0 => "version=0",
            ProtocolVersion::V1 => "version=1",
            ProtocolVersion::V2 => "version=2",
        };
        environment.set("GIT_PROTOCOL", version);
    }
    if let Some(namespace) = &job.namespace {
        environment.set("GIT_NAMESPACE", namespace);
    }
    if job.writable {
        let (name, email) = committer(job.committer.as_ref());
        environment.set("GIT_COMMITTER_NAME", &name);
        environment.set("GIT_COMMITTER_EMAIL", &email);
        if let Some(committer) = job.committer.as_ref().filter(|_| hooks) {
            let told = [("REMOTE_USER", &committer.user), ("REMOTE_ADDR", &committer.address)];
            for (name, value) in told {
                if let Some(value) = value {
                    environment.set(name, value);
                }
            }
        }
    }

    // git compares the owner of the repository with its own uid, and obeys this from the
    // environment only. The path is that of the open directory, so that no other is meant.
    let directory = platform::directory_path(&job.directory)?;
    let overrides = match (hooks, landlock) {
        (true, _) => CONFIG.to_vec(),
        (false, true) => [CONFIG, CONFIG_WITHOUT_HOOKS].concat(),
        (false, false) => [CONFIG, CONFIG_WITHOUT_HOOKS, CONFIG_WITHOUT_LANDLOCK].concat(),
    };
    let of_work_tree = match job.work_tree {
        WorkTree::Unasked => &[],
        WorkTree::Writable => CONFIG_OF_WRITABLE,
        WorkTree::Kept => CONFIG_OF_KEPT,
    };
    let mut count = 0;
    for (key, value) in overrides.iter().chain(of_work_tree) {
        environment.config(&mut count, key, value.as_bytes());
    }
    environment.config(&mut count, "safe.directory", &directory);
    environment.set("GIT_CONFIG_COUNT", &count.to_string());
    Ok(environment.0)
}

struct Environment(Vec<CString>);

impl Environment {
    fn set(&mut self, name: &str, value: &str) {
        self.set_os(name, value.as_bytes());
    }

    /// Leaves the variable out when its value holds a NUL, which no caller lets happen.
    fn set_os(&mut self, name: &str, value: &[u8]) {
        let variable = [name.as_bytes(), b"=", value].concat();
        self.0.extend(CString::new(variable));
    }

    fn config(&mut self, count: &mut usize, key: &str, value: &[u8]) {
        self.set(&format!("GIT_CONFIG_KEY_{count}"), key);
        self.set_os(&format!("GIT_CONFIG_VALUE_{count}"), value);
        *count += 1;
    }
}

/// Where git and hooks look for programs. Without hooks: git's own, so that a name in a hostile
/// configuration finds nothing else.
fn search_path(git: &Git, hooks: bool) -> Vec<u8> {
    let mut folders = vec![git.exec_path()];
    if hooks || !git.exec_path().join("git").exists() {
        folders.extend(git.path().parent());
    }
    if hooks {
        folders.extend(["/usr/local/bin", "/usr/bin", "/bin"].map(Path::new));
    }
    std::env::join_paths(folders).map(OsString::into_vec).unwrap_or_default()
}

/// Spec: git-http-backend(1), on `REMOTE_USER` and `REMOTE_ADDR`.
fn committer(committer: Option<&Committer>) -> (String, String) {
    let name = committer.and_then(|committer| identity(&committer.name));
    let email = committer.and_then(|committer| identity(&committer.email));
    let name = name.unwrap_or_else(|| "anonymous".to_owned());
    let email = email.unwrap_or_else(|| "anonymous@http.(none)".to_owned());
    (name, email)
}

/// Drops what would end a line or a field of the reflog. `None` when git would find nothing left:
/// it strips these characters from both ends and dies of an empty name.
///
/// # Limits
///
/// 256 bytes; the rest is cut off, since it is a label and not a key.
fn identity(text: &str) -> Option<String> {
    const STRIPPED: &[char] = &['.', ',', ':', ';', '<', '>', '"', '\\', '\'', ' '];
    let mut identity: String =
        text.chars().filter(|c| !c.is_control() && !matches!(c, '<' | '>')).collect();
    identity.truncate(identity.floor_char_boundary(256));
    let identity = identity.trim_matches(STRIPPED);
    (!identity.is_empty()).then(|| identity.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_cannot_end_its_field_or_line() {
        assert_eq!(identity("Ada <a@b>\nroot\0\r").as_deref(), Some("Ada a@broot"));
        assert_eq!(identity("größe").as_deref(), Some("größe"));
        assert_eq!(identity("<>.,"), None);
        assert_eq!(identity(""), None);
        assert_eq!(identity(&"ö".repeat(200)).map(|identity| identity.len()), Some(256));
    }

    #[test]
    fn without_a_principal_the_reflog_says_what_http_backend_says() {
        assert_eq!(committer(None), ("anonymous".into(), "anonymous@http.(none)".into()));
    }
}
