//! pkt-lines out of bytes that arrive in pieces.

use super::{Decoded, Error, PktLine, decode};

/// Puts pkt-lines together from pieces of any size, reading no byte twice.
///
/// Holds at most one pkt-line, and only one that was cut: whole ones are borrowed from the input.
#[derive(Debug, Default)]
pub struct Assembler {
    /// The pkt-line that was cut, up to where the input ended; whole once `handed_out`.
    partial: Vec<u8>,
    handed_out: bool,
}

impl Assembler {
    /// Takes the next pkt-line from the front of `input`; `None` means that `input` was used up.
    ///
    /// Never takes a byte beyond the pkt-line it returns.
    ///
    /// # Errors
    ///
    /// As [`decode`]. Then the stream cannot be read any further.
    pub fn next_line<'s, 'i: 's>(
        &'s mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<PktLine<'s>>, Error> {
        if self.handed_out {
            self.partial.clear();
            self.handed_out = false;
        }
        if self.partial.is_empty() {
            return match decode(input)? {
                Decoded::Complete { line, consumed } => {
                    *input = &input[consumed..];
                    Ok(Some(line))
                }
                Decoded::Incomplete { .. } => {
                    self.partial.extend_from_slice(input);
                    *input = &[];
                    Ok(None)
                }
            };
        }
        while let Decoded::Incomplete { bytes_needed } = decode(&self.partial)? {
            if input.is_empty() {
                return Ok(None);
            }
            let (taken, rest) = input.split_at(bytes_needed.min(input.len()));
            self.partial.extend_from_slice(taken);
            *input = rest;
        }
        self.handed_out = true;
        match decode(&self.partial)? {
            Decoded::Complete { line, .. } => Ok(Some(line)),
            Decoded::Incomplete { .. } => Ok(None),
        }
    }

    /// Whether the bytes so far end between two pkt-lines.
    pub fn is_between_lines(&self) -> bool {
        self.handed_out || self.partial.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b"000bfoobar\n00040001000ahello\n00000002rest";

    /// Feeds `pieces` and notes what came out, and what was left of the piece it came from.
    fn lines<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<String>, Vec<u8>) {
        let (mut assembler, mut seen, mut left) = (Assembler::default(), Vec::new(), Vec::new());
        for mut piece in pieces {
            if seen.len() == 6 {
                left.extend_from_slice(piece);
                continue;
            }
            while let Some(line) = assembler.next_line(&mut piece).expect("well-formed") {
                seen.push(format!("{line:?}"));
                if seen.len() == 6 {
                    left.extend_from_slice(piece);
                    break;
                }
            }
        }
        (seen, left)
    }

    #[test]
    fn pieces_of_any_size_make_the_same_pkt_lines() {
        let expected = [
            PktLine::Data(b"foobar\n"),
            PktLine::Data(b""),
            PktLine::Delim,
            PktLine::Data(b"hello\n"),
            PktLine::Flush,
            PktLine::ResponseEnd,
        ]
        .map(|line| format!("{line:?}"));
        for size in 1..=STREAM.len() {
            let (seen, left) = lines(STREAM.chunks(size));
            assert_eq!(seen, expected, "pieces of {size}");
            assert_eq!(left, b"rest", "pieces of {size}");
        }
    }

    #[test]
    fn a_bad_length_is_refused_even_when_cut() {
        let mut assembler = Assembler::default();
        assert_eq!(assembler.next_line(&mut &b"00"[..]), Ok(None));
        assert!(!assembler.is_between_lines());
        assert_eq!(assembler.next_line(&mut &b"x0"[..]), Err(Error::BadLengthCharacter(*b"00x0")));
    }
}
