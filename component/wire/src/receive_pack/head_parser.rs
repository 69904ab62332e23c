//! Reads the head of a push as it arrives.
//!
//! Whoever is asked whether a push is allowed sees what this parser saw, and git, or the engine,
//! executes what it reads itself. So the two must never read the same bytes differently: what git
//! tolerates in some way of its own is refused here.

use std::ops::ControlFlow;

use bstr::BString;

use super::{Capabilities, Head, HeadError, HeadLimits, PushCert, RefUpdate};
use crate::pkt_line::{Feed, PktLine, chomp};
use crate::{ObjectFormat, Oid};

/// An incremental parser for the head of a request to `git-receive-pack`.
///
/// # Deviation
///
/// Stricter than git: capabilities come on the first ref update or `push-cert` only; the head ends
/// with a flush-pkt, no other; a `shallow` line has nothing after its oid; there is one push
/// certificate at most, terminated, without a NUL, and with a ref update in it; ref names and push
/// options have no line feed.
///
/// # Examples
///
/// ```
/// use gitwasi_wire::receive_pack::{HeadParser, Progress};
///
/// let request: [&[u8]; 2] = [
///     b"006de69de29bb2d1d6434b8b29ae775ad8c2e48c5391 0000000000000000000000000000000000000000 ",
///     b"refs/heads/topic\0atomic0000",
/// ];
/// let mut parser = HeadParser::default();
/// for piece in request {
///     if let Progress::Complete { head, consumed } = parser.push(piece)? {
///         assert_eq!(head.ref_updates[0].name, "refs/heads/topic");
///         assert!(head.capabilities.atomic);
///         assert!(!head.expects_pack());
///         assert_eq!(consumed, piece.len());
///     }
/// }
/// # Ok::<_, gitwasi_wire::receive_pack::HeadError>(())
/// ```
#[derive(Debug)]
pub struct HeadParser {
    feed: Feed,
    reader: Reader,
}

/// How far a [`HeadParser`] got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// All of the input was taken and the head goes on.
    Incomplete,
    /// The head is there.
    Complete {
        /// The head.
        head: Box<Head>,
        /// Bytes of the last input that belong to the head; what follows them is the pack.
        consumed: usize,
    },
}

impl Default for HeadParser {
    fn default() -> Self {
        Self::new(HeadLimits::default())
    }
}

impl HeadParser {
    /// A parser that has seen nothing yet.
    pub fn new(limits: HeadLimits) -> Self {
        Self {
            feed: Feed::new(limits.head_bytes),
            reader: Reader {
                limits,
                state: State::RefUpdates,
                head: Head::default(),
                push_cert: None,
                saw_first: false,
            },
        }
    }

    /// Takes the next bytes of the request.
    ///
    /// The parser is done when this answers with a head or an error; feeding it on is a
    /// [`HeadError::Finished`]. A request that ends while it says [`Progress::Incomplete`] was cut.
    ///
    /// # Errors
    ///
    /// The head is malformed or exceeds a limit; see [`HeadError::fault`].
    pub fn push(&mut self, input: &[u8]) -> Result<Progress, HeadError> {
        let end = self.feed.push(input, |line| self.reader.line(line))?;
        Ok(match end {
            None => Progress::Incomplete,
            Some(consumed) => Progress::Complete {
                head: Box::new(std::mem::take(&mut self.reader.head)),
                consumed,
            },
        })
    }

    /// Bytes taken so far, over all input.
    pub fn consumed(&self) -> usize {
        self.feed.consumed()
    }
}

#[derive(Debug)]
struct Reader {
    limits: HeadLimits,
    state: State,
    head: Head,
    /// The certificate, all of its pkt-lines joined.
    push_cert: Option<Vec<u8>>,
    saw_first: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    RefUpdates,
    PushCert,
    PushOptions,
}

impl Reader {
    fn line(&mut self, line: PktLine<'_>) -> Result<ControlFlow<()>, HeadError> {
        match line {
            PktLine::Data(data) if data.starts_with(b"ERR ") => {
                return Err(HeadError::ClientReportedError);
            }
            PktLine::Data(data) => match self.state {
                State::RefUpdates => self.ref_update_line(chomp(data))?,
                State::PushCert => self.push_cert_line(data)?,
                State::PushOptions => self.push_option_line(chomp(data))?,
            },
            PktLine::Flush => match self.state {
                State::RefUpdates => return self.end_of_ref_updates(),
                State::PushCert => return Err(HeadError::MalformedPushCert),
                State::PushOptions => return Ok(ControlFlow::Break(())),
            },
            PktLine::Delim | PktLine::ResponseEnd => return Err(HeadError::UnexpectedPacket),
        }
        Ok(ControlFlow::Continue(()))
    }

