//! Blocks under construction: names cut where they are like the one before.

/// One block.
#[derive(Debug)]
pub(super) struct BlockWriter {
    kind: u8,
    /// Bytes at most, with those before the block's own header.
    size: usize,
    /// Where the block's own header begins.
    start: usize,
    bytes: Vec<u8>,
    restarts: Vec<u32>,
    records: usize,
    last: Vec<u8>,
}

/// Records between two whose names are whole. Git's number.
const RESTART_INTERVAL: usize = 16;

/// Restarts of a block at most: they are counted in two bytes.
const MAX_RESTARTS: usize = u16::MAX as usize;

impl BlockWriter {
    /// An empty block, behind the bytes that are in `bytes` already.
    pub(super) fn new(kind: u8, size: usize, mut bytes: Vec<u8>) -> Self {
        let start = bytes.len();
        bytes.extend([kind, 0, 0, 0]);
        Self { kind, size, start, bytes, restarts: Vec::new(), records: 0, last: Vec::new() }
    }

    pub(super) fn kind(&self) -> u8 {
        self.kind
    }

    /// The name that was added last.
    pub(super) fn last(&self) -> &[u8] {
        &self.last
    }

    /// Adds a record whose `extra` has three bits; false if there is no room for it.
    pub(super) fn add(&mut self, name: &[u8], extra: u8, value: &[u8]) -> bool {
        let is_restart =
            self.records.is_multiple_of(RESTART_INTERVAL) && self.restarts.len() < MAX_RESTARTS;
        let prefix = match is_restart {
            true => 0,
            false => name.iter().zip(&self.last).take_while(|(a, b)| a == b).count(),
        };
        let suffix = &name[prefix..];
        let at = self.bytes.len();
        varint(prefix as u64, &mut self.bytes);
        varint((suffix.len() as u64) << 3 | u64::from(extra), &mut self.bytes);
        self.bytes.extend_from_slice(suffix);
        self.bytes.extend_from_slice(value);
        let restarts = self.restarts.len() + usize::from(is_restart);
        if self.bytes.len() + 3 * restarts + 2 > self.size {
            self.bytes.truncate(at);
            return false;
        }
        if is_restart {
            self.restarts.push(at as u32);
        }
        self.records += 1;
        self.last.clear();
        self.last.extend_from_slice(name);
        true
    }

    /// The whole block, with what was before it.
    pub(super) fn finish(mut self) -> Vec<u8> {
        for restart in &self.restarts {
            self.bytes.extend_from_slice(&restart.to_be_bytes()[1..]);
        }
        self.bytes.extend_from_slice(&(self.restarts.len() as u16).to_be_bytes());
        let length = (self.bytes.len() as u32).to_be_bytes();
        self.bytes[self.start + 1..self.start + 4].copy_from_slice(&length[1..]);
        self.bytes
    }
}

/// Appends a number in the form of a pack's offsets.
pub(crate) fn varint(mut number: u64, out: &mut Vec<u8>) {
    let mut bytes = [0; 10];
    let mut at = bytes.len() - 1;
    bytes[at] = (number & 0x7f) as u8;
    while number >> 7 != 0 {
        number = (number >> 7) - 1;
        at -= 1;
        bytes[at] = 0x80 | (number & 0x7f) as u8;
    }
    out.extend_from_slice(&bytes[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_git_s_form() {
        let bytes = |number| {
            let mut out = Vec::new();
            varint(number, &mut out);
            out
        };
        assert_eq!(bytes(0), [0]);
        assert_eq!(bytes(127), [0x7f]);
        assert_eq!(bytes(128), [0x80, 0]);
        assert_eq!(bytes(16_511), [0xff, 0x7f]);
        assert_eq!(bytes(16_512), [0x80, 0x80, 0]);
        assert_eq!(bytes(u64::MAX).len(), 10);
    }

    #[test]
    fn a_full_block_takes_no_more() {
        let mut block = BlockWriter::new(b'r', 32, Vec::new());
        assert!(block.add(b"refs/heads/a", 0, &[1]));
        assert!(block.add(b"refs/heads/b", 0, &[1]));
        assert!(!block.add(b"refs/heads/c", 0, &[1, 2, 3]));
        let bytes = block.finish();
        assert_eq!(bytes[..4], [b'r', 0, 0, 28]);
        assert_eq!(bytes[19..], [11, 8, b'b', 1, 0, 0, 4, 0, 1]);
    }
}
