//! What git may be asked to do, and the arguments for it.
//!
//! Arguments come from this enum and from nowhere else. The one value that reaches one, a namespace,
//! has passed [`refname_components`] before.
//! Spec: git-http-backend(1) and its source, for what it runs and prints.

use crate::git::{Git, Version};

/// One invocation of git. Every one works on the directory of the [`Job`](crate::Job).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GitCommand {
    /// `git-upload-pack`: the capability advertisement, or one stateless round.
    UploadPack {
        /// Whether to print the advertisement instead of serving a request.
        advertise: bool,
    },
    /// `git-receive-pack`: the capability advertisement, or one stateless round.
    ReceivePack {
        /// Whether to print the advertisement instead of serving a request.
        advertise: bool,
    },
    /// `git-upload-archive`: one request.
    UploadArchive,
    /// The dumb protocol's `info/refs`, computed: `<oid>\t<refname>\n` for each ref, followed by
    /// `<oid>\t<refname>^{}\n` for an annotated tag. With a namespace: its refs only, without
    /// the prefix.
    ///
    /// # Deviation
    ///
    /// A git before 2.45 peels a tag of a tag once, git-http-backend to the end.
    ForEachRef,
    /// The dumb protocol's `HEAD`: `ref: <refname>\n`, or `<oid>\n` when detached. Prints nothing
    /// when the branch is unborn (and then, with a git before 2.45, exits with 1).
    ///
    /// # Deviation
    ///
    /// A git before 2.45 cannot be asked without dwimming, which a pushed `refs/heads/HEAD` would
    /// confuse: it prints the oid even when HEAD is symbolic, unless there is a namespace.
    Head,
    /// What the repository's own settings say of serving it (`http.*`) and of pushes to it
    /// (`receive.*`, and what they depend on), as `git config -z` prints them: for each
    /// `<key>\n<value>\0`, or `<key>\0` when there is no value; keys in lower case. Exits with 1
    /// when there are none.
    Config,
    /// All of the repository's configuration, with what it includes where it is included; before each
    /// entry `<origin>\0`, which says in which file it is: `file:config` for its own.
    WholeConfig,
}

impl GitCommand {
    /// Whether the command reads its standard input.
    pub(crate) fn reads_stdin(&self) -> bool {
        match self {
            GitCommand::UploadPack { advertise } | GitCommand::ReceivePack { advertise } => {
                !advertise
            }
            GitCommand::UploadArchive => true,
            _ => false,
        }
    }

    /// Whether `GIT_DIR` has to be set: the services enter the repository that is named to them, the
    /// others would have to search for it.
    pub(crate) fn needs_git_dir(&self) -> bool {
        !matches!(
            self,
            GitCommand::UploadPack { .. }
                | GitCommand::ReceivePack { .. }
                | GitCommand::UploadArchive
        )
    }

