//! What the fuzz targets of `component/wire` do with their bytes.
//!
//! Included by the targets and by the ordinary test that replays seeds and artefacts, so it may use
//! nothing but the crate under test and std.

#![allow(dead_code, reason = "each target uses one of these")]

use gitwasi_wire::pkt_line::{Assembler, Decoded, PktLine, decode};
use gitwasi_wire::receive_pack::{
    Capabilities, Head, HeadError, HeadLimits, HeadParser, Progress as HeadProgress, RefUpdate,
    Report, ReportError, ReportParser, ReportProgress,
};
use gitwasi_wire::upload_pack::{
    Filter, FirstLine, Progress, RequestError, RequestLimits, first_line, v0, v2,
};
use gitwasi_wire::{ObjectFormat, Oid};

/// Sizes of the pieces that a request is also fed in. The result must be the same.
const PIECES: [usize; 3] = [1, 3, 64];

/// Decoding: no panic, lengths as a second reading of the digits has them, and pieces do not matter.
pub(crate) fn pkt_line(data: &[u8]) {
    let mut whole = Vec::new();
    let mut rest = data;
    let ended = loop {
        match decode(rest) {
            Ok(Decoded::Complete { line, consumed }) => {
                assert_eq!(consumed, declared_len(rest).max(4));
                if let PktLine::Data(data) = line {
                    assert_eq!(data, &rest[4..consumed]);
                }
                whole.push(format!("{line:?}"));
                rest = &rest[consumed..];
            }
            Ok(Decoded::Incomplete { bytes_needed }) => {
                let end = if rest.len() < 4 { 4 } else { declared_len(rest) };
                assert_eq!(bytes_needed, end - rest.len());
                break true;
            }
            Err(_) => break false,
        }
    };
    for size in PIECES {
        let mut assembler = Assembler::default();
        let mut lines = Vec::new();
        let well_formed = data.chunks(size).all(|mut piece| {
            loop {
                match assembler.next_line(&mut piece) {
                    Ok(Some(line)) => lines.push(format!("{line:?}")),
                    Ok(None) => return piece.is_empty(),
                    Err(_) => return false,
                }
            }
        });
        assert_eq!((well_formed, &lines), (ended, &whole), "in pieces of {size}");
    }
    let begins_well = !matches!(declared(data), Some(0x0001 | 0x0002 | 0x0003 | 65521..));
    match first_line(data) {
        FirstLine::Incomplete => assert!(data.len() < 4),
        FirstLine::WellFormed => assert!(data.len() >= 4 && begins_well),
        FirstLine::Malformed => assert!(declared(data).is_none() || !begins_well),
    }
}

/// The head of a push: no panic, pieces do not matter, what is accepted is sane and ends where it
/// says, and can be reported on.
pub(crate) fn receive_pack_head(data: &[u8]) {
    let small = HeadLimits {
        head_bytes: 2_000,
        ref_updates: 3,
        shallow: 2,
        push_options: 2,
        ref_name_bytes: 40,
    };
    for limits in [HeadLimits::default(), small] {
        let whole = read_head(limits, data, data.len().max(1));
        for size in PIECES {
            let pieces = read_head(limits, data, size);
            match (&whole, &pieces) {
                (Ok(whole), Ok(pieces)) => assert_eq!(whole, pieces, "in pieces of {size}"),
                // Which limit is hit first may depend on where the pieces end.
                (Err(whole), Err(pieces)) => text(&format!("{whole}{pieces}")),
                _ => panic!("{whole:?}, but {pieces:?} in pieces of {size}"),
            }
        }
        if let Ok(Some((head, consumed))) = whole {
            sane_head(&head, &limits);
            assert!(data[..consumed].ends_with(b"0000"));
            assert_eq!(read_head(limits, &data[..consumed - 1], consumed), Ok(None));
            report(&head);
        }
    }
}

type Parsed<R, E> = Result<Option<(Box<R>, usize)>, E>;

