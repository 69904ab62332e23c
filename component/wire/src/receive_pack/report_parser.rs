//! The report of a service, read as its response passes by.
//!
//! Spec: gitprotocol-pack(5), "Report Status"

use crate::Oid;
use crate::pkt_line::{self, Assembler, PktLine, chomp};

use super::{Capabilities, RefUpdate};

/// Ref updates that a report may hold for each one that was asked for: a proc-receive hook may make
/// several of one. A report of more is [`ReportError::Malformed`].
const UPDATES_PER_COMMAND: usize = 16;

/// Reads the report of a push out of the service's response, which arrives in pieces.
///
/// Holds the ref updates and at most two pkt-lines, whatever the length of the report.
#[derive(Debug)]
pub struct ReportParser {
    /// The packets of side-band-64k, if the client asked for it.
    packets: Option<Assembler>,
    lines: Assembler,
    reader: Reader,
}

/// How far a report has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportProgress {
    /// It goes on, or has not begun.
    Incomplete,
    /// It has ended in this piece.
    Complete {
        /// Bytes at the front of the piece that hold nothing of the report: messages for the
        /// person. A client that has all but the rest of the piece does not take its push for done.
        messages: usize,
    },
}

/// There is no report to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The service sent bytes that are no pkt-line.
    #[error(transparent)]
    PktLine(#[from] pkt_line::Error),
    /// The service says that it failed, by an `ERR` pkt-line or on band 3.
    #[error("the service has failed")]
    Failed,
    /// The service sent something else than a report.
    #[error("the service sent something else than a report")]
    Malformed,
}

impl ReportParser {
    /// A parser of the report on `commands`, the ref updates that were asked for.
    pub fn new(commands: Vec<RefUpdate>, capabilities: &Capabilities) -> Self {
        Self {
            packets: capabilities.side_band_64k.then(Assembler::default),
            lines: Assembler::default(),
            reader: Reader::new(commands),
        }
    }

    /// Takes the next piece of the response. Do not feed it on after an end or an error.
    ///
    /// # Errors
    ///
    /// This will not become a report.
    pub fn push(&mut self, input: &[u8]) -> Result<ReportProgress, ReportError> {
        let mut rest = input;
        let Some(packets) = &mut self.packets else {
            return Ok(match self.reader.read(&mut self.lines, &mut rest)? {
                true => ReportProgress::Complete { messages: 0 },
                false => ReportProgress::Incomplete,
            });
        };
        let mut messages = None;
        loop {
            let start = input.len() - rest.len();
            let Some(packet) = packets.next_line(&mut rest)? else {
                return Ok(ReportProgress::Incomplete);
            };
            match packet {
                PktLine::Data([1, data @ ..]) => {
                    let mut data = data;
                    if data.is_empty() {
                        continue;
                    }
                    let messages = *messages.get_or_insert(start);
                    if self.reader.read(&mut self.lines, &mut data)? {
                        return Ok(ReportProgress::Complete { messages });
                    }
                }
                PktLine::Data([2, ..]) => {}
                PktLine::Data([3, ..] | [b'E', b'R', b'R', b' ', ..]) => {
                    return Err(ReportError::Failed);
                }
                _ => return Err(ReportError::Malformed),
            }
        }
    }

    /// The ref updates that were reported as made, in the order of the report. Those that change
    /// nothing are not among them.
    pub fn take_made(&mut self) -> Vec<RefUpdate> {
        self.reader.settle();
        std::mem::take(&mut self.reader.made)
    }

    /// The ref updates that were asked for.
    pub fn into_commands(self) -> Vec<RefUpdate> {
        self.reader.commands
    }
}

#[derive(Debug)]
struct Reader {
    commands: Vec<RefUpdate>,
    /// The commands' positions, sorted by name.
    by_name: Vec<usize>,
    state: State,
    /// The one whose `option` lines may follow.
    current: Option<RefUpdate>,
    made: Vec<RefUpdate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unpack,
    Refs,
    Ended,
}

