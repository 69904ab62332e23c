//! What `git fsck` asks of an object's content, as a push is asked it.
//!
//! Looks at one object at a time and at nothing else: whether what it names exists is the
//! connectivity check's question. Never fails; finds.
//!
//! Spec: git-fsck(1), "FSCK MESSAGES"; git-config(1), `receive.fsck.<msg-id>`

mod commit;
mod config_lines;
mod dot_git;
mod header;
mod ident;
mod message;
mod names;
mod severities;
mod submodule_url;
mod tag;
mod tree;

use gitwasi_wire::Oid;

pub use dot_git::DotGit;
pub use message::{MessageId, Severity};
pub use severities::{SetError, Severities};

use crate::object::Kind;

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub id: MessageId,
    /// What it does to a push; never [`Severity::Ignore`].
    pub severity: Severity,
    /// Git's words for it.
    pub text: String,
}

/// What was found in one object.
#[derive(Debug)]
pub struct Findings<'a> {
    severities: &'a Severities,
    oid: Oid,
    findings: Vec<Finding>,
    spotless: bool,
    named: Vec<(DotGit, Oid)>,
}

/// An error was found: nothing else is looked for.
#[derive(Debug)]
struct Refused;

/// Looks at an object. Of blobs nothing is asked here: see [`DotGit::check`].
pub fn check<'a>(
    kind: Kind,
    oid: &Oid,
    content: &[u8],
    severities: &'a Severities,
) -> Findings<'a> {
    let mut findings = Findings::new(oid, severities);
    // An error ends it, and is among the findings.
    _ = match kind {
        Kind::Commit => commit::check(content, &mut findings),
        Kind::Tree => {
            tree::check(content, &mut findings);
            Ok(())
        }
        Kind::Tag => tag::check(content, &mut findings),
        Kind::Blob => Ok(()),
    };
    findings
}

impl<'a> Findings<'a> {
    pub(crate) fn new(oid: &Oid, severities: &'a Severities) -> Self {
        Self { severities, oid: *oid, findings: Vec::new(), spotless: true, named: Vec::new() }
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// Whether there is no fault at all, not even one that is not to be reported.
    pub(crate) fn is_spotless(&self) -> bool {
        self.spotless
    }

    /// Blobs that a tree names `.gitmodules` or `.gitattributes`, and that are to be looked at.
    pub fn named(&self) -> &[(DotGit, Oid)] {
        &self.named
    }

    /// The findings in the order that git reports them.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> + '_ {
        self.findings.iter()
    }

    /// The lines that git writes, with a question mark for each control character, as there.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.findings.iter().map(|finding| {
            let word = if finding.severity == Severity::Error { "error" } else { "warning" };
            let text = finding.text.replace(|char: char| char.is_control() && char != '\t', "?");
            format!("{word}: object {}: {}: {text}", self.oid, finding.id.name())
        })
    }

    pub(crate) fn add(&mut self, id: MessageId, text: impl Into<String>) {
        self.spotless = false;
        let severity = self.severities.of(id, &self.oid);
        if severity != Severity::Ignore {
            self.findings.push(Finding { id, severity, text: text.into() });
        }
    }

    /// As [`Self::add`], and an error ends it.
    fn found(&mut self, id: MessageId, text: impl Into<String>) -> Result<(), Refused> {
        let before = self.findings.len();
        self.add(id, text);
        match self.findings.get(before) {
            Some(finding) if finding.severity == Severity::Error => Err(Refused),
            _ => Ok(()),
        }
    }
}
