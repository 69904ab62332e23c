//! Commits.

use super::header::{Header, is_oid};
use super::{Findings, MessageId, Refused, ident};

pub(super) fn check(content: &[u8], findings: &mut Findings<'_>) -> Result<(), Refused> {
    let format = findings.oid.object_format();
    let mut header = Header::new(content, findings)?;
    let Some(tree) = header.line(b"tree ") else {
        return findings.found(MessageId::MissingTree, "invalid format - expected 'tree' line");
    };
    if !is_oid(tree, format) {
        findings.found(MessageId::BadTreeSha1, "invalid 'tree' line format - bad sha1")?;
    }
    while let Some(parent) = header.line(b"parent ") {
        if !is_oid(parent, format) {
            findings.found(MessageId::BadParentSha1, "invalid 'parent' line format - bad sha1")?;
        }
    }
    let mut authors = 0;
    while let Some(author) = header.line(b"author ") {
        authors += 1;
        ident::check(author, findings)?;
    }
    match authors {
        0 => findings.found(MessageId::MissingAuthor, "invalid format - expected 'author' line")?,
        1 => {}
        _ => {
            let text = "invalid format - multiple 'author' lines";
            findings.found(MessageId::MultipleAuthors, text)?;
        }
    }
    let Some(committer) = header.line(b"committer ") else {
        let text = "invalid format - expected 'committer' line";
        return findings.found(MessageId::MissingCommitter, text);
    };
    ident::check(committer, findings)?;
    if content.contains(&0) {
        findings.found(MessageId::NulInCommit, "NUL byte in the commit object body")?;
    }
    Ok(())
}
