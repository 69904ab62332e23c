//! Reads a request of version 0 or 1 as it arrives.
//!
//! Spec: gitprotocol-pack(5), "Packfile Negotiation", upload-request, upload-haves

use std::ops::ControlFlow;

use super::{Advertised, Capabilities, Request, RequestEnd};
use crate::capability_list::is_space;
use crate::pkt_line::{Feed, PktLine, chomp};
use crate::upload_pack::error::push_limited;
use crate::upload_pack::{Filter, Progress, RequestError, RequestLimits};
use crate::{ObjectFormat, Oid, Quoted};

/// An incremental parser for a request of version 0 or 1.
///
/// # Deviation
///
/// Stricter than git: capabilities come on the first `want` only, behind white space; nothing
/// follows any other oid; no line goes on behind a NUL; a delim-pkt or a response-end-pkt does not
/// pass for a flush-pkt.
#[derive(Debug)]
pub struct RequestParser {
    feed: Feed,
    reader: Reader,
}

impl RequestParser {
    /// A parser that has seen nothing yet, and accepts what is advertised.
    pub fn new(advertised: &Advertised, limits: RequestLimits) -> Self {
        let reader = Reader {
            object_format: advertised.object_format,
            filter: advertised.filter,
            limits,
            in_haves: false,
            in_negotiation: false,
            request: Request::default(),
        };
        Self { feed: Feed::new(limits.request_bytes), reader }
    }

    /// Takes the next bytes of the request.
    ///
    /// The parser is done when this answers with a request or an error; feeding it on is a
    /// [`RequestError::Finished`]. It does not see an end after the wants, for haves may follow:
    /// when the request is over, call [`finish`](Self::finish).
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

    /// The request that ends here, while it is [`Progress::Incomplete`]: one that ends after its
    /// wants.
    ///
    /// # Errors
    ///
    /// The request was cut, or has not a byte, which version 0 does not have.
    pub fn finish(mut self) -> Result<Option<Box<Request>>, RequestError> {
        let reader = &self.reader;
        if !self.feed.is_between_lines() || !reader.in_haves || reader.in_negotiation {
            return Err(RequestError::HungUp);
        }
        Ok(self.reader.take())
    }
}

#[derive(Debug)]
struct Reader {
    object_format: ObjectFormat,
    filter: bool,
    limits: RequestLimits,
    /// The flush-pkt after the wants was there.
    in_haves: bool,
    /// Something followed it.
    in_negotiation: bool,
    request: Request,
}

impl Reader {
    fn line(&mut self, line: PktLine<'_>) -> Result<ControlFlow<()>, RequestError> {
        let data = match line {
            PktLine::Data(data) => data,
            PktLine::Flush if self.in_haves => {
                self.request.end = RequestEnd::Flush;
                return Ok(ControlFlow::Break(()));
            }
            PktLine::Flush => return self.end_of_wants(),
            PktLine::Delim | PktLine::ResponseEnd => return Err(RequestError::UnexpectedPacket),
        };
        let line = chomp(data);
        if let Some(message) = line.strip_prefix(b"ERR ") {
            return Err(RequestError::ClientReportedError(Quoted::new(message)));
        }
        if self.in_haves {
            return self.have(line);
        }
        self.upload_request(line)?;
        Ok(ControlFlow::Continue(()))
    }

    fn upload_request(&mut self, line: &[u8]) -> Result<(), RequestError> {
        if let Some(rest) = line.strip_prefix(b"want ") {
            return self.want(line, rest);
        }
        let expected_want = || RequestError::ExpectedWant(Quoted::new(line));
        if line.contains(&0) {
            return Err(expected_want());
        }
        if let Some(hex) = line.strip_prefix(b"shallow ") {
            let oid =
                self.oid(hex).ok_or_else(|| RequestError::InvalidShallow(Quoted::new(line)))?;
            let limit = self.limits.shallow;
            return push_limited(&mut self.request.shallow, oid, limit, "shallow lines");
        }
        if self.request.depth.line(line, &self.limits)? {
            return Ok(());
        }
        if let Some(spec) = line.strip_prefix(b"filter ") {
            if !self.filter || !self.request.capabilities.filter {
                return Err(RequestError::FilterNotNegotiated);
            }
            if self.request.filter.is_some() {
                return Err(RequestError::SecondFilter);
            }
            self.request.filter = Some(Filter::parse(spec)?);
            return Ok(());
        }
        Err(expected_want())
    }

    fn want(&mut self, line: &[u8], rest: &[u8]) -> Result<(), RequestError> {
        let expected_want = || RequestError::ExpectedWant(Quoted::new(line));
        let (hex, capabilities) =
            rest.split_at_checked(self.object_format.hex_len()).ok_or_else(expected_want)?;
        let oid = self.oid(hex).ok_or_else(expected_want)?;
        match capabilities.first() {
            None => {}
            Some(byte) if is_space(*byte) && self.request.wants.is_empty() => {
                self.request.capabilities = Capabilities::parse(capabilities);
                self.request.depth.relative = self.request.capabilities.deepen_relative;
            }
            Some(_) => return Err(expected_want()),
        }
        push_limited(&mut self.request.wants, oid, self.limits.wants, "wants")
    }

    fn end_of_wants(&mut self) -> Result<ControlFlow<()>, RequestError> {
        self.request.depth.check()?;
        self.in_haves = true;
        // A client that wants nothing says no more.
        Ok(if self.request.wants.is_empty() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    }

    fn have(&mut self, line: &[u8]) -> Result<ControlFlow<()>, RequestError> {
        self.in_negotiation = true;
        if line == b"done" {
            self.request.end = RequestEnd::Done;
            return Ok(ControlFlow::Break(()));
        }
        let hex = line
            .strip_prefix(b"have ")
            .ok_or_else(|| RequestError::ExpectedHave(Quoted::new(line)))?;
        let oid = self.oid(hex).ok_or_else(|| RequestError::ExpectedHaveOid(Quoted::new(hex)))?;
        push_limited(&mut self.request.haves, oid, self.limits.haves, "haves")?;
        Ok(ControlFlow::Continue(()))
    }

    fn oid(&self, hex: &[u8]) -> Option<Oid> {
        Oid::from_hex(hex).filter(|oid| oid.object_format() == self.object_format)
    }

    fn take(&mut self) -> Option<Box<Request>> {
        let request = std::mem::take(&mut self.request);
        (!request.wants.is_empty()).then(|| Box::new(request))
    }
}
