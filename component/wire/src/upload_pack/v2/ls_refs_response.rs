//! The response to `ls-refs`: a line for each ref, and a flush-pkt.
//!
//! Spec: gitprotocol-v2(5), "ls-refs", output

use bstr::BStr;

use crate::Oid;
use crate::pkt_line::{self, TooLong};

/// One ref.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefLine<'a> {
    /// What it is at.
    pub oid: Oid,
    /// Its full name.
    pub name: &'a BStr,
    /// The name of the ref it points to, if it is symbolic and the client asked for `symrefs`.
    pub symref_target: Option<&'a BStr>,
    /// What its annotated tag points to in the end, if it is at one and the client asked for
    /// `peel`.
    pub peeled: Option<Oid>,
}

impl RefLine<'_> {
    /// Appends the line.
    ///
    /// # Errors
    ///
    /// The names do not fit into a pkt-line. Nothing was written.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        let mut line = Vec::with_capacity(160 + self.name.len());
        self.oid.write_hex(&mut line);
        line.push(b' ');
        line.extend_from_slice(self.name);
        if let Some(target) = self.symref_target {
            line.extend_from_slice(b" symref-target:");
            line.extend_from_slice(target);
        }
        if let Some(peeled) = self.peeled {
            line.extend_from_slice(b" peeled:");
            peeled.write_hex(&mut line);
        }
        pkt_line::text(&line, out)
    }
}

/// Appends the line of a HEAD that points to a branch without a commit, if the client asked for
/// `unborn`, and for `symrefs`, without which git does not tell.
///
/// # Errors
///
/// The name does not fit into a pkt-line. Nothing was written.
pub fn unborn_head(symref_target: &BStr, out: &mut Vec<u8>) -> Result<(), TooLong> {
    pkt_line::parts(&[b"unborn HEAD symref-target:", symref_target, b"\n"], out)
}
