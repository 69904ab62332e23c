//! Reads a request of version 2 as it arrives.
//!
//! Spec: gitprotocol-v2(5), "Command Request"

use std::ops::ControlFlow;

use bstr::BString;

use super::{Advertisement, Command, Fetch, LsRefs, ObjectInfo, Request};
use crate::pkt_line::{Feed, PktLine, chomp};
use crate::upload_pack::error::push_limited;
use crate::upload_pack::{Progress, RequestError, RequestLimits};
use crate::{ObjectFormat, Quoted};

/// An incremental parser for a request of version 2.
///
/// # Deviation
///
/// Stricter than git: nothing follows an oid, and no line goes on behind a NUL.
///
/// # Examples
///
/// ```
/// use gitwasi_wire::ObjectFormat;
/// use gitwasi_wire::upload_pack::v2::{Advertisement, Command, RequestParser};
/// use gitwasi_wire::upload_pack::{Progress, RequestLimits};
///
/// let advertised = Advertisement::new("gitwasi/0.1", ObjectFormat::Sha1);
/// let mut parser = RequestParser::new(advertised, RequestLimits::default());
/// assert_eq!(parser.push(b"0014command=ls-refs\n00010009pe")?, Progress::Incomplete);
/// let Progress::Complete { request: Some(request), .. } = parser.push(b"el\n0000")? else {
///     unreachable!()
/// };
/// assert!(matches!(request.command, Command::LsRefs(ls_refs) if ls_refs.peel));
/// # Ok::<_, gitwasi_wire::upload_pack::RequestError>(())
/// ```
#[derive(Debug)]
pub struct RequestParser {
    feed: Feed,
    reader: Reader,
}

impl RequestParser {
    /// A parser that has seen nothing yet, and accepts what is advertised.
    pub fn new(advertised: Advertisement, limits: RequestLimits) -> Self {
        let reader = Reader {
            advertised,
            limits,
            in_arguments: false,
            saw_capability: false,
            client_format: ObjectFormat::Sha1,
            command: None,
            agent: None,
            session_id: None,
            server_options: Vec::new(),
        };
        Self { feed: Feed::new(limits.request_bytes), reader }
    }

    /// Takes the next bytes of the request.
    ///
    /// The parser is done when this answers with a request or an error; feeding it on is a
    /// [`RequestError::Finished`].
    ///
    /// # Errors
    ///
    /// The request is malformed, asks for what is not offered, or exceeds a limit; see
    /// [`RequestError::fault`].
    pub fn push(&mut self, input: &[u8]) -> Result<Progress<Request>, RequestError> {
        let end = self.feed.push(input, |line| self.reader.line(line))?;
        Ok(match end {
            None => Progress::Incomplete,
            Some(consumed) => Progress::Complete { request: self.reader.take(), consumed },
        })
    }

    /// Tells what it means that the request ends here, while it is [`Progress::Incomplete`].
    ///
    /// A request without a byte is the client's leave, as a lone flush-pkt is.
    ///
    /// # Errors
    ///
    /// The request was cut.
    pub fn finish(&self) -> Result<(), RequestError> {
        if self.feed.consumed() == 0 { Ok(()) } else { Err(RequestError::HungUp) }
    }
}

#[derive(Debug)]
struct Reader {
    advertised: Advertisement,
    limits: RequestLimits,
    in_arguments: bool,
    saw_capability: bool,
    client_format: ObjectFormat,
    command: Option<Command>,
    agent: Option<BString>,
    session_id: Option<BString>,
    server_options: Vec<BString>,
}

impl Reader {
    fn line(&mut self, line: PktLine<'_>) -> Result<ControlFlow<()>, RequestError> {
        match line {
            PktLine::Data(data) => {
                let line = chomp(data);
                if let Some(message) = line.strip_prefix(b"ERR ") {
                    return Err(RequestError::ClientReportedError(Quoted::new(message)));
                }
                if self.in_arguments {
                    self.argument(line)?
                } else {
                    self.capability(line)?
                }
                Ok(ControlFlow::Continue(()))
            }
            PktLine::Flush => {
                if self.in_arguments {
                    self.end_of_arguments()?;
                } else if self.saw_capability {
                    self.end_of_capabilities()?;
                    self.end_of_arguments()?;
                }
                Ok(ControlFlow::Break(()))
            }
            PktLine::Delim if !self.in_arguments => {
                self.end_of_capabilities()?;
                self.in_arguments = true;
                Ok(ControlFlow::Continue(()))
            }
            PktLine::Delim | PktLine::ResponseEnd => Err(match &self.command {
                Some(command) if self.in_arguments => RequestError::ExpectedFlush(command.name()),
                _ => RequestError::UnexpectedPacket,
            }),
        }
    }

