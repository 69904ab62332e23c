//! side-band: three streams in one.
//!
//! Spec: gitprotocol-pack(5), "Packfile Data"; gitprotocol-capabilities(5), "side-band,
//! side-band-64k"

use crate::pkt_line;

/// The bands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Band {
    /// Band 1: the pack, or a report-status.
    Data = 1,
    /// Band 2: text for the person, shown with `remote: ` before each line.
    Progress = 2,
    /// Band 3: the message of a fatal error; the client gives up.
    Error = 3,
}

/// Which of the two capabilities was agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SideBand {
    /// `side-band`.
    Small,
    /// `side-band-64k`, and all of version 2.
    Large,
}

impl SideBand {
    /// Bytes of data a packet has at most, the band's byte not counted.
    ///
    /// 995 and 65515 are what git sends. The documents allow 65519 bytes for `side-band-64k`,
    /// which is more than fits into a pkt-line.
    pub const fn max_data_len(self) -> usize {
        match self {
            Self::Small => 995,
            Self::Large => 65515,
        }
    }
}

/// An empty packet on band 1, which git's client skips: sent so that a proxy does not give up
/// while the server computes.
pub const KEEP_ALIVE: &[u8] = b"0005\x01";

/// Appends `data` on `band`, in as many packets as it takes; none for no data.
pub fn encode(side_band: SideBand, band: Band, data: &[u8], out: &mut Vec<u8>) {
    let max = side_band.max_data_len();
    out.reserve(data.len() + data.len().div_ceil(max) * 5);
    for data in data.chunks(max) {
        out.extend_from_slice(&prefix(band, data.len()));
        out.extend_from_slice(data);
    }
}

/// The five bytes before `data_len` bytes on `band`; `None` if that is more than one packet has.
///
/// For a writer that does not copy its data.
pub fn header(side_band: SideBand, band: Band, data_len: usize) -> Option<[u8; 5]> {
    (data_len <= side_band.max_data_len()).then(|| prefix(band, data_len))
}

fn prefix(band: Band, data_len: usize) -> [u8; 5] {
    let [a, b, c, d] = pkt_line::header(5 + data_len);
    [a, b, c, d, band as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_carries_its_band() {
        let mut out = Vec::new();
        encode(SideBand::Large, Band::Data, b"PACK", &mut out);
        encode(SideBand::Small, Band::Progress, b"hi\n", &mut out);
        encode(SideBand::Large, Band::Error, b"no", &mut out);
        encode(SideBand::Large, Band::Data, b"", &mut out);
        assert_eq!(out, b"0009\x01PACK0008\x02hi\n0007\x03no");
    }

    #[test]
    fn long_data_is_split_where_git_splits_it() {
        let data = vec![b'x'; 65515 + 7];
        let mut out = Vec::new();
        encode(SideBand::Large, Band::Data, &data, &mut out);
        assert_eq!(out[..6], *b"fff0\x01x");
        assert_eq!(out[65520..], *b"000c\x01xxxxxxx");

        out.clear();
        encode(SideBand::Small, Band::Data, &data[..996], &mut out);
        assert_eq!(out[..6], *b"03e8\x01x");
        assert_eq!(out[1000..], *b"0006\x01x");
    }

    #[test]
    fn a_header_is_made_for_what_fits() {
        assert_eq!(header(SideBand::Large, Band::Data, 65515), Some(*b"fff0\x01"));
        assert_eq!(header(SideBand::Large, Band::Data, 65516), None);
        assert_eq!(header(SideBand::Small, Band::Data, 995), Some(*b"03e8\x01"));
        assert_eq!(header(SideBand::Small, Band::Data, 996), None);
        assert_eq!(
            header(SideBand::Large, Band::Data, 0).as_ref().map(|h| &h[..]),
            Some(KEEP_ALIVE)
        );
    }
}
