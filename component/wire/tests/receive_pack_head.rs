//! The head of a push, from literal bytes.

use gitwasi_wire::receive_pack::{
    Fault, Head, HeadError, HeadLimits, HeadParser, Progress, RefUpdateKind,
};
use gitwasi_wire::{ObjectFormat, pkt_line};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const Z: &str = "0000000000000000000000000000000000000000";

fn parse_with(limits: HeadLimits, bytes: &[u8]) -> Result<Progress, HeadError> {
    HeadParser::new(limits).push(bytes)
}

fn error(bytes: impl AsRef<[u8]>) -> HeadError {
    parse_with(HeadLimits::default(), bytes.as_ref()).expect_err("to be refused")
}

/// The head, and what follows it.
fn parse(bytes: &[u8]) -> (Head, &[u8]) {
    match parse_with(HeadLimits::default(), bytes).expect("well-formed") {
        Progress::Complete { head, consumed } => (*head, &bytes[consumed..]),
        Progress::Incomplete => panic!("the head is cut"),
    }
}

/// `line` with its four digits in front, written out here so that the codec is not its own judge.
fn line(line: impl AsRef<[u8]>) -> Vec<u8> {
    let line = line.as_ref();
    [format!("{:04x}", line.len() + 4).as_bytes(), line].concat()
}

fn lines(lines: &[String]) -> Vec<u8> {
    lines.iter().flat_map(line).chain(*b"0000").collect()
}

#[test]
fn a_push_of_one_branch_is_read_up_to_its_pack() {
    let bytes = b"00a0\
        0000000000000000000000000000000000000000 \
        1f2a92bd2ee8eb4ff2ab5ff8b3a93a1ed4a6a4e6 refs/heads/main\
        \0 report-status-v2 side-band-64k object-format=sha1 agent=x\
        0000PACK\0\0\0\x02";
    let (head, rest) = parse(bytes);
    assert_eq!(rest, b"PACK\0\0\0\x02");
    assert_eq!(head.ref_updates.len(), 1);
    assert_eq!(head.ref_updates[0].name, "refs/heads/main");
    assert_eq!(head.ref_updates[0].kind(), RefUpdateKind::Create);
    assert_eq!(head.ref_updates[0].new_oid.to_string(), "1f2a92bd2ee8eb4ff2ab5ff8b3a93a1ed4a6a4e6");
    assert!(head.capabilities.report_status_v2 && head.capabilities.side_band_64k);
    assert!(head.expects_pack());
    assert!(!head.is_probe());
}

#[test]
fn a_lone_flush_pkt_is_a_probe() {
    let (head, rest) = parse(b"0000");
    assert_eq!(head, Head::default());
    assert!(head.is_probe());
    assert!(!head.expects_pack());
    assert_eq!(rest, b"");
}

#[test]
fn deletes_alone_come_without_a_pack() {
    let (head, _) = parse(&lines(&[
        format!("{A} {Z} refs/heads/a\0delete-refs"),
        format!("{Z} {Z} refs/heads/b\n"),
    ]));
    assert!(!head.expects_pack());
    assert!(head.ref_updates.iter().all(|update| update.kind() == RefUpdateKind::Delete));

    let (head, _) = parse(&lines(&[
        format!("{A} {Z} refs/heads/a\0delete-refs"),
        format!("{A} {B} refs/heads/b"),
    ]));
    assert!(head.expects_pack());
    assert_eq!(head.ref_updates[1].kind(), RefUpdateKind::Update);
    assert_eq!(head.ref_updates[1].name, "refs/heads/b");
}

#[test]
fn shallow_lines_are_kept() {
    let (head, _) = parse(&lines(&[
        format!("shallow {A}"),
        format!("shallow {B}\n"),
        format!("{A} {B} refs/heads/b\0"),
    ]));
    assert_eq!(head.shallow.iter().map(ToString::to_string).collect::<Vec<_>>(), [A, B]);
}

#[test]
fn push_options_follow_the_ref_updates() {
    let mut bytes = lines(&[format!("{A} {B} refs/heads/b\0push-options")]);
    bytes.extend_from_slice(b"000bci.skip00040008a=b\n0000PACK");
    let (head, rest) = parse(&bytes);
    assert_eq!(head.push_options, ["ci.skip", "", "a=b"]);
    assert_eq!(rest, b"PACK");

    // Without the capability what follows is the pack's.
    let mut bytes = lines(&[format!("{A} {B} refs/heads/b\0quiet")]);
    bytes.extend_from_slice(b"000bci.skip0000");
    assert_eq!(parse(&bytes).1, b"000bci.skip0000");
}

#[test]
fn sha256_oids_need_their_object_format() {
    let (a, z) = ("a".repeat(64), "0".repeat(64));
    let (head, _) = parse(&lines(&[
        format!("shallow {a}"),
        format!("{z} {a} refs/heads/b\0object-format=sha256"),
    ]));
    assert_eq!(head.capabilities.object_format, ObjectFormat::Sha256);

    for bad in [
        lines(&[format!("{z} {a} refs/heads/b\0quiet")]),
        lines(&[format!("{z} {a} refs/heads/b")]),
        lines(&[format!("{Z} {A} refs/heads/b\0object-format=sha256")]),
        lines(&[format!("{Z} {a} refs/heads/b")]),
        lines(&[format!("shallow {a}"), format!("{Z} {A} refs/heads/b")]),
    ] {
        assert_eq!(error(bad), HeadError::MixedObjectFormats);
    }
    assert_eq!(
        error(lines(&[format!("{Z} {A} refs/heads/b\0object-format=md5")])),
        HeadError::UnsupportedObjectFormat
    );
}

