//! The header lines of commits and tags.

use gitwasi_wire::{ObjectFormat, Oid};

use super::{Findings, MessageId, Refused};

/// What was not read yet of a header.
#[derive(Debug)]
pub(super) struct Header<'a>(pub(super) &'a [u8]);

impl<'a> Header<'a> {
    /// Takes the whole of an object whose header ends as it should.
    pub(super) fn new(content: &'a [u8], findings: &mut Findings<'_>) -> Result<Self, Refused> {
        let nul = content.iter().position(|byte| *byte == 0);
        let blank = content.windows(2).position(|pair| pair == b"\n\n");
        match (nul, blank) {
            (Some(at), None) => unterminated_by_nul(at, findings)?,
            (Some(at), Some(end)) if at < end => unterminated_by_nul(at, findings)?,
            (None, None) if !content.ends_with(b"\n") => {
                findings.found(MessageId::UnterminatedHeader, "unterminated header")?;
            }
            _ => {}
        }
        Ok(Self(content))
    }

    /// The rest of the line if it begins with `name`; goes to the next.
    pub(super) fn line(&mut self, name: &[u8]) -> Option<&'a [u8]> {
        let rest = self.0.strip_prefix(name)?;
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, rest) =
            end.map_or((rest, &rest[rest.len()..]), |end| (&rest[..end], &rest[end + 1..]));
        self.0 = rest;
        Some(line)
    }
}

fn unterminated_by_nul(at: usize, findings: &mut Findings<'_>) -> Result<(), Refused> {
    findings.found(MessageId::NulInHeader, format!("unterminated header: NUL at offset {at}"))
}

/// Whether a line is one oid and nothing else.
pub(super) fn is_oid(line: &[u8], format: ObjectFormat) -> bool {
    Oid::from_hex(line).is_some_and(|oid| oid.object_format() == format)
}
