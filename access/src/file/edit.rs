//! Changes the text of an access file, and keeps its comments and order.

use std::mem;

use toml_edit::visit_mut::{VisitMut, visit_table_mut};
use toml_edit::{DocumentMut, InlineTable, Item, RawString, Table, TableLike, TomlError, Value};

use super::parse::{line_of, one_line};
use super::{AccessFile, FileError};
use crate::principal::check_user_name;
use crate::{InvalidName, MAX_PASSWORD, PasswordHash, SystemFault};

/// Why an access file was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The file is at fault before any change.
    #[error(transparent)]
    File(#[from] FileError),
    /// The name cannot be that of a user.
    #[error(transparent)]
    User(#[from] InvalidName),
    /// The password is empty, longer than [`MAX_PASSWORD`], or has control characters, which no
    /// client can send.
    #[error("a password has 1 to {MAX_PASSWORD} bytes and no control characters")]
    Password,
    /// The user to remove is not there.
    #[error("the access file has no user of that name")]
    NoSuchUser,
    /// No random bytes, or no memory.
    #[error(transparent)]
    System(#[from] SystemFault),
}

/// Gives a user a password, and returns the changed text. Adds the user, without grants, if the
/// file has none of that name.
///
/// # Errors
///
/// [`EditError`]; a file that [`AccessFile::parse`] refuses is not touched.
pub fn set_password(text: &str, user: &str, password: &str) -> Result<String, EditError> {
    check_user_name(user)?;
    if password.is_empty()
        || password.len() > MAX_PASSWORD
        || password.bytes().any(|byte| byte.is_ascii_control())
    {
        return Err(EditError::Password);
    }
    let mut document = read(text)?;
    let hash = PasswordHash::create(password.as_bytes())?;

    let first = text.trim().is_empty();
    let entry = user_entry(&mut document, user, first).ok_or(EditError::NoSuchUser)?;
    let mut value = Value::from(hash.as_str());
    match entry.get_mut("password").and_then(Item::as_value_mut) {
        Some(old) => {
            mem::swap(value.decor_mut(), old.decor_mut());
            *old = value;
        }
        None => {
            entry.insert("password", Item::Value(value));
        }
    }
    finish(text, &document)
}

/// Removes a user, also from every list, so that a later user of the same name does not inherit
/// anything; returns the changed text.
///
/// The comment right above the user goes with it. A list that named nobody else is left empty,
/// which admits nobody.
///
/// # Errors
///
/// [`EditError`]; a file that [`AccessFile::parse`] refuses is not touched.
pub fn remove(text: &str, user: &str) -> Result<String, EditError> {
    let mut document = read(text)?;
    let users = document.get_mut("users").and_then(Item::as_table_like_mut);
    let removed = users.and_then(|users| users.remove(user)).ok_or(EditError::NoSuchUser)?;
    if let Item::Table(table) = &removed {
        keep_comment(&mut document, table);
    }
    strike(document.as_table_mut(), user);
    if let Some(rules) = document.get_mut("repository") {
        match rules {
            Item::ArrayOfTables(rules) => rules.iter_mut().for_each(|rule| strike(rule, user)),
            Item::Value(Value::Array(rules)) => rules
                .iter_mut()
                .filter_map(Value::as_inline_table_mut)
                .for_each(|rule| strike(rule, user)),
            _ => {}
        }
    }
    finish(text, &document)
}

fn read(text: &str) -> Result<DocumentMut, EditError> {
    AccessFile::parse(text)?;
    text.parse().map_err(|error: TomlError| {
        let line = line_of(text, error.span().unwrap_or_default().start);
        FileError::Syntax { line, message: one_line(error.message()) }.into()
    })
}

/// Writes the text out, once it has been checked to be an access file still.
fn finish(before: &str, document: &DocumentMut) -> Result<String, EditError> {
    let mut text = document.to_string();
    // The TOML writer knows one line ending only.
    let line_feeds = before.matches('\n').count();
    if line_feeds > 0 && line_feeds == before.matches("\r\n").count() {
        text = text.replace("\r\n", "\n").replace('\n', "\r\n");
    }
    AccessFile::parse(&text)?;
    Ok(text)
}

/// The entry of a user, made if need be in the style of the others.
fn user_entry<'a>(
    document: &'a mut DocumentMut,
    user: &str,
    first: bool,
) -> Option<&'a mut dyn TableLike> {
    let users = document.entry("users").or_insert_with(|| {
        let mut users = Table::new();
        users.set_implicit(true);
        Item::Table(users)
    });
    let new = match users {
        Item::Table(users) => {
            let mut new = Table::new();
            new.set_dotted(users.is_dotted());
            if !first {
                new.decor_mut().set_prefix("\n");
            }
            Item::Table(new)
        }
        _ => Item::Value(InlineTable::new().into()),
    };
    users.as_table_like_mut()?.entry(user).or_insert(new).as_table_like_mut()
}

/// Strikes a user from the lists of a table.
fn strike(table: &mut dyn TableLike, user: &str) {
    for key in ["read", "write", "create"] {
        let Some(list) = table.get_mut(key).and_then(Item::as_array_mut) else { continue };
        let first = list.get(0).map(|value| value.decor().clone());
        list.retain(|value| value.as_str() != Some(user));
        if let (Some(decor), Some(value)) = (first, list.get_mut(0)) {
            *value.decor_mut() = decor;
        }
    }
}

/// Hands the comment above a removed table, except the part right above it, to the table that
/// comes next: it may be that of the whole file.
fn keep_comment(document: &mut DocumentMut, removed: &Table) {
    let prefix = removed.decor().prefix().and_then(RawString::as_str).unwrap_or_default();
    let lines: Vec<&str> = prefix.split_inclusive('\n').collect();
    let blank = lines.iter().rposition(|line| line.trim().is_empty()).unwrap_or(0);
    let kept = lines[..blank].concat();
    if kept.trim().is_empty() {
        return;
    }
    let mut next = Next { after: removed.position(), found: None, prepend: None };
    next.visit_document_mut(document);
    if next.found.is_some() {
        next.prepend = Some(kept);
        next.visit_document_mut(document);
    } else {
        let trailing = document.trailing().as_str().unwrap_or_default();
        let trailing = format!("{kept}{trailing}");
        document.set_trailing(trailing);
    }
}

/// Finds the table that comes next in the text; on a second visit prepends to what is above it.
struct Next {
    after: Option<isize>,
    found: Option<isize>,
    prepend: Option<String>,
}

impl VisitMut for Next {
    fn visit_table_mut(&mut self, table: &mut Table) {
        let position = table.position();
        if position > self.after && !table.is_implicit() && !table.is_dotted() {
            if position == self.found
                && let Some(kept) = self.prepend.take()
            {
                let prefix = table.decor().prefix().and_then(RawString::as_str).unwrap_or_default();
                let prefix = format!("{kept}{prefix}");
                table.decor_mut().set_prefix(prefix);
            } else if self.found.is_none() || position < self.found {
                self.found = position;
            }
        }
        visit_table_mut(self, table);
    }
}
