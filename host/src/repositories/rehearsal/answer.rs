//! What git says in a rehearsal: progress goes on at once, the rest waits for how it ends.
//!
//! Spec: gitprotocol-pack(5), "Report Status"

use gitwasi_wire::pkt_line::{self, Assembler, PktLine};
use gitwasi_wire::side_band::{self, Band, KEEP_ALIVE, SideBand};

/// Bytes of a report that are held back, about twice what a report on the longest head has. A push
/// with a longer one is not answered by its rehearsal.
const MAX_REPORT_BYTES: usize = 16 << 20;

/// Bytes of messages that are held back. What comes after them is dropped.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// Bytes of a line of progress. A longer one is a message.
const MAX_LINE_BYTES: usize = 1024;

/// The output of git, taken apart.
pub(super) struct Answer {
    /// The packets of side-band-64k, if the client asked for it.
    packets: Option<Assembler>,
    report: Vec<u8>,
    messages: Vec<u8>,
    /// A line whose end has not come yet.
    line: Vec<u8>,
    /// Whether it is none that can be held back and given away later.
    unfit: bool,
}

impl Answer {
    pub(super) fn new(side_band: bool) -> Self {
        Self {
            packets: side_band.then(Assembler::default),
            report: Vec::new(),
            messages: Vec::new(),
            line: Vec::new(),
            unfit: false,
        }
    }

    /// Takes the next piece of the output. Returns what goes on at once, as packets.
    pub(super) fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut at_once = Vec::new();
        let Some(mut packets) = self.packets.take() else {
            self.report(piece);
            return at_once;
        };
        let mut rest = piece;
        while !self.unfit {
            match packets.next_line(&mut rest) {
                Ok(None) => break,
                Ok(Some(PktLine::Data([1]))) => at_once.extend_from_slice(KEEP_ALIVE),
                Ok(Some(PktLine::Data([1, data @ ..]))) => self.report(data),
                Ok(Some(PktLine::Data([2, data @ ..]))) => self.text(data, &mut at_once),
                Ok(Some(PktLine::Flush)) => {}
                Ok(Some(_)) | Err(_) => self.unfit = true,
            }
        }
        self.packets = Some(packets);
        at_once
    }

    /// The whole response if git has refused every ref, none if it has not.
    pub(super) fn into_refusal(mut self) -> Option<Vec<u8>> {
        if self.unfit || !refuses_all(&self.report) {
            return None;
        }
        if self.packets.is_none() {
            return Some(self.report);
        }
        let line = std::mem::take(&mut self.line);
        self.message(line.trim_ascii_end());
        let mut response = Vec::new();
        side_band::encode(SideBand::Large, Band::Progress, &self.messages, &mut response);
        side_band::encode(SideBand::Large, Band::Data, &self.report, &mut response);
        pkt_line::flush(&mut response);
        Some(response)
    }

    fn report(&mut self, data: &[u8]) {
        self.unfit |= self.report.len() + data.len() > MAX_REPORT_BYTES;
        if !self.unfit {
            self.report.extend_from_slice(data);
        }
    }

    fn text(&mut self, data: &[u8], at_once: &mut Vec<u8>) {
        for part in data.split_inclusive(|byte| matches!(byte, b'\r' | b'\n')) {
            self.line.extend_from_slice(part);
            let ended = self.line.ends_with(b"\n") || self.line.ends_with(b"\r");
            if !ended && self.line.len() <= MAX_LINE_BYTES {
                continue;
            }
            let line = std::mem::take(&mut self.line);
            match is_progress(&line) {
                true => side_band::encode(SideBand::Large, Band::Progress, &line, at_once),
                false => self.message(&line),
            }
        }
    }

    fn message(&mut self, line: &[u8]) {
        let room = MAX_MESSAGE_BYTES - self.messages.len();
        self.messages.extend_from_slice(&line[..line.len().min(room)]);
    }
}

/// Source: `display` in git's `progress.c`.
fn is_progress(line: &[u8]) -> bool {
    line.ends_with(b"\r") || line.ends_with(b", done.\n")
}

/// Reasons that may be the scratch place's alone: not there, no room. Git leaves nothing when it gives
/// them for all refs.
const OF_OBJECTS: [&[u8]; 2] =
    [b" missing necessary objects", b" unable to migrate objects to permanent storage"];