    /// The arguments after `git`. The namespace has been validated.
    pub(crate) fn arguments(&self, git: &Git, namespace: Option<&str>) -> Vec<String> {
        let words: &[&str] = match self {
            GitCommand::UploadPack { advertise: true } => {
                &["upload-pack", "--strict", "--stateless-rpc", "--http-backend-info-refs", "."]
            }
            GitCommand::UploadPack { advertise: false } => {
                &["upload-pack", "--strict", "--stateless-rpc", "."]
            }
            GitCommand::ReceivePack { advertise: true } => {
                &["receive-pack", "--stateless-rpc", "--http-backend-info-refs", "."]
            }
            GitCommand::ReceivePack { advertise: false } => {
                &["receive-pack", "--stateless-rpc", "."]
            }
            GitCommand::UploadArchive => &["upload-archive", "."],
            GitCommand::ForEachRef => return for_each_ref(namespace),
            GitCommand::Head => return head(git, namespace),
            GitCommand::Config => &["config", "-z", "--get-regexp", SETTINGS],
            GitCommand::WholeConfig => &["config", "-z", "--list", "--show-origin"],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }
}

/// The keys of [`GitCommand::Config`].
const SETTINGS: &str = "^(http\\.|receive\\.|transfer\\.hiderefs$|core\\.bare$)";

fn for_each_ref(namespace: Option<&str>) -> Vec<String> {
    let refname = match namespace {
        Some(namespace) => format!("refname:lstrip={}", prefix_components(namespace)),
        None => "refname".to_owned(),
    };
    let format = format!(
        "%(objectname)%09%({refname})%(if)%(*objectname)%(then)%0a%(*objectname)%09%({refname})^{{}}%(end)"
    );
    let mut arguments = vec!["for-each-ref".to_owned(), format!("--format={format}")];
    arguments.extend(namespace.map(|namespace| format!("{}refs/", prefix(namespace))));
    arguments
}

fn head(git: &Git, namespace: Option<&str>) -> Vec<String> {
    /// The first git whose `for-each-ref` can show HEAD itself.
    const INCLUDE_ROOT_REFS: Version = Version { major: 2, minor: 45, patch: 0 };

    let mut arguments = vec!["for-each-ref".to_owned()];
    let target = match namespace {
        Some(namespace) => format!("symref:lstrip={}", prefix_components(namespace)),
        None if git.version() >= INCLUDE_ROOT_REFS => {
            arguments.push("--include-root-refs".to_owned());
            "symref".to_owned()
        }
        None => return ["rev-parse", "--verify", "-q", "HEAD"].map(str::to_owned).into(),
    };
    arguments
        .push(format!("--format=%(if)%(symref)%(then)ref: %({target})%(else)%(objectname)%(end)"));
    arguments.push(format!("{}HEAD", namespace.map(prefix).unwrap_or_default()));
    arguments
}

/// Where the refs of a namespace are kept, with a slash at the end.
/// Spec: gitnamespaces(7).
fn prefix(namespace: &str) -> String {
    namespace.split('/').map(|component| format!("refs/namespaces/{component}/")).collect()
}

fn prefix_components(namespace: &str) -> usize {
    prefix(namespace).matches('/').count()
}

/// Whether `name` is `component ("/" component)*`, each fit to stand in a refname. Stricter than
/// git, which takes some names that this refuses.
///
/// # Limits
///
/// 512 bytes in all: a longer one would not fit a file name under `refs/` either.
pub fn refname_components(name: &str) -> bool {
    name.len() <= 512 && name.split('/').all(refname_component)
}

/// Spec: git-check-ref-format(1), rules 1 to 10, and nothing that a pattern or a shell would read.
fn refname_component(component: &str) -> bool {
    const REFUSED: &[char] =
        &[' ', '~', '^', ':', '?', '*', '[', '\\', '"', '\'', '$', '`', '<', '>', '|', '&', ';'];
    !component.is_empty()
        && !component.starts_with(['.', '-'])
        && !component.ends_with('.')
        && !component.ends_with(".lock")
        && !component.contains("..")
        && !component.contains("@{")
        && component != "@"
        && !component.chars().any(|c| c.is_control() || REFUSED.contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_git_or_a_pattern_would_misread_are_refused() {
        for name in ["team", "team/app", "a-b_c.d", "größe"] {
            assert!(refname_components(name), "{name}");
        }
        for name in [
            "", "/", "a/", "/a", "a//b", "..", "a/../b", ".a", "-a", "--x", "a.lock", "a.", "a*",
            "a?", "a[", "a b", "a\n", "a\0", "a@{b", "@", "a:b", "a^", "a~", "a\\b",
        ] {
            assert!(!refname_components(name), "{name:?}");
        }
        assert!(!refname_components(&"a".repeat(513)));
    }

    #[test]
    fn nested_namespaces_are_expanded_as_git_does() {
        assert_eq!(prefix("a/b"), "refs/namespaces/a/refs/namespaces/b/");
        assert_eq!(prefix_components("a"), 3);
        assert_eq!(prefix_components("a/b"), 6);
    }
}
