//! Blobs that trees name `.gitmodules` or `.gitattributes`.
//!
//! Spec: gitmodules(5); gitattributes(5); git-fsck(1)

use gitwasi_wire::Oid;

use super::config_lines::{ConfigLines, Variable};
use super::{Findings, MessageId, Severities, submodule_url};

/// What a tree names a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DotGit {
    /// `.gitmodules`.
    Modules,
    /// `.gitattributes`.
    Attributes,
}

/// Bytes of a `.gitattributes` that git still reads.
const MAX_ATTRIBUTES: usize = 100 << 20;
/// Bytes of a line from which on git does not read it.
const MAX_ATTRIBUTES_LINE: usize = 2048;

impl DotGit {
    /// Looks at a blob; `None` for one that is too large to be looked at.
    pub fn check<'a>(
        self,
        oid: &Oid,
        content: Option<&[u8]>,
        severities: &'a Severities,
    ) -> Findings<'a> {
        let mut findings = Findings::new(oid, severities);
        match (self, content) {
            (Self::Modules, None) => {
                findings.add(MessageId::GitmodulesLarge, ".gitmodules too large to parse");
            }
            (Self::Modules, Some(content)) => modules(content, &mut findings),
            (Self::Attributes, Some(content)) if content.len() <= MAX_ATTRIBUTES => {
                attributes(content, &mut findings);
            }
            (Self::Attributes, _) => {
                findings.add(MessageId::GitattributesLarge, ".gitattributes too large to parse");
            }
        }
        findings
    }

    /// What is found when there is no such blob, or something else in its place.
    pub(crate) fn absent<'a>(
        self,
        oid: &Oid,
        is_something_else: bool,
        severities: &'a Severities,
    ) -> Findings<'a> {
        let mut findings = Findings::new(oid, severities);
        let (missing, other, name) = match self {
            Self::Modules => {
                (MessageId::GitmodulesMissing, MessageId::GitmodulesBlob, ".gitmodules")
            }
            Self::Attributes => {
                (MessageId::GitattributesMissing, MessageId::GitattributesBlob, ".gitattributes")
            }
        };
        if is_something_else {
            findings.add(other, format!("non-blob found at {name}"));
        } else {
            findings.add(missing, format!("unable to read {name} blob"));
        }
        findings
    }
}

fn modules(content: &[u8], findings: &mut Findings<'_>) {
    for variable in ConfigLines::new(content) {
        match variable {
            Ok(variable) => module(&variable, findings),
            Err(_) => {
                findings.add(MessageId::GitmodulesParse, "could not parse gitmodules blob");
            }
        }
    }
}

fn module(variable: &Variable, findings: &mut Findings<'_>) {
    let (b"submodule", Some(name)) = (&variable.section[..], &variable.subsection) else { return };
    let name = until_nul(name);
    if !is_name(name) {
        let text = format!("disallowed submodule name: {}", String::from_utf8_lossy(name));
        findings.add(MessageId::GitmodulesName, text);
    }
    let Some(value) = variable.value.as_deref().map(until_nul) else { return };
    let (id, what, refused) = match &variable.key[..] {
        b"url" => (MessageId::GitmodulesUrl, "url", submodule_url::is_refused(value)),
        b"path" => (MessageId::GitmodulesPath, "path", value.starts_with(b"-")),
        b"update" => (MessageId::GitmodulesUpdate, "update setting", value.starts_with(b"!")),
        _ => return,
    };
    if refused {
        let text = format!("disallowed submodule {what}: {}", String::from_utf8_lossy(value));
        findings.add(id, text);
    }
}

/// Whether a submodule of that name can have its repository below `modules/`.
fn is_name(name: &[u8]) -> bool {
    let mut components = name.split(|byte| matches!(byte, b'/' | b'\\'));
    !name.is_empty() && !components.any(|component| component == b"..")
}

fn attributes(content: &[u8], findings: &mut Findings<'_>) {
    let mut lines = until_nul(content).split(|byte| *byte == b'\n');
    if lines.any(|line| line.len() >= MAX_ATTRIBUTES_LINE) {
        let text = ".gitattributes has too long lines to parse";
        findings.add(MessageId::GitattributesLineLength, text);
    }
}

/// Where git's strings end.
fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}
