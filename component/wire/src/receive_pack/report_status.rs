//! report-status: what became of a push.
//!
//! Spec: gitprotocol-pack(5), "Report Status"

use std::borrow::Cow;

use bstr::BStr;

use super::{Capabilities, Head};
use crate::pkt_line::{self, TooLong};
use crate::side_band::{self, Band, SideBand};

/// Bytes of one reason, which is cut to this. It shares a pkt-line with a ref name.
const MAX_REASON_LEN: usize = 1024;

/// A report on all of a push.
///
/// # Deviation
///
/// Never writes the `option` lines of `report-status-v2`: git writes them for updates that a
/// proc-receive hook has rewritten, and there are none here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report<'a> {
    /// What became of the pack: `Ok`, or the reason it was not taken.
    pub unpack: Result<(), Cow<'a, str>>,
    /// What became of each ref update, in the client's order.
    pub refs: Vec<RefReport<'a>>,
}

/// What became of one ref update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefReport<'a> {
    /// The ref's full name.
    pub name: &'a BStr,
    /// The outcome.
    pub outcome: RefOutcome<'a>,
}

/// The outcome of one ref update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefOutcome<'a> {
    /// `ok`.
    Ok,
    /// `ng`, with the reason, which the client shows behind the ref's name.
    Ng(Cow<'a, str>),
}

impl<'a> Report<'a> {
    /// A report that refuses every ref update of `head`, each for the same reason.
    ///
    /// `unpack` tells of the pack; a push that is refused before its pack was read says `Ok`, as
    /// git does when a hook declines.
    pub fn refused(head: &'a Head, unpack: Result<(), Cow<'a, str>>, reason: &'a str) -> Self {
        let refs = head
            .ref_updates
            .iter()
            .map(|update| RefReport {
                name: update.name.as_ref(),
                outcome: RefOutcome::Ng(Cow::Borrowed(reason)),
            })
            .collect();
        Self { unpack, refs }
    }

    /// Appends the report and all that ends the response, in the form that was agreed on.
    ///
    /// With `side-band-64k` the report goes on band 1 and a flush-pkt follows; without, it ends
    /// with its own flush-pkt. A client that asked for neither form of report gets none, and with
    /// `side-band-64k` the flush-pkt alone.
    ///
    /// # Errors
    ///
    /// A ref name leaves no room for a reason. Cannot happen to names that kept within
    /// [`HeadLimits`](super::HeadLimits). Nothing was written.
    pub fn encode(&self, capabilities: &Capabilities, out: &mut Vec<u8>) -> Result<(), TooLong> {
        let mut report = Vec::new();
        if capabilities.report_status || capabilities.report_status_v2 {
            match &self.unpack {
                Ok(()) => pkt_line::parts(&[b"unpack ok\n"], &mut report)?,
                Err(reason) => {
                    pkt_line::parts(&[b"unpack ", &one_line(reason), b"\n"], &mut report)?;
                }
            }
            for RefReport { name, outcome } in &self.refs {
                match outcome {
                    RefOutcome::Ok => pkt_line::parts(&[b"ok ", name, b"\n"], &mut report)?,
                    RefOutcome::Ng(reason) => pkt_line::parts(
                        &[b"ng ", name, b" ", &one_line(reason), b"\n"],
                        &mut report,
                    )?,
                }
            }
            pkt_line::flush(&mut report);
        }
        if capabilities.side_band_64k {
            side_band::encode(SideBand::Large, Band::Data, &report, out);
            pkt_line::flush(out);
        } else {
            out.append(&mut report);
        }
        Ok(())
    }
}

/// Appends a message for the person, shown as `remote: <text>`, line by line.
///
/// Goes before the report. A client without `side-band-64k` cannot be told: then nothing is
/// written. End the text with a line feed.
pub fn message(capabilities: &Capabilities, text: &str, out: &mut Vec<u8>) {
    if capabilities.side_band_64k {
        side_band::encode(SideBand::Large, Band::Progress, text.as_bytes(), out);
    }
}

/// A reason ends at the line's end: a line feed in it would begin a forged line.
fn one_line(reason: &str) -> Vec<u8> {
    let reason = &reason[..reason.floor_char_boundary(MAX_REASON_LEN)];
    reason.bytes().map(|byte| if byte.is_ascii_control() { b' ' } else { byte }).collect()
}
