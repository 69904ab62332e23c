//! The entries of a configuration file, and the values that git gives them.
//!
//! Spec: git-config(1), "Syntax", "Values"

use std::rc::Rc;

use bstr::{BString, ByteSlice};
use gix_config::parse::{EventRef, Events};
use gix_config::value::normalize;

use crate::{Error, Result};

/// One `name = value`. What a section's entries have in common is there once, however long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The section's name in lower case.
    pub(crate) section: Rc<str>,
    /// The subsection's name as it is.
    pub(crate) subsection: Option<Rc<BString>>,
    /// The variable's name in lower case.
    pub(crate) name: String,
    /// The value; `None` for a name without `=`.
    pub(crate) value: Option<BString>,
}

/// The entries in the order of the file.
///
/// # Errors
/// [`Error::Corrupt`] if this is no configuration file.
pub(crate) fn entries(content: &[u8]) -> Result<Vec<Entry>> {
    let events =
        Events::from_bytes(content, Some(decides)).map_err(|_| Error::corrupt("config"))?;
    let mut entries: Vec<Entry> = Vec::new();
    let mut section = Rc::from("");
    let mut subsection = None;
    let mut continued = BString::default();
    for event in events.iter() {
        match event {
            EventRef::SectionHeader { name, subsection_name, .. } => {
                section = Rc::from(name.to_str_lossy().to_ascii_lowercase());
                subsection = subsection_name.map(|name| Rc::new(name.to_owned()));
            }
            EventRef::SectionValueName(name) => {
                continued.clear();
                entries.push(Entry {
                    section: Rc::clone(&section),
                    subsection: subsection.clone(),
                    name: name.to_str_lossy().to_ascii_lowercase(),
                    value: None,
                });
            }
            EventRef::ValueNotDone(part) => continued.extend_from_slice(part),
            // A name without `=` has an empty value here, and none for git.
            EventRef::KeyValueSeparator => {
                if let Some(entry) = entries.last_mut() {
                    entry.value = Some(BString::default());
                }
            }
            EventRef::Value(part) | EventRef::ValueDone(part) => {
                continued.extend_from_slice(part);
                if let Some(value) = entries.last_mut().and_then(|entry| entry.value.as_mut()) {
                    *value = normalize(&continued).into_owned();
                }
            }
            EventRef::Comment { .. } | EventRef::Newline(_) | EventRef::Whitespace(_) => {}
        }
    }
    Ok(entries)
}

/// Whether an event is more than how the file looks.
fn decides(event: EventRef<'_>) -> bool {
    !matches!(event, EventRef::Comment { .. } | EventRef::Newline(_) | EventRef::Whitespace(_))
}

impl Entry {
    /// The whole name, as git writes it: `section.subsection.name`.
    pub(crate) fn key(&self) -> BString {
        let mut key = BString::from(&*self.section);
        if let Some(subsection) = &self.subsection {
            key.push(b'.');
            key.extend_from_slice(subsection);
        }
        key.push(b'.');
        key.extend_from_slice(self.name.as_bytes());
        key
    }

    /// The value as a boolean.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is none: git refuses to work with it, too.
    pub(crate) fn boolean(&self) -> Result<bool> {
        boolean(self.value.as_ref().map(|value| value.as_slice())).ok_or_else(|| self.bad())
    }

    /// The value as a number.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is none.
    pub(crate) fn integer(&self) -> Result<i64> {
        self.value.as_ref().and_then(|value| integer(value)).ok_or_else(|| self.bad())
    }

    /// The value as text.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a name without a value.
    pub(crate) fn text(&self) -> Result<&BString> {
        self.value.as_ref().ok_or_else(|| self.bad())
    }

    pub(crate) fn bad(&self) -> Error {
        Error::Corrupt(format!("config: {}", self.key()))
    }
}

/// A boolean: a word, a number, or a name without a value, which is true.
pub(crate) fn boolean(value: Option<&[u8]>) -> Option<bool> {
    let Some(value) = value else { return Some(true) };
    match value.to_ascii_lowercase().as_slice() {
        b"true" | b"yes" | b"on" => Some(true),
        b"" | b"false" | b"no" | b"off" => Some(false),
        _ => integer(value).filter(|number| i32::try_from(*number).is_ok()).map(|n| n != 0),
    }
}

/// A number as C reads it, decimal, octal (`010`) or hexadecimal (`0x10`), and perhaps one of the
/// units `k`, `m` and `g`.
pub(crate) fn integer(value: &[u8]) -> Option<i64> {
    let (number, unit) = match value {
        [number @ .., b'k' | b'K'] => (number, 1 << 10),
        [number @ .., b'm' | b'M'] => (number, 1 << 20),
        [number @ .., b'g' | b'G'] => (number, 1 << 30),
        number => (number, 1),
    };
    let number = number.trim_ascii_start();
    let (negative, digits) = match number {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let (radix, digits) = match digits {
        [b'0', b'x' | b'X', digits @ ..] => (16, digits),
        [b'0', digits @ ..] if !digits.is_empty() => (8, digits),
        digits => (10, digits),
    };
    // What the standard library would take for a second sign.
    if !digits.first()?.is_ascii_hexdigit() {
        return None;
    }
    let number = i64::from_str_radix(str::from_utf8(digits).ok()?, radix).ok()?;
    (if negative { -number } else { number }).checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_those_of_git() {
        for yes in ["true", "YES", "On", "1", "2", "-1", "0x10", "010", "1k", " 1", "+1"] {
            assert_eq!(boolean(Some(yes.as_bytes())), Some(true), "{yes}");
        }
        for no in ["", "false", "No", "OFF", "0", "00", "0x0", "0k", "-0"] {
            assert_eq!(boolean(Some(no.as_bytes())), Some(false), "{no}");
        }
        for bad in ["maybe", "1 ", "1kk", "0x", "08", "--1", "4294967296", "99999999999999999999"] {
            assert_eq!(boolean(Some(bad.as_bytes())), None, "{bad}");
        }
        assert_eq!(boolean(None), Some(true));
    }

    #[test]
    fn entries_keep_the_order_of_the_file() {
        let text = b"[A]\nx=1\nY\nX = 2\n[b \"C d\"]\nz = \"q r\" ; comment\n";
        let entries: Vec<_> = entries(text)
            .expect("a configuration")
            .into_iter()
            .map(|entry| (entry.key().to_string(), entry.value.map(|value| value.to_string())))
            .collect();
        let entry = |key: &str, value: Option<&str>| (key.to_owned(), value.map(str::to_owned));
        let expected = [
            entry("a.x", Some("1")),
            entry("a.y", None),
            entry("a.x", Some("2")),
            entry("b.C d.z", Some("q r")),
        ];
        assert_eq!(entries, expected);
    }
}
