//! Packs made by hand, right or wrong.

use std::io::Write as _;

use sha1::Digest as _;

pub const COMMIT: u8 = 1;
pub const TREE: u8 = 2;
pub const BLOB: u8 = 3;
pub const TAG: u8 = 4;

/// A pack that is being made.
pub struct Forge {
    pub pack: Vec<u8>,
    count: u32,
}

impl Forge {
    pub fn new() -> Self {
        Self { pack: b"PACK\0\0\0\x02\0\0\0\0".to_vec(), count: 0 }
    }

    /// Adds an entry that says what it likes; its offset.
    pub fn entry(&mut self, kind: u8, size: usize, base: &[u8], zlib: &[u8]) -> u64 {
        let offset = self.pack.len() as u64;
        let mut byte = kind << 4 | (size & 15) as u8;
        let mut rest = size >> 4;
        while rest > 0 {
            self.pack.push(byte | 0x80);
            byte = (rest & 0x7f) as u8;
            rest >>= 7;
        }
        self.pack.push(byte);
        self.pack.extend(base);
        self.pack.extend(zlib);
        self.count += 1;
        offset
    }

    pub fn whole(&mut self, kind: u8, content: &[u8]) -> u64 {
        self.entry(kind, content.len(), &[], &zlib(content))
    }

    pub fn ofs_delta(&mut self, base: u64, delta: &[u8]) -> u64 {
        let mut distance = self.pack.len() as u64 - base;
        let mut bytes = vec![(distance & 0x7f) as u8];
        distance >>= 7;
        while distance > 0 {
            distance -= 1;
            bytes.insert(0, 0x80 | (distance & 0x7f) as u8);
            distance >>= 7;
        }
        self.entry(6, delta.len(), &bytes, &zlib(delta))
    }

    pub fn ref_delta(&mut self, base: &[u8], delta: &[u8]) -> u64 {
        self.entry(7, delta.len(), base, &zlib(delta))
    }

    pub fn finish(self) -> Vec<u8> {
        let count = self.count;
        self.finish_as(count)
    }

    /// Says to have `count` entries.
    pub fn finish_as(mut self, count: u32) -> Vec<u8> {
        self.pack[8..12].copy_from_slice(&count.to_be_bytes());
        let trailer = sha1::Sha1::digest(&self.pack);
        self.pack.extend_from_slice(&trailer);
        self.pack
    }
}

pub fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).expect("deflated");
    encoder.finish().expect("deflated")
}

/// The sha1 oid of an object.
pub fn oid(kind: &str, content: &[u8]) -> [u8; 20] {
    let mut hasher = sha1::Sha1::new();
    hasher.update(format!("{kind} {}\0", content.len()));
    hasher.update(content);
    hasher.finalize().into()
}

/// A delta that makes `base` with other bytes from `at` on.
pub fn replace(base: &[u8], at: usize, with: &[u8]) -> Vec<u8> {
    let mut delta = size(base.len());
    delta.extend(size(base.len()));
    let end = at + with.len();
    for (start, length) in [(0, at), (end, base.len() - end)] {
        if start > 0 {
            delta.push(with.len() as u8);
            delta.extend(with);
        }
        if length > 0 {
            delta.push(0b1011_0011);
            delta.extend(&(start as u16).to_le_bytes());
            delta.extend(&(length as u16).to_le_bytes());
        }
    }
    delta
}

/// A delta that makes `base` and then `more` of it.
pub fn append(base: usize, more: &[u8]) -> Vec<u8> {
    let mut delta = size(base);
    delta.extend(size(base + more.len()));
    let mut copied = 0;
    while copied < base {
        let length = (base - copied).min(0xff_ffff);
        delta.push(0xff);
        delta.extend((copied as u32).to_le_bytes());
        delta.extend(&(length as u32).to_le_bytes()[..3]);
        copied += length;
    }
    for piece in more.chunks(127) {
        delta.push(piece.len() as u8);
        delta.extend(piece);
    }
    delta
}

pub fn size(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
