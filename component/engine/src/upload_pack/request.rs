//! Version 2 requests: the command and its arguments.
//!
//! Spec: gitprotocol-v2(5), "Command Request"

use bstr::ByteSlice;
use gitwasi_wire::pkt_line::{self, Decoded, PktLine, chomp};

use crate::repository::Config;
use crate::{Error, Result};

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    LsRefs,
    Fetch,
}

/// A whole request.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) command: Command,
    /// The lines behind the delim-pkt, without line feeds.
    pub(super) arguments: Vec<&'a [u8]>,
}

/// Parses a request; `None` for one that asks for nothing.
pub(super) fn parse_v2<'a>(bytes: &'a [u8], config: &Config) -> Result<Option<Request<'a>>> {
    let mut lines = Lines(bytes);
    let mut command = None;
    let mut keys = 0;
    let delimited = loop {
        match lines.next()? {
            None if keys == 0 => return Ok(None),
            None => return Err(malformed("unexpected end of request")),
            Some(PktLine::Flush) => break false,
            Some(PktLine::Delim) => break true,
            Some(PktLine::ResponseEnd) => return Err(malformed("unexpected response-end-pkt")),
            Some(PktLine::Data(key)) => key_line(chomp(key), config, &mut command)?,
        }
        keys += 1;
    };
    if keys == 0 && !delimited {
        return Ok(None);
    }
    let command = command.ok_or_else(|| malformed("no command requested"))?;
    let mut arguments = Vec::new();
    if !delimited {
        return Ok(Some(Request { command, arguments }));
    }
    loop {
        match lines.next()? {
            Some(PktLine::Data(argument)) => arguments.push(chomp(argument)),
            Some(PktLine::Flush) => break,
            _ => return Err(malformed("expected flush after arguments")),
        }
    }
    Ok(Some(Request { command, arguments }))
}

fn key_line(key: &[u8], config: &Config, command: &mut Option<Command>) -> Result<()> {
    if let Some(name) = key.strip_prefix(b"command=") {
        let found = match name {
            b"ls-refs" => Command::LsRefs,
            b"fetch" => Command::Fetch,
            name => return Err(malformed(&format!("invalid command '{}'", name.as_bstr()))),
        };
        if command.replace(found).is_some() {
            return Err(malformed("more than one command requested"));
        }
        return Ok(());
    }
    if let Some(format) = key.strip_prefix(b"object-format=") {
        if format != config.object_format.name().as_bytes() {
            let ours = config.object_format;
            let theirs = format.as_bstr();
            return Err(malformed(&format!(
                "mismatched object format: server {ours}; client {theirs}"
            )));
        }
        return Ok(());
    }
    let name = key.split(|byte| *byte == b'=').next().unwrap_or_default();
    match name {
        b"agent" | b"server-option" | b"session-id" => Ok(()),
        _ => Err(malformed(&format!("unknown capability '{}'", key.as_bstr()))),
    }
}

/// The pkt-lines of a request that is there whole.
pub(super) struct Lines<'a>(pub(super) &'a [u8]);

impl<'a> Lines<'a> {
    pub(super) fn next(&mut self) -> Result<Option<PktLine<'a>>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        match pkt_line::decode(self.0).map_err(|error| malformed(&error.to_string()))? {
            Decoded::Complete { line, consumed } => {
                self.0 = &self.0[consumed..];
                Ok(Some(line))
            }
            Decoded::Incomplete { .. } => Err(malformed("the request ends within a pkt-line")),
        }
    }
}

pub(super) fn malformed(message: &str) -> Error {
    Error::Malformed(format!("upload-pack: {message}"))
}