    fn capability(&mut self, line: &[u8]) -> Result<(), RequestError> {
        self.saw_capability = true;
        if let Some(name) = line.strip_prefix(b"command=") {
            return self.command(name);
        }
        let unknown = || RequestError::UnknownCapability(Quoted::new(line));
        let (name, value) = match line.iter().position(|byte| *byte == b'=') {
            Some(at) => (&line[..at], Some(&line[at + 1..])),
            None => (line, None),
        };
        if line.contains(&0) {
            return Err(unknown());
        }
        let text = || BString::from(value.unwrap_or_default());
        match name {
            b"agent" => self.agent = Some(text()),
            b"session-id" if self.advertised.session_id.is_some() => {
                self.session_id = Some(text());
            }
            b"server-option" if self.advertised.server_option => {
                let limit = self.limits.server_options;
                push_limited(&mut self.server_options, text(), limit, "server options")?;
            }
            b"object-format" => {
                let name = value.ok_or(RequestError::ObjectFormatNeedsValue)?;
                self.client_format = ObjectFormat::from_name(name)
                    .ok_or_else(|| RequestError::UnknownObjectFormat(Quoted::new(name)))?;
            }
            _ => return Err(unknown()),
        }
        Ok(())
    }

    fn command(&mut self, name: &[u8]) -> Result<(), RequestError> {
        if let Some(first) = &self.command {
            return Err(RequestError::SecondCommand {
                second: Quoted::new(name),
                first: first.name(),
            });
        }
        self.command = Some(match name {
            b"ls-refs" => Command::LsRefs(LsRefs::default()),
            b"fetch" => Command::Fetch(Fetch::default()),
            b"object-info" if self.advertised.object_info => {
                Command::ObjectInfo(ObjectInfo::default())
            }
            b"bundle-uri" if self.advertised.bundle_uri => Command::BundleUri,
            _ => return Err(RequestError::InvalidCommand(Quoted::new(name))),
        });
        Ok(())
    }

    fn end_of_capabilities(&mut self) -> Result<(), RequestError> {
        if self.command.is_none() {
            return Err(RequestError::NoCommand);
        }
        let (server, client) = (self.advertised.object_format, self.client_format);
        if server != client {
            return Err(RequestError::MismatchedObjectFormat { server, client });
        }
        Ok(())
    }

    fn argument(&mut self, line: &[u8]) -> Result<(), RequestError> {
        let Self { advertised, limits, .. } = self;
        match &mut self.command {
            Some(Command::LsRefs(command)) => command.argument(line, advertised, limits),
            Some(Command::Fetch(command)) => command.argument(line, advertised, limits),
            Some(Command::ObjectInfo(command)) => command.argument(line, advertised, limits),
            Some(Command::BundleUri) => {
                Err(RequestError::UnexpectedBundleUriArgument(Quoted::new(line)))
            }
            None => Err(RequestError::NoCommand),
        }
    }

    fn end_of_arguments(&mut self) -> Result<(), RequestError> {
        match &mut self.command {
            Some(Command::LsRefs(command)) => command.end(&self.limits),
            Some(Command::Fetch(command)) => command.end()?,
            Some(Command::ObjectInfo(_) | Command::BundleUri) | None => {}
        }
        Ok(())
    }

    fn take(&mut self) -> Option<Box<Request>> {
        self.command.take().map(|command| {
            Box::new(Request {
                command,
                agent: self.agent.take(),
                session_id: self.session_id.take(),
                server_options: std::mem::take(&mut self.server_options),
            })
        })
    }
}

impl Command {
    /// The command's name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::LsRefs(_) => "ls-refs",
            Self::Fetch(_) => "fetch",
            Self::ObjectInfo(_) => "object-info",
            Self::BundleUri => "bundle-uri",
        }
    }
}