/// The head and its length; `None` if it is cut.
fn read_head(limits: HeadLimits, data: &[u8], size: usize) -> Parsed<Head, HeadError> {
    let mut parser = HeadParser::new(limits);
    let mut seen = 0;
    for piece in data.chunks(size) {
        match parser.push(piece)? {
            HeadProgress::Incomplete => seen += piece.len(),
            HeadProgress::Complete { head, consumed } => {
                assert_eq!(parser.consumed(), seen + consumed);
                assert_eq!(parser.push(b""), Err(HeadError::Finished));
                return Ok(Some((head, seen + consumed)));
            }
        }
    }
    Ok(None)
}

fn sane_head(head: &Head, limits: &HeadLimits) {
    let format = head.capabilities.object_format;
    let is_line = |bytes: &[u8]| !bytes.contains(&b'\n') && !bytes.contains(&0);
    assert!(head.ref_updates.len() <= limits.ref_updates);
    assert!(head.shallow.len() <= limits.shallow);
    assert!(head.push_options.len() <= limits.push_options);
    assert!(head.push_options.iter().all(|option| is_line(option)));
    assert!(head.push_options.is_empty() || head.capabilities.push_options);
    for update in &head.ref_updates {
        assert!(!update.name.is_empty() && update.name.len() <= limits.ref_name_bytes);
        assert!(is_line(&update.name));
        assert_eq!(update.old_oid.object_format(), format);
        assert_eq!(update.new_oid.object_format(), format);
    }
    assert!(head.is_probe() || head.shallow.iter().all(|oid| oid.object_format() == format));
    assert!(!head.is_probe() || (head.push_cert.is_none() && !head.expects_pack()));
}

/// A refusal can always be written, and is made of pkt-lines to its last byte.
fn report(head: &Head) {
    let mut out = Vec::new();
    Report::refused(head, Err("a\nb".into()), "no\0\n0000")
        .encode(&head.capabilities, &mut out)
        .expect("names within the limits leave room");
    let mut rest = &out[..];
    while !rest.is_empty() {
        rest = &rest[declared_len(rest).max(4)..];
    }
}

/// The report of a service: no panic, pieces do not matter, and what is made was asked for or
/// follows an option.
pub(crate) fn receive_pack_report(data: &[u8]) {
    for side_band_64k in [false, true] {
        let whole = read_report(data, data.len().max(1), side_band_64k);
        for size in PIECES {
            let pieces = read_report(data, size, side_band_64k);
            match (&whole, &pieces) {
                (Ok(whole), Ok(pieces)) => assert_eq!(whole, pieces, "in pieces of {size}"),
                (Err(whole), Err(pieces)) => text(&format!("{whole}{pieces}")),
                _ => panic!("{whole:?}, but {pieces:?} in pieces of {size}"),
            }
        }
        if let Ok(Some(made)) = whole {
            assert!(made.iter().all(|update| update.old_oid != update.new_oid));
            let asked = |update: &RefUpdate| update.name.starts_with(b"refs/heads/");
            let option = data.windows(7).any(|window| window == b"option ");
            assert!(option || made.iter().all(asked));
        }
    }
}

/// What the report says was made; `None` if it is cut.
fn read_report(
    data: &[u8],
    size: usize,
    side_band_64k: bool,
) -> Result<Option<Vec<RefUpdate>>, ReportError> {
    let (zero, one) = (Oid::zero(ObjectFormat::Sha1), Oid::from_hex(&[b'1'; 40]).expect("hex"));
    let command = |name: &str| RefUpdate {
        old_oid: zero,
        new_oid: one,
        name: format!("refs/heads/{name}").into(),
    };
    let capabilities = Capabilities { side_band_64k, ..Capabilities::default() };
    let commands = ["main", "side", "topic", "new"].map(command);
    let mut parser = ReportParser::new(commands.into(), &capabilities);
    for piece in data.chunks(size) {
        if let ReportProgress::Complete { messages } = parser.push(piece)? {
            assert!(messages < piece.len());
            return Ok(Some(parser.take_made()));
        }
    }
    Ok(None)
}