#[test]
fn lines_that_are_no_ref_updates_are_refused() {
    for bad in [
        String::new(),
        "\n".into(),
        "want".into(),
        A.into(),
        format!("{A} "),
        format!("{A} {B}"),
        format!(" {A} {B} refs/heads/b"),
        format!("{A}  {B} refs/heads/b"),
        format!("{A}\t{B} refs/heads/b"),
        "command=ls-refs\n".into(),
    ] {
        assert_eq!(error(lines(std::slice::from_ref(&bad))), HeadError::ExpectedRefUpdate, "{bad}");
    }
    assert_eq!(error(lines(&[format!("shallow {A}x")])), HeadError::ExpectedShallowOid);
    assert_eq!(error(lines(&["shallow ".into()])), HeadError::ExpectedShallowOid);
}

/// A NUL or a line feed in a name is how one ref update is made to look like another.
#[test]
fn names_that_two_parsers_may_read_differently_are_refused() {
    assert_eq!(error(lines(&[format!("{A} {B} ")])), HeadError::BadRefName);
    assert_eq!(error(lines(&[format!("{A} {B} a\nb")])), HeadError::BadRefName);
    assert_eq!(error(lines(&[format!("{A} {B} a\n\0quiet")])), HeadError::BadRefName);
    assert_eq!(error(lines(&[format!("{A} {B} \0quiet")])), HeadError::BadRefName);
    assert_eq!(
        error(lines(&[format!("{A} {B} a\0quiet"), format!("{A} {B} b\0push-options")])),
        HeadError::LateCapabilities
    );
    assert_eq!(
        error(lines(&[format!("{A} {B} a"), format!("{A} {B} b\0push-options")])),
        HeadError::LateCapabilities
    );
    let options = lines(&[format!("{A} {B} a\0push-options")]);
    assert_eq!(error([&options[..], b"0007a\nb"].concat()), HeadError::BadPushOption);
    assert_eq!(error([&options[..], b"0007a\0b"].concat()), HeadError::BadPushOption);
}

#[test]
fn packets_that_a_push_does_not_have_are_refused() {
    assert_eq!(error(b"0001"), HeadError::UnexpectedPacket);
    assert_eq!(error(b"0002"), HeadError::UnexpectedPacket);
    assert_eq!(error(b"0008ERR "), HeadError::ClientReportedError);
    assert_eq!(error(b"PACK"), HeadError::PktLine(pkt_line::Error::BadLengthCharacter(*b"PACK")));
    assert_eq!(error(b"0003").fault(), Fault::Client);
}

#[test]
fn every_limit_is_met_exactly() {
    let bytes = [
        &lines(&[
            format!("shallow {A}"),
            format!("{A} {B} refs/b\0push-options"),
            format!("{A} {B} refs/c"),
        ])[..],
        b"0005x0000",
    ]
    .concat();
    let exact = HeadLimits {
        head_bytes: bytes.len(),
        ref_updates: 2,
        shallow: 1,
        push_options: 1,
        ref_name_bytes: 6,
    };
    assert!(parse_with(exact, &bytes).is_ok());
    for (limits, refused) in [
        (
            HeadLimits { head_bytes: bytes.len() - 1, ..exact },
            HeadError::HeadTooLong(bytes.len() - 1),
        ),
        (HeadLimits { ref_updates: 1, ..exact }, HeadError::TooManyRefUpdates(1)),
        (HeadLimits { shallow: 0, ..exact }, HeadError::TooManyShallow(0)),
        (HeadLimits { push_options: 0, ..exact }, HeadError::TooManyPushOptions(0)),
        (HeadLimits { ref_name_bytes: 5, ..exact }, HeadError::RefNameTooLong(5)),
    ] {
        assert_eq!(parse_with(limits, &bytes), Err(refused));
        assert_eq!(refused.fault(), Fault::Limit);
    }
}

#[test]
fn a_head_may_come_in_pieces_of_any_size() {
    let bytes = [
        &lines(&[
            format!("shallow {A}"),
            format!("{A} {B} refs/b\0push-options agent=x"),
            format!("{A} {B} refs/c"),
        ])[..],
        b"0005x0000PACK",
    ]
    .concat();
    let (whole, _) = parse(&bytes);
    for size in 1..bytes.len() {
        let mut parser = HeadParser::default();
        let mut seen = 0;
        let head = bytes.chunks(size).find_map(|piece| match parser.push(piece).expect("fine") {
            Progress::Incomplete => {
                seen += piece.len();
                None
            }
            Progress::Complete { head, consumed } => {
                seen += consumed;
                Some(*head)
            }
        });
        assert_eq!(head.as_ref(), Some(&whole), "pieces of {size}");
        assert_eq!(&bytes[seen..], b"PACK", "pieces of {size}");
        assert_eq!(parser.consumed(), seen);
        assert_eq!(parser.push(b"PACK"), Err(HeadError::Finished));
    }
}
