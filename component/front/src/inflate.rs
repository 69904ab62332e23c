//! Gzip, a chunk at a time: never more than one chunk of input and one of output in memory.
//!
//! Spec: RFC 1952.

use flate2::{Decompress, FlushDecompress, Status};

/// An inflater of one gzip member.
pub(crate) struct Inflater {
    decompress: Decompress,
    ended: bool,
}

/// The input is not gzip, or its checksum or length does not match.
pub(crate) struct NotGzip;

impl Inflater {
    pub(crate) fn new() -> Self {
        Self { decompress: Decompress::new_gzip(15), ended: false }
    }

    /// Whether the member's trailer has been read and found right.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// Inflates into the spare capacity of `output` and returns how much of `input` it took.
    pub(crate) fn inflate(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, NotGzip> {
        if self.ended {
            // Git sends one member; bytes after it are nobody's.
            return if input.is_empty() { Ok(0) } else { Err(NotGzip) };
        }
        let before = self.decompress.total_in();
        let status = self.decompress.decompress_vec(input, output, FlushDecompress::None);
        match status.map_err(|_| NotGzip)? {
            Status::StreamEnd => self.ended = true,
            Status::Ok | Status::BufError => {}
        }
        Ok((self.decompress.total_in() - before) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::Inflater;

    /// `printf 'hello hello hello\n' | gzip -n`
    const HELLO: &[u8] = &[
        0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40,
        0x90, 0x5c, 0x00, 0x3b, 0x7c, 0x8a, 0xdf, 0x12, 0, 0, 0,
    ];

    fn inflate(input: &[u8], step: usize) -> Option<Vec<u8>> {
        let (mut inflater, mut whole) = (Inflater::new(), Vec::new());
        for mut part in input.chunks(step) {
            loop {
                let mut output = Vec::with_capacity(5);
                let taken = inflater.inflate(part, &mut output).ok()?;
                part = &part[taken..];
                if taken == 0 && output.is_empty() {
                    break;
                }
                whole.extend(output);
            }
        }
        inflater.ended().then_some(whole)
    }

    #[test]
    fn inflates_in_any_steps() {
        for step in 1..=HELLO.len() {
            assert_eq!(inflate(HELLO, step).as_deref(), Some(&b"hello hello hello\n"[..]));
        }
    }

    #[test]
    fn truncated_corrupt_and_trailing_input_never_ends_well() {
        for end in 0..HELLO.len() {
            assert_eq!(inflate(&HELLO[..end], 7), None);
        }
        let mut corrupt = HELLO.to_vec();
        corrupt[22] ^= 1;
        assert_eq!(inflate(&corrupt, 64), None);
        assert_eq!(inflate(&[HELLO, b"x"].concat(), 64), None);
        assert_eq!(inflate(b"0000", 4), None);
    }
}
