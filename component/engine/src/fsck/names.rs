//! Names that some file system takes for `.git`, `.gitmodules` and their like: whatever the case,
//! with HFS+'s ignored code points, with NTFS's short names, streams and trailing dots.
//!
//! Spec: git-config(1), "core.protectHFS", "core.protectNTFS"

/// A name that git reads a file of.
#[derive(Debug)]
pub(super) struct Special {
    /// Without its dot, in lower case.
    name: &'static [u8],
    /// What NTFS's short name begins with when those made of the name itself are taken.
    short: &'static [u8; 6],
}

pub(super) const GITMODULES: Special = Special { name: b"gitmodules", short: b"gi7eba" };
pub(super) const GITATTRIBUTES: Special = Special { name: b"gitattributes", short: b"gi7d29" };
pub(super) const GITIGNORE: Special = Special { name: b"gitignore", short: b"gi250a" };
pub(super) const MAILMAP: Special = Special { name: b"mailmap", short: b"maba30" };

/// A quick look that no such name fails: it begins with a dot, what begins a short name, or a
/// code point that may be ignored; or there is a backslash.
pub(super) fn may_be_special(name: &[u8]) -> bool {
    matches!(name, [b'.' | b'~' | b'g' | b'G' | b'm' | b'M' | 0x80.., ..]) || name.contains(&b'\\')
}

/// Whether some file system takes the name, or what follows a backslash in it, for `.git`.
pub(super) fn is_dot_git(name: &[u8]) -> bool {
    let mut parts = (0..name.len()).filter(|at| name[*at] == b'\\').map(|at| &name[at + 1..]);
    is_hfs(name, b"git") || is_ntfs_dot_git(name) || parts.any(is_ntfs_dot_git)
}

impl Special {
    pub(super) fn is(&self, name: &[u8]) -> bool {
        is_hfs(name, self.name) || self.is_ntfs(name)
    }

    pub(super) fn is_ntfs(&self, name: &[u8]) -> bool {
        let ends = |at: usize| ends_in_dots_and_spaces(&name[at..], b":");
        if let [b'.', rest @ ..] = name
            && starts_with(rest, self.name)
        {
            return ends(1 + self.name.len());
        }
        if starts_with(name, &self.name[..6])
            && let [b'~', b'1'..=b'4', ..] = name[6..]
        {
            return ends(8);
        }
        self.is_fallback_short(name) && ends(8)
    }

    /// Whether the first 8 bytes are some of [`Self::short`], a tilde and a number.
    fn is_fallback_short(&self, name: &[u8]) -> bool {
        let Some(name) = name.first_chunk::<8>() else { return false };
        let Some(tilde) = name.iter().position(|byte| *byte == b'~') else { return false };
        let (letters, number) = (&name[..tilde], &name[tilde + 1..]);
        tilde <= 6
            && starts_with(letters, &self.short[..tilde])
            && matches!(number, [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit))
    }
}

fn is_ntfs_dot_git(name: &[u8]) -> bool {
    let length = match name {
        [b'.', rest @ ..] if starts_with(rest, b"git") => 4,
        _ if starts_with(name, b"git~1") => 5,
        _ => return false,
    };
    ends_in_dots_and_spaces(&name[length..], b":/\\")
}

/// Whether nothing that NTFS heeds comes before the end or one of `ends`.
fn ends_in_dots_and_spaces(rest: &[u8], ends: &[u8]) -> bool {
    let first = rest.iter().find(|byte| !matches!(byte, b'.' | b' '));
    first.is_none_or(|byte| ends.contains(byte))
}

fn starts_with(name: &[u8], lower: &[u8]) -> bool {
    name.get(..lower.len()).is_some_and(|start| start.eq_ignore_ascii_case(lower))
}

/// Whether HFS+ takes `name`, up to a slash, for a dot and `wanted`.
fn is_hfs(name: &[u8], wanted: &[u8]) -> bool {
    let mut rest = name;
    let mut next = || {
        loop {
            let (char, after) = first_char(rest)?;
            rest = after;
            if !is_ignored(char) {
                return Some(char);
            }
        }
    };
    if next() != Some('.') {
        return false;
    }
    for letter in wanted {
        if next().is_none_or(|char| char.to_ascii_lowercase() != char::from(*letter)) {
            return false;
        }
    }
    // What is no UTF-8 ends a name, too: git cannot tell what becomes of it.
    matches!(next(), None | Some('/'))
}

/// The first character and what follows it; `None` at the end, or if it is none.
fn first_char(bytes: &[u8]) -> Option<(char, &[u8])> {
    let (char, length) = bstr::decode_utf8(bytes);
    Some((char?, &bytes[length..]))
}

fn is_ignored(char: char) -> bool {
    matches!(char,
        '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disguises_of_dot_git_are_seen_through() {
        for name in [
            ".git",
            ".GIT",
            ".gIt",
            "git~1",
            "GIT~1",
            ".git ",
            ".git...",
            ".git . .",
            ".git:x",
            "git~1:$DATA",
            ".git\\x",
            "a\\.git",
            "a\\git~1\\b",
            ".git/x",
            ".g\u{200c}it",
            "\u{feff}.git",
            ".git\u{206f}",
            "\u{202a}.\u{202e}G\u{200d}i\u{200f}T",
        ] {
            assert!(is_dot_git(name.as_bytes()) && may_be_special(name.as_bytes()), "{name:?}");
        }
        for name in [
            "git",
            ".gitx",
            ".git.x",
            "git~2",
            "git~1x",
            ".gi",
            "",
            "a.git",
            ".g\u{200b}it",
            "xgit~1",
        ] {
            assert!(!is_dot_git(name.as_bytes()), "{name:?}");
        }
    }

    #[test]
    fn disguises_of_gitmodules_are_seen_through() {
        for name in [
            ".gitmodules",
            ".GitModules",
            ".gitmodules ",
            ".gitmodules.",
            ".gitmodules:x",
            "gitmod~1",
            "GITMOD~4",
            "gitmod~2 . ",
            "gi7eba~1",
            "GI7EBA~9",
            "gi7eb~10",
            "gi7~1000",
            "g~123456",
            "~1000000",
            ".gitmod\u{200c}ules",
        ] {
            assert!(GITMODULES.is(name.as_bytes()), "{name:?}");
        }
        for name in [
            "gitmodules",
            ".gitmodulesx",
            "gitmod~5",
            "gitmod~0",
            "gitmod~1x",
            "gi7eba~0",
            "gi7eba~",
            "gi7eb~1",
            "gi7d29~1",
            "~0000000",
            ".gitmodules,",
        ] {
            assert!(!GITMODULES.is(name.as_bytes()), "{name:?}");
        }
    }
}