    fn ref_update_line(&mut self, line: &[u8]) -> Result<(), HeadError> {
        if let Some(hex) = line.strip_prefix(b"shallow ") {
            let oid = Oid::from_hex(hex).ok_or(HeadError::ExpectedShallowOid)?;
            if self.head.shallow.len() == self.limits.shallow {
                return Err(HeadError::TooManyShallow(self.limits.shallow));
            }
            self.head.shallow.push(oid);
            return Ok(());
        }
        let line = match line.iter().position(|byte| *byte == 0) {
            None => line,
            Some(_) if self.saw_first => return Err(HeadError::LateCapabilities),
            Some(at) => {
                self.head.capabilities = Capabilities::parse(&line[at + 1..])?;
                &line[..at]
            }
        };
        self.saw_first = true;
        if self.push_cert.is_some() {
            return Err(HeadError::PushCertAndRefUpdates);
        }
        if line == b"push-cert" {
            if !self.head.ref_updates.is_empty() {
                return Err(HeadError::PushCertAndRefUpdates);
            }
            self.push_cert = Some(Vec::new());
            self.state = State::PushCert;
            return Ok(());
        }
        self.ref_update(line)
    }

    fn ref_update(&mut self, line: &[u8]) -> Result<(), HeadError> {
        let format = self.head.capabilities.object_format;
        let (old_oid, line) = oid_and_space(line, format)?;
        let (new_oid, name) = oid_and_space(line, format)?;
        if name.is_empty() || name.contains(&b'\n') || name.contains(&0) {
            return Err(HeadError::BadRefName);
        }
        if name.len() > self.limits.ref_name_bytes {
            return Err(HeadError::RefNameTooLong(self.limits.ref_name_bytes));
        }
        if self.head.ref_updates.len() == self.limits.ref_updates {
            return Err(HeadError::TooManyRefUpdates(self.limits.ref_updates));
        }
        self.head.ref_updates.push(RefUpdate { old_oid, new_oid, name: name.into() });
        Ok(())
    }

    fn push_cert_line(&mut self, data: &[u8]) -> Result<(), HeadError> {
        if data == b"push-cert-end\n" {
            self.state = State::RefUpdates;
            return Ok(());
        }
        if data.contains(&0) {
            return Err(HeadError::MalformedPushCert);
        }
        self.push_cert.get_or_insert_default().extend_from_slice(data);
        Ok(())
    }

    fn end_of_ref_updates(&mut self) -> Result<ControlFlow<()>, HeadError> {
        if let Some(raw) = self.push_cert.take() {
            let (push_cert, lines) = PushCert::parse(raw)?;
            for line in lines {
                self.ref_update(&line)?;
            }
            self.head.push_cert = Some(push_cert);
        }
        let format = self.head.capabilities.object_format;
        if !self.head.is_probe()
            && self.head.shallow.iter().any(|oid| oid.object_format() != format)
        {
            return Err(HeadError::MixedObjectFormats);
        }
        // git reads push options only where there is a ref update to go with them.
        if !self.head.capabilities.push_options || self.head.is_probe() {
            return Ok(ControlFlow::Break(()));
        }
        self.state = State::PushOptions;
        Ok(ControlFlow::Continue(()))
    }

    fn push_option_line(&mut self, option: &[u8]) -> Result<(), HeadError> {
        if option.contains(&b'\n') || option.contains(&0) {
            return Err(HeadError::BadPushOption);
        }
        if self.head.push_options.len() == self.limits.push_options {
            return Err(HeadError::TooManyPushOptions(self.limits.push_options));
        }
        self.head.push_options.push(BString::from(option));
        Ok(())
    }
}

fn oid_and_space(line: &[u8], format: ObjectFormat) -> Result<(Oid, &[u8]), HeadError> {
    let space = line.iter().position(|byte| *byte == b' ').ok_or(HeadError::ExpectedRefUpdate)?;
    let oid = Oid::from_hex(&line[..space]).ok_or(HeadError::ExpectedRefUpdate)?;
    if oid.object_format() != format {
        return Err(HeadError::MixedObjectFormats);
    }
    Ok((oid, &line[space + 1..]))
}