impl Reader {
    fn new(commands: Vec<RefUpdate>) -> Self {
        let mut by_name: Vec<_> = (0..commands.len()).collect();
        by_name.sort_by(|one, other| commands[*one].name.cmp(&commands[*other].name));
        Self { commands, by_name, state: State::Unpack, current: None, made: Vec::new() }
    }

    /// Reads the lines of `data`; tells whether the report has ended.
    fn read(&mut self, lines: &mut Assembler, data: &mut &[u8]) -> Result<bool, ReportError> {
        while self.state != State::Ended {
            match lines.next_line(data)? {
                None => return Ok(false),
                Some(PktLine::Data(line)) => self.line(chomp(line))?,
                Some(PktLine::Flush) if self.state == State::Refs => self.state = State::Ended,
                Some(_) => return Err(ReportError::Malformed),
            }
        }
        Ok(true)
    }

    fn line(&mut self, line: &[u8]) -> Result<(), ReportError> {
        if line.starts_with(b"ERR ") {
            return Err(ReportError::Failed);
        }
        if self.state == State::Unpack {
            if !line.starts_with(b"unpack ") {
                return Err(ReportError::Malformed);
            }
            self.state = State::Refs;
            return Ok(());
        }
        if let Some(option) = line.strip_prefix(b"option ") {
            return self.option(option);
        }
        self.settle();
        if let Some(name) = line.strip_prefix(b"ok ") {
            if self.made.len() >= self.commands.len() * UPDATES_PER_COMMAND {
                return Err(ReportError::Malformed);
            }
            let found =
                self.by_name.binary_search_by(|at| self.commands[*at].name.as_slice().cmp(name));
            let command = found.ok().and_then(|at| self.by_name.get(at));
            self.current = command.map(|at| self.commands[*at].clone());
            return Ok(());
        }
        match line.starts_with(b"ng ") {
            true => Ok(()),
            false => Err(ReportError::Malformed),
        }
    }

