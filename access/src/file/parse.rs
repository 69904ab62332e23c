//! Reads the text of an access file.
//!
//! Spec: README.md, "The file"; TOML 1.0.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::{AccessFile, Rule, Rules, User};
use crate::audience::Audience;
use crate::pattern::{PatternError, Patterns};
use crate::principal::check_user_name;
use crate::{HashError, InvalidName, PasswordHash};

/// What is wrong with an access file, and in which line, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It is not TOML, has an unknown key, or a value of the wrong type.
    #[error("line {line}: {message}")]
    Syntax {
        /// The line at fault.
        line: usize,
        /// What the parser says; one line.
        message: String,
    },
    /// A name cannot be that of a user.
    #[error("line {line}: {reason}")]
    User {
        /// The line at fault.
        line: usize,
        /// Why not.
        reason: InvalidName,
    },
    /// A password is not a usable hash.
    #[error("line {line}: {reason}")]
    Password {
        /// The line at fault.
        line: usize,
        /// Why not.
        reason: HashError,
    },
    /// A repository pattern is malformed.
    #[error("line {line}: {message}")]
    Pattern {
        /// The line at fault.
        line: usize,
        /// What is wrong with it; one line.
        message: String,
    },
    /// The realm cannot stand in a header.
    #[error("line {line}: the realm must be printable ASCII")]
    Realm {
        /// The line at fault.
        line: usize,
    },
    /// A repository rule that tells neither `read` nor `write`.
    #[error("line {line}: a repository needs \"read\" or \"write\"")]
    EmptyRule {
        /// The line at fault.
        line: usize,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    realm: Option<Spanned<String>>,
    read: Option<Audience>,
    write: Option<Audience>,
    create: Option<Audience>,
    #[serde(default)]
    users: BTreeMap<Spanned<String>, UserEntry>,
    #[serde(default)]
    repository: Vec<RuleEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserEntry {
    password: Option<Spanned<String>>,
    #[serde(default)]
    read: Vec<Spanned<String>>,
    #[serde(default)]
    write: Vec<Spanned<String>>,
    #[serde(default)]
    create: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleEntry {
    name: Spanned<String>,
    read: Option<Audience>,
    write: Option<Audience>,
}

pub(super) fn parse(text: &str) -> Result<AccessFile, FileError> {
    let line = |span: Range<usize>| line_of(text, span.start);
    let document: Document = toml::from_str(text).map_err(|error| FileError::Syntax {
        line: line(error.span().unwrap_or_default()),
        message: one_line(error.message()),
    })?;

    if let Some(realm) = &document.realm
        && !realm.get_ref().bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
    {
        return Err(FileError::Realm { line: line(realm.span()) });
    }
    let mut users = BTreeMap::new();
    for (name, entry) in document.users {
        check_user_name(name.get_ref())
            .map_err(|reason| FileError::User { line: line(name.span()), reason })?;
        users.insert(name.into_inner(), user(text, entry)?);
    }
    let mut rules = Vec::new();
    let mut names = Vec::new();
    for entry in document.repository {
        if entry.read.is_none() && entry.write.is_none() {
            return Err(FileError::EmptyRule { line: line(entry.name.span()) });
        }
        names.push(entry.name);
        rules.push(Rule { read: entry.read, write: entry.write });
    }
    Ok(AccessFile {
        realm: document.realm.map(Spanned::into_inner),
        read: document.read.unwrap_or(Audience::Everyone),
        write: document.write,
        create: document.create,
        with_password: users
            .iter()
            .filter(|(_, user): &(_, &User)| user.password.is_some())
            .map(|(name, _)| String::clone(name))
            .collect(),
        users,
        rules: Rules { names: patterns(text, &names)?, rules },
    })
}

fn user(text: &str, entry: UserEntry) -> Result<User, FileError> {
    let password = entry.password.map(|password| {
        PasswordHash::parse(password.get_ref()).map_err(|reason| FileError::Password {
            line: line_of(text, password.span().start),
            reason,
        })
    });
    Ok(User {
        password: password.transpose()?,
        read: patterns(text, &entry.read)?,
        write: patterns(text, &entry.write)?,
        create: patterns(text, &entry.create)?,
    })
}

fn patterns(text: &str, patterns: &[Spanned<String>]) -> Result<Patterns, FileError> {
    let texts: Vec<&str> = patterns.iter().map(|pattern| pattern.get_ref().as_str()).collect();
    Patterns::compile(&texts).map_err(|(index, error): (usize, PatternError)| FileError::Pattern {
        line: line_of(text, patterns.get(index).map_or(0, |pattern| pattern.span().start)),
        message: error.to_string(),
    })
}

/// Joins what a parser says on several lines.
pub(super) fn one_line(message: &str) -> String {
    message.lines().collect::<Vec<_>>().join(", ")
}

/// The number of the line that the byte at `offset` is in, counted from 1.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}
