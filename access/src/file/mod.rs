//! The access file: what it grants to whom. `parse` reads it, `edit` changes its text.

pub(crate) mod edit;
mod parse;

use std::collections::BTreeMap;

pub use parse::FileError;

use crate::audience::Audience;
use crate::pattern::{Patterns, Repository};
use crate::{PasswordHash, Principal};

/// An access file, read and checked. Immutable; read it anew when the file has changed.
///
/// The default is what holds without a file: everybody may read, and only a repository's own
/// configuration lets anybody push.
#[derive(Clone, Debug)]
pub struct AccessFile {
    realm: Option<String>,
    read: Audience,
    /// Who may write where no rule tells; none leaves it to the repository's own configuration.
    write: Option<Audience>,
    /// Who of those who may write makes repositories by pushing; none means nobody.
    create: Option<Audience>,
    users: BTreeMap<String, User>,
    /// The names of the users who have a password, for [`AccessFile::any_password`].
    with_password: Vec<String>,
    rules: Rules,
}

/// A user of the file.
#[derive(Clone, Debug)]
struct User {
    password: Option<PasswordHash>,
    read: Patterns,
    write: Patterns,
    create: Patterns,
}

/// The `[[repository]]` entries, in the order of the file.
#[derive(Clone, Debug, Default)]
struct Rules {
    names: Patterns,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    read: Option<Audience>,
    write: Option<Audience>,
}

/// What somebody may do with one repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Permission {
    pub(crate) read: bool,
    pub(crate) write: bool,
    /// Makes it by pushing, if there is none.
    pub(crate) create: bool,
    /// Nothing in the file tells who may write, and this one may read: the repository's own
    /// configuration may still let everybody push who may read.
    pub(crate) repository_decides_write: bool,
}

impl Default for AccessFile {
    fn default() -> Self {
        Self {
            realm: None,
            read: Audience::Everyone,
            write: None,
            create: None,
            users: BTreeMap::new(),
            with_password: Vec::new(),
            rules: Rules::default(),
        }
    }
}

impl AccessFile {
    /// Reads an access file.
    ///
    /// # Errors
    ///
    /// [`FileError`], one clear line with the number of the line at fault.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        parse::parse(text)
    }

    /// Lets everybody push who may read, wherever the file does not tell who may write: what the
    /// operator asks for with a flag.
    pub fn allow_push(mut self) -> Self {
        self.write.get_or_insert(Audience::Everyone);
        self
    }

    /// Lets everybody who may push make repositories so, unless the file tells who may: what the
    /// operator asks for with a flag.
    pub fn allow_create(mut self) -> Self {
        self.create.get_or_insert(Audience::Everyone);
        self
    }

    /// The realm of challenges: that of the file, else `git`.
    pub fn realm(&self) -> &str {
        self.realm.as_deref().unwrap_or("git")
    }

    /// Whether credentials could help anybody: some user has a password, or the file names a
    /// realm because a proxy verifies credentials.
    pub fn takes_credentials(&self) -> bool {
        self.realm.is_some() || !self.with_password.is_empty()
    }

    /// The stored hash of a user's password.
    pub(crate) fn password(&self, user: &str) -> Option<&PasswordHash> {
        self.users.get(user)?.password.as_ref()
    }

    /// The stored hash that `pick` picks out of so many, if there is any.
    pub(crate) fn any_password(&self, pick: impl FnOnce(usize) -> usize) -> Option<&PasswordHash> {
        let count = self.with_password.len();
        let user = (count > 0).then(|| self.with_password.get(pick(count)))??;
        self.password(user)
    }

    /// What somebody may do with a repository. Grants add up; the first rule that tells decides
    /// who else may.
    pub(crate) fn permission(&self, principal: Option<&Principal>, name: &str) -> Permission {
        let Some(repository) = Repository::named(name) else {
            return Permission::default();
        };
        let (rule_read, rule_write) = self.rules.tell(&repository);
        let read = rule_read.unwrap_or(&self.read);
        let write = rule_write.or(self.write.as_ref());

        let user = principal.and_then(|principal| self.users.get(principal.name()));
        let named_to_create = user.is_some_and(|user| user.create.matches(&repository));
        let named_to_write = named_to_create
            || user.is_some_and(|user| user.write.matches(&repository))
            || write.is_some_and(|write| write.lists(principal));
        let may_read = named_to_write
            || user.is_some_and(|user| user.read.matches(&repository))
            || read.admits(principal);
        // A grant to everyone or to every principal ends where reading is restricted; otherwise
        // a flag that opens pushing would open the secret repositories, too.
        let may_write =
            named_to_write || (may_read && write.is_some_and(|write| write.admits(principal)));
        let creates = self.create.as_ref().is_some_and(|create| create.admits(principal));
        Permission {
            read: may_read,
            write: may_write,
            create: named_to_create || may_write && creates,
            repository_decides_write: may_read && write.is_none(),
        }
    }
}

impl Rules {
    /// The first `read` and the first `write` setting of all rules that match.
    fn tell(&self, repository: &Repository<'_>) -> (Option<&Audience>, Option<&Audience>) {
        let matching = self.names.matching(repository);
        let rules = || matching.iter().filter_map(|&index| self.rules.get(index));
        (rules().find_map(|rule| rule.read.as_ref()), rules().find_map(|rule| rule.write.as_ref()))
    }
}
