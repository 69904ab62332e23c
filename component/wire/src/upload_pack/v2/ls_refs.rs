//! The command `ls-refs`.
//!
//! Spec: gitprotocol-v2(5), "ls-refs"

use bstr::BString;

use super::Advertisement;
use crate::Quoted;
use crate::upload_pack::{RequestError, RequestLimits};

/// The arguments of `ls-refs`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LsRefs {
    /// `symrefs`: tell what symbolic refs point to.
    pub symrefs: bool,
    /// `peel`: tell what annotated tags point to.
    pub peel: bool,
    /// `unborn`: tell where HEAD points to even if no commit is there. Only if offered.
    pub unborn: bool,
    /// `ref-prefix`: only refs whose full names begin with one of these; all refs if empty. An
    /// optimisation: a server may send more.
    pub ref_prefixes: Vec<BString>,
}

impl LsRefs {
    pub(super) fn argument(
        &mut self,
        line: &[u8],
        advertised: &Advertisement,
        limits: &RequestLimits,
    ) -> Result<(), RequestError> {
        match line {
            b"peel" => self.peel = true,
            b"symrefs" => self.symrefs = true,
            // A client may have seen it offered by another instance, says git.
            b"unborn" => self.unborn = advertised.unborn,
            _ => {
                let prefix = line.strip_prefix(b"ref-prefix ").filter(|line| !line.contains(&0));
                let prefix =
                    prefix.ok_or_else(|| RequestError::UnexpectedLine(Quoted::new(line)))?;
                // A full list tells `end` that there were too many.
                if self.ref_prefixes.len() < limits.ref_prefixes {
                    self.ref_prefixes.push(prefix.into());
                }
            }
        }
        Ok(())
    }

    pub(super) fn end(&mut self, limits: &RequestLimits) {
        if self.ref_prefixes.len() >= limits.ref_prefixes {
            self.ref_prefixes.clear();
        }
    }
}