/// Whether a report says that the objects were taken and no ref was moved, because of the refs.
fn refuses_all(report: &[u8]) -> bool {
    let (mut lines, mut rest) = (Assembler::default(), report);
    let mut refused = None;
    loop {
        match lines.next_line(&mut rest) {
            Ok(Some(PktLine::Data(line))) => match (refused, line.trim_ascii_end()) {
                (None, b"unpack ok") => refused = Some(0_usize),
                (Some(count), line @ [b'n', b'g', b' ', ..])
                    if !OF_OBJECTS.iter().any(|reason| line.ends_with(reason)) =>
                {
                    refused = Some(count + 1);
                }
                _ => return false,
            },
            Ok(Some(PktLine::Flush)) => return refused.is_some_and(|count| count > 0),
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: &[u8] = b"000eunpack ok\n0013ng main no way\n0000";

    #[test]
    fn a_report_refuses_all_or_not() {
        assert!(refuses_all(REFUSED));
        for report in [
            &b""[..],
            b"0000",
            b"000eunpack ok\n0000",
            b"000eunpack ok\n0013ng main no way\n",
            b"000eunpack ok\n000cok main\n0000",
            b"000eunpack ok\n0013ng main no way\n000cok side\n0000",
            b"000cng main\n0000",
            b"0012unpack broken\n0012ng main broken0000",
            b"000eunpack ok\n0026ng main missing necessary objects\n0000",
            b"000eunpack ok\n0013ng side no way\n0026ng main missing necessary objects\n0000",
            b"PACK",
        ] {
            assert!(!refuses_all(report), "{}", String::from_utf8_lossy(report));
        }
    }

    /// What goes on at once and what is the refusal, of an output that comes in pieces.
    fn rehearsed(output: &[u8], size: usize, side_band: bool) -> (Vec<u8>, Option<Vec<u8>>) {
        let mut answer = Answer::new(side_band);
        let at_once = output.chunks(size).flat_map(|piece| answer.push(piece)).collect();
        (at_once, answer.into_refusal())
    }

    #[test]
    fn progress_goes_on_and_the_rest_is_held_back() {
        let mut output =
            b"0005\x01000e\x02half 1/2\r000a\x02all, 0019\x02done.\nerror: no way\n".to_vec();
        side_band::encode(SideBand::Large, Band::Data, REFUSED, &mut output);
        output.extend_from_slice(b"0000");
        let mut refusal = b"0013\x02error: no way\n".to_vec();
        side_band::encode(SideBand::Large, Band::Data, REFUSED, &mut refusal);
        refusal.extend_from_slice(b"0000");
        for size in 1..=output.len() {
            let (at_once, refused) = rehearsed(&output, size, true);
            assert_eq!(
                at_once, b"0005\x01000e\x02half 1/2\r0010\x02all, done.\n",
                "pieces of {size}"
            );
            assert_eq!(refused.as_ref(), Some(&refusal), "pieces of {size}");
        }
        assert_eq!(rehearsed(REFUSED, 7, false), (Vec::new(), Some(REFUSED.to_vec())));
    }

    #[test]
    fn what_is_no_refusal_is_not_taken_for_one() {
        for report in [&b"000eunpack ok\n000cok main\n0000"[..], b"000aERR no", b"junk"] {
            assert_eq!(rehearsed(report, 5, false).1, None);
            assert_eq!(rehearsed(report, 5, true).1, None);
        }
        // Not in side-band, though that was agreed on.
        assert_eq!(rehearsed(REFUSED, 5, true).1, None);
    }

    #[test]
    fn messages_are_bounded() {
        let mut output = Vec::new();
        let text = [&[b'x'; 99][..], b"\n"].concat().repeat(2 * MAX_MESSAGE_BYTES / 100);
        side_band::encode(SideBand::Large, Band::Progress, &text, &mut output);
        side_band::encode(SideBand::Large, Band::Data, REFUSED, &mut output);
        let (at_once, refused) = rehearsed(&output, 1000, true);
        assert_eq!(at_once, b"");
        let length = refused.map(|refused| refused.len());
        assert!(length.is_some_and(|length| length < MAX_MESSAGE_BYTES + 100), "{length:?}");
    }
}
