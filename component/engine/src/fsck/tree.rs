//! Trees.

use gitwasi_wire::Oid;

use super::{DotGit, Findings, MessageId, names};

/// One entry, as it is stored.
struct Entry<'a> {
    mode: u16,
    zero_padded: bool,
    name: &'a [u8],
    oid: &'a [u8],
}

const TYPE: u16 = 0o170_000;
const DIRECTORY: u16 = 0o040_000;
const SYMLINK: u16 = 0o120_000;

/// What is reported once, however many entries it is true of, in the order of the reports.
const ONCE: [(MessageId, &str); 10] = [
    (MessageId::NullSha1, "contains entries pointing to null sha1"),
    (MessageId::FullPathname, "contains full pathnames"),
    (MessageId::HasDot, "contains '.'"),
    (MessageId::HasDotdot, "contains '..'"),
    (MessageId::HasDotgit, "contains '.git'"),
    (MessageId::ZeroPaddedFilemode, "contains zero-padded file modes"),
    (MessageId::BadFilemode, "contains bad file modes"),
    (MessageId::DuplicateEntries, "contains duplicate file entries"),
    (MessageId::TreeNotSorted, "not properly sorted"),
    (MessageId::LargePathname, "contains excessively large pathname"),
];

pub(super) fn check(content: &[u8], findings: &mut Findings<'_>) {
    let oid_len = findings.oid.object_format().oid_len();
    let large = findings.severities.large_pathname();
    let mut seen = Vec::new();
    let mut note = |id, is: bool| {
        if is && !seen.contains(&id) {
            seen.push(id);
        }
    };
    let mut order = Order::default();
    if content.is_empty() {
        return;
    }
    let mut rest = content;
    let mut parsed = next(&mut rest, oid_len);
    loop {
        let Some(entry) = parsed else {
            findings.add(MessageId::BadTree, "cannot be parsed as a tree");
            break;
        };
        let name = entry.name;
        note(MessageId::NullSha1, entry.oid.iter().all(|byte| *byte == 0));
        note(MessageId::FullPathname, name.contains(&b'/'));
        note(MessageId::HasDot, name == b".");
        note(MessageId::HasDotdot, name == b"..");
        note(MessageId::ZeroPaddedFilemode, entry.zero_padded);
        note(MessageId::LargePathname, name.len() > large);
        if names::may_be_special(name) {
            note(MessageId::HasDotgit, names::is_dot_git(name));
            special(&entry, findings);
        }
        let at_end = rest.is_empty();
        parsed = if at_end { None } else { next(&mut rest, oid_len) };
        if !at_end && parsed.is_none() {
            continue;
        }
        let usual = [0o100_755, 0o100_644, SYMLINK, DIRECTORY, 0o160_000];
        note(MessageId::BadFilemode, !usual.contains(&entry.mode));
        if let Some(id) = order.next(entry.mode, name) {
            note(id, true);
        }
        if at_end {
            break;
        }
    }
    for (id, text) in ONCE {
        if seen.contains(&id) {
            findings.add(id, text);
        }
    }
}

/// Entries whose names mean something to git.
fn special(entry: &Entry<'_>, findings: &mut Findings<'_>) {
    let is_link = entry.mode & TYPE == SYMLINK;
    let blob = Oid::from_bytes(entry.oid);
    if names::GITMODULES.is(entry.name) {
        gitmodules(is_link, blob, findings);
    }
    if names::GITATTRIBUTES.is(entry.name) {
        if is_link {
            findings.add(MessageId::GitattributesSymlink, ".gitattributes is a symlink");
        } else {
            findings.named.extend(blob.map(|oid| (DotGit::Attributes, oid)));
        }
    }
    if is_link && names::GITIGNORE.is(entry.name) {
        findings.add(MessageId::GitignoreSymlink, ".gitignore is a symlink");
    }
    if is_link && names::MAILMAP.is(entry.name) {
        findings.add(MessageId::MailmapSymlink, ".mailmap is a symlink");
    }
    // On Windows a backslash separates directories.
    for at in (0..entry.name.len()).filter(|at| entry.name[*at] == b'\\') {
        if names::GITMODULES.is_ntfs(&entry.name[at + 1..]) {
            gitmodules(is_link, blob, findings);
        }
    }
}

fn gitmodules(is_link: bool, blob: Option<Oid>, findings: &mut Findings<'_>) {
    if is_link {
        findings.add(MessageId::GitmodulesSymlink, ".gitmodules is a symbolic link");
    } else {
        findings.named.extend(blob.map(|oid| (DotGit::Modules, oid)));
    }
}

fn next<'a>(rest: &mut &'a [u8], oid_len: usize) -> Option<Entry<'a>> {
    // Git looks at the end first: where the name of the last entry has to end.
    let last = rest.len().checked_sub(oid_len + 3).map(|at| at + 2)?;
    if rest[last] != 0 {
        return None;
    }
    let space = rest.iter().position(|byte| *byte == b' ').filter(|space| *space > 0)?;
    let digits = &rest[..space];
    // Git keeps 16 bits, whatever came before them.
    let mode = digits.iter().try_fold(0u16, |mode, digit| {
        matches!(digit, b'0'..=b'7').then(|| mode << 3 | u16::from(digit - b'0'))
    })?;
    let after = &rest[space + 1..];
    let end = after.iter().position(|byte| *byte == 0).filter(|end| *end > 0)?;
    let oid = after.get(end + 1..end + 1 + oid_len)?;
    let entry = Entry { mode, zero_padded: digits[0] == b'0', name: &after[..end], oid };
    *rest = &after[end + 1 + oid_len..];
    Some(entry)
}

/// The order of entries: by name, that of a directory as if it ended in a slash.
#[derive(Default)]
struct Order<'a> {
    last: Option<(u16, &'a [u8])>,
    /// Names of no directories that a directory further on may have, too.
    candidates: Vec<&'a [u8]>,
}

impl<'a> Order<'a> {
    /// What is wrong with the place of an entry.
    fn next(&mut self, mode: u16, name: &'a [u8]) -> Option<MessageId> {
        let (last_mode, last) = self.last.replace((mode, name))?;
        let common = last.len().min(name.len());
        match last[..common].cmp(&name[..common]) {
            std::cmp::Ordering::Less => return None,
            std::cmp::Ordering::Greater => return Some(MessageId::TreeNotSorted),
            std::cmp::Ordering::Equal => {}
        }
        if last.len() == name.len() {
            return Some(MessageId::DuplicateEntries);
        }
        let at = |mode: u16, name: &[u8]| match name.get(common) {
            Some(byte) => *byte,
            None if mode & TYPE == DIRECTORY => b'/',
            None => 0,
        };
        let (before, after) = (at(last_mode, last), at(mode, name));
        // "a", "a.b", "a/": the directory has the name of the file, but is not next to it.
        if before == 0 && is_less_than_slash(after) {
            self.candidates.push(last);
        } else if after == b'/' && is_less_than_slash(before) {
            while let Some(candidate) = self.candidates.pop() {
                match name.strip_prefix(candidate) {
                    Some([]) => return Some(MessageId::DuplicateEntries),
                    Some([byte, ..]) if is_less_than_slash(*byte) => {
                        self.candidates.push(candidate);
                        break;
                    }
                    _ => {}
                }
            }
        }
        (before >= after).then_some(MessageId::TreeNotSorted)
    }
}

fn is_less_than_slash(byte: u8) -> bool {
    0 < byte && byte < b'/'
}
