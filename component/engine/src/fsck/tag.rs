//! Annotated tags.

use bstr::ByteSlice as _;

use super::header::{Header, is_oid};
use super::{Findings, MessageId, Refused, ident};
use crate::object::Kind;

pub(super) fn check(content: &[u8], findings: &mut Findings<'_>) -> Result<(), Refused> {
    let format = findings.oid.object_format();
    let mut header = Header::new(content, findings)?;
    let Some(object) = header.line(b"object ") else {
        return findings.found(MessageId::MissingObject, "invalid format - expected 'object' line");
    };
    if !is_oid(object, format) {
        findings.found(MessageId::BadObjectSha1, "invalid 'object' line format - bad sha1")?;
    }
    let Some(kind) = header.line(b"type ") else {
        return findings
            .found(MessageId::MissingTypeEntry, "invalid format - expected 'type' line");
    };
    if Kind::from_name(kind).is_none() {
        findings.found(MessageId::BadType, "invalid 'type' value")?;
    }
    let Some(name) = header.line(b"tag ") else {
        return findings.found(MessageId::MissingTagEntry, "invalid format - expected 'tag' line");
    };
    let full = [b"refs/tags/", name].concat();
    if gix_validate::reference::name(full.as_bstr()).is_err() {
        let text = format!("invalid 'tag' name: {}", String::from_utf8_lossy(name));
        findings.found(MessageId::BadTagName, text)?;
    }
    match header.line(b"tagger ") {
        Some(tagger) => ident::check(tagger, findings)?,
        None => {
            let text = "invalid format - expected 'tagger' line";
            findings.found(MessageId::MissingTaggerEntry, text)?;
        }
    }
    if !header.0.is_empty() && !header.0.starts_with(b"\n") {
        let text = "invalid format - extra header(s) after 'tagger'";
        findings.found(MessageId::ExtraHeaderEntry, text)?;
    }
    Ok(())
}