/// A request of version 2: no panic, pieces do not matter, and messages are harmless.
pub(crate) fn v2_request(data: &[u8]) {
    let offers_all = v2::Advertisement {
        filter: true,
        ref_in_want: true,
        sideband_all: true,
        packfile_uris: true,
        session_id: Some("x".into()),
        object_info: true,
        bundle_uri: true,
        ..v2::Advertisement::new("x", ObjectFormat::Sha1)
    };
    let offers_little = v2::Advertisement {
        shallow: false,
        unborn: false,
        wait_for_done: false,
        server_option: false,
        ..v2::Advertisement::new("x", ObjectFormat::Sha256)
    };
    for advertised in [offers_all, offers_little] {
        for limits in [RequestLimits::default(), small_limits()] {
            same_in_pieces(data, |size| {
                let mut parser = v2::RequestParser::new(advertised.clone(), limits);
                match feed(data, size, |piece| parser.push(piece))? {
                    Some(end) => Ok(Some(end)),
                    None => parser.finish().map(|()| None),
                }
            });
        }
    }
}

/// A request of version 0 or 1: the same.
pub(crate) fn v0_request(data: &[u8]) {
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        let advertised = v0::Advertised { filter: true, ..v0::Advertised::new("x", format) };
        for limits in [RequestLimits::default(), small_limits()] {
            same_in_pieces(data, |size| {
                let mut parser = v0::RequestParser::new(&advertised, limits);
                let end = match feed(data, size, |piece| parser.push(piece))? {
                    Some(end) => end,
                    None => (parser.finish()?, data.len()),
                };
                if let (Some(request), _) = &end {
                    assert!(!request.wants.is_empty());
                    assert!(request.wants.iter().all(|want| want.object_format() == format));
                }
                Ok(Some(end))
            });
        }
    }
}

/// A filter-spec: no panic, bounded depth and number, and messages are harmless.
pub(crate) fn filter(data: &[u8]) {
    fn count(filter: &Filter, depth: usize) -> usize {
        assert!(depth <= 8);
        match filter {
            Filter::Combine(filters) => {
                assert!(!filters.is_empty());
                1 + filters.iter().map(|filter| count(filter, depth + 1)).sum::<usize>()
            }
            _ => 1,
        }
    }
    match Filter::parse(data) {
        Ok(filter) => assert!(count(&filter, 0) <= 64),
        Err(error) => text(&error.to_string()),
    }
}

fn small_limits() -> RequestLimits {
    RequestLimits {
        request_bytes: 1_000,
        wants: 2,
        haves: 2,
        shallow: 1,
        deepen_not: 1,
        ref_prefixes: 3,
        object_info: 1,
        server_options: 1,
    }
}

/// What a request came to, and its length; `None` if it is cut.
type End<R> = Option<(Option<Box<R>>, usize)>;

fn feed<R>(
    data: &[u8],
    size: usize,
    mut push: impl FnMut(&[u8]) -> Result<Progress<R>, RequestError>,
) -> Result<End<R>, RequestError> {
    let mut seen = 0;
    for piece in data.chunks(size) {
        match push(piece)? {
            Progress::Incomplete => seen += piece.len(),
            Progress::Complete { request, consumed } => {
                assert!(matches!(push(b""), Err(RequestError::Finished)));
                return Ok(Some((request, seen + consumed)));
            }
        }
    }
    Ok(None)
}

fn same_in_pieces<R: PartialEq + std::fmt::Debug>(
    data: &[u8],
    parse: impl Fn(usize) -> Result<End<R>, RequestError>,
) {
    let whole = parse(data.len().max(1));
    for size in PIECES {
        let pieces = parse(size);
        match (&whole, &pieces) {
            (Ok(whole), Ok(pieces)) => assert_eq!(whole, pieces, "in pieces of {size}"),
            (Err(whole), Err(pieces)) => text(&format!("{whole}{pieces}")),
            _ => panic!("{whole:?}, but {pieces:?} in pieces of {size}"),
        }
    }
}

/// A message has one line, nothing that a terminal obeys, and an end.
fn text(message: &str) {
    assert!(!message.contains(char::is_control), "{message:?}");
    assert!(message.len() < 4_000);
}

/// The four digits, read a second way; `None` if they are not there or no digits.
fn declared(data: &[u8]) -> Option<usize> {
    let digits = data.get(..4)?;
    digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
    usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn declared_len(data: &[u8]) -> usize {
    declared(data).expect("four digits")
}
