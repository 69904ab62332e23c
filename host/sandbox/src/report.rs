//! What is enforced here, in words for an operator.

use std::fmt;

/// What the sandbox enforces on this machine; its `Display` is one line for each finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// In the order in which they are shown.
    pub findings: Vec<Finding>,
}

/// One line of a [`Report`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, in a word or two.
    pub subject: &'static str,
    /// Whether it is there or enforced.
    pub ok: bool,
    /// What is enforced, or why it is not.
    pub detail: String,
}

impl Finding {
    pub(crate) fn new(subject: &'static str, ok: bool, detail: impl Into<String>) -> Finding {
        Finding { subject, ok, detail: detail.into() }
    }
}

impl Report {
    /// What a child is not held to though the sandbox has it, a line each.
    pub fn gaps(&self) -> impl Iterator<Item = String> {
        let barriers = self
            .findings
            .iter()
            .filter(|finding| matches!(finding.subject, "landlock" | "seccomp") && !finding.ok);
        barriers.map(|Finding { subject, detail, .. }| format!("no {subject}: {detail}"))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { subject, ok, detail } in &self.findings {
            let answer = if *ok { "yes" } else { "no" };
            writeln!(f, "{subject:<14} {answer:<3}  {detail}")?;
        }
        Ok(())
    }
}