    /// A line of report-status-v2: the ref that was updated is not the one that was asked for, or
    /// not so.
    fn option(&mut self, option: &[u8]) -> Result<(), ReportError> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let oid = |hex| Oid::from_hex(hex).ok_or(ReportError::Malformed);
        if let Some(name) = option.strip_prefix(b"refname ") {
            current.name = name.into();
        } else if let Some(hex) = option.strip_prefix(b"old-oid ") {
            current.old_oid = oid(hex)?;
        } else if let Some(hex) = option.strip_prefix(b"new-oid ") {
            current.new_oid = oid(hex)?;
        }
        Ok(())
    }

    /// Keeps the ref update whose lines have ended.
    fn settle(&mut self) {
        self.made.extend(self.current.take().filter(|update| update.old_oid != update.new_oid));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &[u8] = b"000eunpack ok\n000cok main\n0013ng side no way\n000cok gone\n0000";

    fn oid(digit: char) -> Oid {
        Oid::from_hex(digit.to_string().repeat(40).as_bytes()).expect("hexadecimal")
    }

    fn update(name: &str, old: char, new: char) -> RefUpdate {
        RefUpdate { old_oid: oid(old), new_oid: oid(new), name: name.into() }
    }

    fn commands() -> Vec<RefUpdate> {
        vec![update("side", '1', '2'), update("main", '0', '3'), update("gone", '4', '0')]
    }

    /// Reads a response in pieces; tells what was made, and how many bytes could go on before the
    /// end of the report was there.
    fn read(response: &[u8], size: usize, side_band_64k: bool) -> Option<(Vec<RefUpdate>, usize)> {
        let capabilities = Capabilities { side_band_64k, ..Capabilities::default() };
        let mut parser = ReportParser::new(commands(), &capabilities);
        let mut passed = 0;
        for piece in response.chunks(size) {
            match parser.push(piece).ok()? {
                ReportProgress::Incomplete => passed += piece.len(),
                ReportProgress::Complete { messages } => {
                    return Some((parser.take_made(), passed + messages));
                }
            }
        }
        None
    }

    fn banded(report: &[u8]) -> Vec<u8> {
        let mut response = b"0008\x02hi\n0005\x01".to_vec();
        response.extend(format!("{:04x}\x01", report.len() + 5).bytes());
        response.extend_from_slice(report);
        response.extend_from_slice(b"0009\x02bye\n0000");
        response
    }

    #[test]
    fn what_is_ok_was_made() {
        let made = vec![update("main", '0', '3'), update("gone", '4', '0')];
        let banded = banded(PLAIN);
        for size in 1..=banded.len() {
            let (plain, passed) = read(PLAIN, size, false).expect("a report");
            assert_eq!((plain, passed < PLAIN.len()), (made.clone(), true), "pieces of {size}");
            let (in_bands, passed) = read(&banded, size, true).expect("a report");
            assert_eq!(in_bands, made, "pieces of {size}");
            assert!(passed < banded.len() - 13, "pieces of {size}");
        }
    }

    #[test]
    fn messages_go_before_the_report_and_nothing_of_it() {
        let response = banded(PLAIN);
        assert_eq!(read(&response, response.len(), true).expect("a report").1, 13);
        assert_eq!(read(PLAIN, PLAIN.len(), false).expect("a report").1, 0);
    }

    #[test]
    fn options_tell_what_was_really_updated() {
        let a = "a".repeat(40);
        let mut report = b"000eunpack ok\n".to_vec();
        for line in [
            "ok main\n".to_owned(),
            "option refname refs/pull/1\n".to_owned(),
            format!("option new-oid {a}\n"),
            "option forced-update\n".to_owned(),
            "ok main\n".to_owned(),
            format!("option old-oid {a}\n"),
            "ng side no\n".to_owned(),
            "option refname never\n".to_owned(),
        ] {
            report.extend(format!("{:04x}{line}", line.len() + 4).bytes());
        }
        report.extend_from_slice(b"0000");
        let made = vec![update("refs/pull/1", '0', 'a'), update("main", 'a', '3')];
        assert_eq!(read(&report, 7, false).expect("a report").0, made);
    }

    #[test]
    fn updates_that_change_nothing_or_were_not_asked_for_were_not_made() {
        let capabilities = Capabilities::default();
        let mut parser = ReportParser::new(vec![update("same", '1', '1')], &capabilities);
        let report = b"000eunpack ok\n000cok same\n000dok other\n0000";
        assert_eq!(parser.push(report), Ok(ReportProgress::Complete { messages: 0 }));
        assert_eq!(parser.take_made(), []);
    }

    #[test]
    fn failures_are_told_from_nonsense() {
        let error = |response: &[u8], side_band_64k| {
            let capabilities = Capabilities { side_band_64k, ..Capabilities::default() };
            ReportParser::new(commands(), &capabilities).push(response).expect_err("no report")
        };
        for side_band in [false, true] {
            assert_eq!(error(b"000aERR no", side_band), ReportError::Failed);
            assert_eq!(error(b"0000", side_band), ReportError::Malformed);
            assert!(matches!(error(b"PACK", side_band), ReportError::PktLine(_)));
        }
        assert_eq!(error(b"0007\x03no", true), ReportError::Failed);
        assert_eq!(error(b"0007\x04no", true), ReportError::Malformed);
        assert_eq!(error(b"000cok main\n", false), ReportError::Malformed);
        assert_eq!(error(b"000eunpack ok\n0008what", false), ReportError::Malformed);
    }

    #[test]
    fn a_report_is_bounded_by_what_was_asked_for() {
        let mut parser = ReportParser::new(commands(), &Capabilities::default());
        assert_eq!(parser.push(b"000eunpack ok\n"), Ok(ReportProgress::Incomplete));
        let last = (0..1000).map(|_| parser.push(b"000cok main\n")).find(Result::is_err);
        assert_eq!(last, Some(Err(ReportError::Malformed)));
    }
}
