//! The object directories of a repository: its own, and those it borrows from.
//!
//! Spec: gitrepository-layout(5), "objects/info/alternates"

use crate::storage::Storage;
use crate::{Engine, Error, Result};

/// Lists the object directories, the repository's own first, each once.
///
/// # Errors
/// An alternate outside of the storage is [`Error::Unsupported`]: what lies there may not be read.
///
/// # Limits
/// [`crate::Limits::alternates_depth`].
///
/// # Deviation
/// Git warns of a missing alternate and goes on, and so do we; it also ignores alternates past
/// the depth, where we refuse.
pub(super) async fn object_directories<S: Storage>(
    engine: &Engine<S>,
    repository: &str,
) -> Result<Vec<String>> {
    let mut directories = vec![format!("{repository}/objects")];
    let mut next = 0;
    let mut depth = 0;
    while next < directories.len() {
        let level_ends = directories.len();
        for number in next..level_ends {
            let directory = directories[number].clone();
            for alternate in read(engine, &directory).await? {
                if !directories.contains(&alternate) {
                    directories.push(alternate);
                }
            }
            if directories.len() > engine.limits.packs {
                return Err(Error::LimitExceeded("packs"));
            }
        }
        next = level_ends;
        depth += 1;
        if depth > engine.limits.alternates_depth && next < directories.len() {
            return Err(Error::LimitExceeded("alternates_depth"));
        }
    }
    Ok(directories)
}

async fn read<S: Storage>(engine: &Engine<S>, directory: &str) -> Result<Vec<String>> {
    let Some(content) = engine.recall_file(&format!("{directory}/info/alternates")).await? else {
        return Ok(Vec::new());
    };
    let mut alternates = Vec::new();
    for line in content.split(|byte| *byte == b'\n') {
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let outside = || Error::Unsupported("an alternate outside of what is served".into());
        // Git takes a line that only begins like a quoted one as it is.
        let unquoted = unquote(line);
        let line = str::from_utf8(unquoted.as_deref().unwrap_or(line)).map_err(|_| outside())?;
        let path = if line.starts_with('/') {
            engine.storage.locate(line).ok_or_else(outside)?
        } else {
            join(directory, line).ok_or_else(outside)?
        };
        if engine.storage.stat(&path).await.is_ok() {
            alternates.push(path);
        }
    }
    Ok(alternates)
}

/// What a line in the quotes of C stands for; `None` if it is not in such quotes.
fn unquote(line: &[u8]) -> Option<Vec<u8>> {
    let mut rest = line.strip_prefix(b"\"")?.iter().copied();
    let mut out = Vec::new();
    loop {
        let byte = match rest.next()? {
            b'"' => return Some(out),
            b'\\' => match rest.next()? {
                b'a' => 7,
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'v' => 11,
                byte @ (b'\\' | b'"') => byte,
                high @ b'0'..=b'3' => {
                    let mut digit = || rest.next().filter(|byte| (b'0'..=b'7').contains(byte));
                    let (middle, low) = (digit()?, digit()?);
                    (high - b'0') << 6 | (middle - b'0') << 3 | (low - b'0')
                }
                _ => return None,
            },
            byte => byte,
        };
        out.push(byte);
    }
}

/// Resolves `relative` against `directory` without leaving the root.
fn join(directory: &str, relative: &str) -> Option<String> {
    let mut components: Vec<&str> = directory.split('/').collect();
    for component in relative.split('/') {
        match component {
            "" | "." => {}
            ".." => {
                components.pop()?;
            }
            component => components.push(component),
        }
    }
    Some(components.join("/"))
}

#[cfg(test)]
mod tests {
    use super::{join, unquote};

    #[test]
    fn a_relative_alternate_stays_below_the_root() {
        assert_eq!(
            join("a/b.git/objects", "../../c.git/objects").as_deref(),
            Some("a/c.git/objects")
        );
        assert_eq!(join("b.git/objects", "../../../x"), None);
    }

    #[test]
    fn quoted_lines_are_unquoted_as_c_does() {
        assert_eq!(unquote(br#""a\tb\"c\303\244""#).as_deref(), Some("a\tb\"cä".as_bytes()));
        for bad in [&b"plain"[..], b"\"open", br#""\x""#, br#""\400""#, br#""\18""#] {
            assert_eq!(unquote(bad), None, "{bad:?}");
        }
    }
}
