//! How a server is to be set up, said in words that every backend understands.

use std::ffi::{OsStr, OsString};
use std::process::Command;

/// A user of the access file.
#[derive(Clone, Debug)]
pub struct User {
    /// The name, which is the principal.
    pub name: String,
    /// The password; none for principals whom only a trusted proxy names.
    pub password: Option<String>,
    /// Globs of the repositories that the principal may write.
    pub write: Vec<String>,
    /// Globs of the repositories that the principal may read besides those open to all.
    pub read: Vec<String>,
    /// Globs of the repositories that the principal may make by pushing.
    pub create: Vec<String>,
}

/// What a server is told before it starts; the default is the server's own default.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    pub(super) allow_push: bool,
    pub(super) base_path: Option<String>,
    pub(super) require_export_ok: bool,
    pub(super) namespace: Option<String>,
    pub(super) access: Option<Access>,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: Vec<(String, String)>,
    wrapper: Vec<OsString>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Access {
    pub(super) users: Vec<User>,
    pub(super) more: String,
}

impl Setup {
    /// Lets everybody push.
    #[must_use]
    pub fn allow_push(mut self) -> Self {
        self.allow_push = true;
        self
    }

    /// Serves below a path such as `/git`.
    #[must_use]
    pub fn base_path(mut self, path: &str) -> Self {
        self.base_path = Some(path.to_owned());
        self
    }

    /// Serves only repositories with `git-daemon-export-ok`.
    #[must_use]
    pub fn require_export_ok(mut self) -> Self {
        self.require_export_ok = true;
        self
    }

    /// Serves one ref namespace.
    #[must_use]
    pub fn namespace(mut self, name: &str) -> Self {
        self.namespace = Some(name.to_owned());
        self
    }

    /// Adds a user who may write everything.
    #[must_use]
    pub fn user(self, name: &str, password: &str) -> Self {
        self.user_with(name, Some(password), &["**"], &["**"])
    }

    /// Adds a user with globs of what may be written and read.
    #[must_use]
    pub fn user_with(
        mut self,
        name: &str,
        password: Option<&str>,
        write: &[&str],
        read: &[&str],
    ) -> Self {
        let own = |globs: &[&str]| globs.iter().map(|&glob| glob.to_owned()).collect();
        self.access.get_or_insert_default().users.push(User {
            name: name.to_owned(),
            password: password.map(str::to_owned),
            write: own(write),
            read: own(read),
            create: Vec::new(),
        });
        self
    }

    /// Adds a user with globs of what may be made by pushing.
    #[must_use]
    pub fn creator(self, name: &str, password: &str, create: &[&str]) -> Self {
        let mut setup = self.user_with(name, Some(password), &[], &[]);
        let user = setup.access.as_mut().and_then(|access| access.users.last_mut());
        if let Some(user) = user {
            user.create = create.iter().map(|&glob| glob.to_owned()).collect();
        }
        setup
    }

    /// Puts lines at the top of the access file (`read = "principals"`).
    #[must_use]
    pub fn access(mut self, lines: &str) -> Self {
        let access = self.access.get_or_insert_default();
        access.more.push_str(lines);
        access.more.push('\n');
        self
    }

    /// Adds a command line argument; only our own servers have them.
    #[must_use]
    pub fn argument(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds command line arguments; only our own servers have them.
    #[must_use]
    pub fn arguments<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable of the server.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Has another program start the server. It gets the server's command line as its last
    /// arguments and must become it.
    #[must_use]
    pub fn started_by<A: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = A>) -> Self {
        self.wrapper = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
        self
    }

    /// The command that starts `program`, without the program's own arguments.
    pub(super) fn command(&self, program: &OsStr) -> Command {
        let mut words = self.wrapper.iter().map(OsString::as_os_str).chain([program]);
        let mut command = Command::new(words.next().unwrap_or(program));
        command.args(words);
        command
    }
}
