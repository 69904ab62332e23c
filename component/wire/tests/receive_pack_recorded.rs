//! Pushes of real git, as recorded in `fixtures/`: requests are read, reports are written.

use bstr::ByteSlice;
use gitwasi_wire::receive_pack::{
    Capabilities, Head, HeadParser, Progress, RefOutcome, RefReport, Report, message,
};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("fixtures/", $name))
    };
}

const MAIN: &str = "refs/heads/main";

/// The head, and what follows it.
fn parse(request: &[u8]) -> (Head, &[u8]) {
    match HeadParser::default().push(request).expect("well-formed") {
        Progress::Complete { head, consumed } => (*head, &request[consumed..]),
        Progress::Incomplete => panic!("the head is cut"),
    }
}

/// The ref updates, abbreviated: `old new name`.
fn updates(head: &Head) -> Vec<String> {
    let abbreviate = |oid: &gitwasi_wire::Oid| oid.to_string()[..7].to_owned();
    head.ref_updates
        .iter()
        .map(|update| {
            let (old, new) = (abbreviate(&update.old_oid), abbreviate(&update.new_oid));
            format!("{old} {new} {}", update.name)
        })
        .collect()
}

fn ok(name: &str) -> RefReport<'_> {
    RefReport { name: name.into(), outcome: RefOutcome::Ok }
}

fn ng<'a>(name: &'a str, reason: &'a str) -> RefReport<'a> {
    RefReport { name: name.into(), outcome: RefOutcome::Ng(reason.into()) }
}

/// What is sent back, given what was asked for in the same recording.
fn response(request: &[u8], remote: &str, report: &Report<'_>) -> Vec<u8> {
    let capabilities = parse(request).0.capabilities;
    let mut out = Vec::new();
    if !remote.is_empty() {
        message(&capabilities, remote, &mut out);
    }
    report.encode(&capabilities, &mut out).expect("short names");
    out
}

#[track_caller]
fn assert_bytes(actual: &[u8], expected: &[u8]) {
    assert_eq!(actual.as_bstr(), expected.as_bstr());
}

#[test]
fn creating_two_branches_and_a_tag() {
    let request = fixture!("push-create/02-git-receive-pack.request");
    let (head, pack) = parse(request);
    assert_eq!(
        updates(&head),
        [
            "0000000 a73827b refs/heads/main",
            "0000000 a73827b refs/heads/topic",
            "0000000 74bbef0 refs/tags/v1"
        ]
    );
    assert_eq!(
        head.capabilities,
        Capabilities {
            report_status_v2: true,
            side_band_64k: true,
            quiet: true,
            agent: Some("git/2.47.3".into()),
            ..Capabilities::default()
        }
    );
    assert!(head.expects_pack());
    assert!(pack.starts_with(b"PACK"));

    let report =
        Report { unpack: Ok(()), refs: vec![ok(MAIN), ok("refs/heads/topic"), ok("refs/tags/v1")] };
    assert_bytes(
        &response(request, "", &report),
        fixture!("push-create/02-git-receive-pack.response"),
    );
}

#[test]
fn an_atomic_push_says_so() {
    let (head, _) = parse(fixture!("push-update-atomic/02-git-receive-pack.request"));
    assert!(head.capabilities.atomic);
    assert_eq!(updates(&head), ["a73827b cebae28 refs/heads/main"]);
}

#[test]
fn push_options_come_between_the_ref_updates_and_the_pack() {
    let (head, pack) = parse(fixture!("push-options/02-git-receive-pack.request"));
    assert_eq!(head.push_options, ["ci.skip", "title=a b"]);
    assert!(pack.starts_with(b"PACK"));
}

#[test]
fn a_large_push_is_probed_first() {
    let (head, rest) = parse(fixture!("push-probe/02-git-receive-pack.request"));
    assert!(head.is_probe());
    assert_eq!(rest, b"");
    // git answers a probe with an empty body.
    assert_eq!(fixture!("push-probe/02-git-receive-pack.response"), b"");
    let (head, pack) = parse(fixture!("push-probe/03-git-receive-pack.request"));
    assert!(head.capabilities.quiet);
    assert!(pack.starts_with(b"PACK"));
}

#[test]
fn deletes_come_without_a_pack() {
    let (head, rest) = parse(fixture!("push-delete/02-git-receive-pack.request"));
    assert_eq!(
        updates(&head),
        ["a73827b 0000000 refs/heads/topic", "74bbef0 0000000 refs/tags/v1"]
    );
    assert!(!head.expects_pack());
    assert_eq!(rest, b"");
}

#[test]
fn a_signed_push_has_its_ref_updates_in_the_certificate() {
    let request = fixture!("push-signed/02-git-receive-pack.request");
    let (head, pack) = parse(request);
    assert!(pack.starts_with(b"PACK"));
    assert_eq!(
        updates(&head),
        ["7730dd6 a306249 refs/heads/main", "0000000 a306249 refs/heads/second"]
    );
    assert_eq!(head.push_options, ["signed"]);

    let cert = head.push_cert.expect("a certificate");
    assert!(cert.raw.starts_with(b"certificate version 0.1\npusher SHA256:"));
    assert!(cert.raw.ends_with(b"-----END SSH SIGNATURE-----\n"));
    assert!(cert.pusher.expect("a pusher").starts_with(b"SHA256:"));
    assert!(cert.pushee.expect("a pushee").ends_with(b"/push.git/"));
    assert_eq!(cert.push_options, ["signed"]);
    // The very nonce that was advertised.
    let nonce = cert.nonce.expect("a nonce");
    let advertised = [b"push-cert=", &nonce[..], b" "].concat();
    assert!(fixture!("push-signed/01-info-refs.response").contains_str(advertised));
}

#[test]
fn a_shallow_clone_names_its_boundary_first() {
    let (head, pack) = parse(fixture!("push-shallow/02-git-receive-pack.request"));
    let shallow: Vec<_> = head.shallow.iter().map(ToString::to_string).collect();
    assert_eq!(shallow, ["2ec2dabe2af72af808eedad005c0a7584ab2efea"]);
    assert_eq!(updates(&head), ["0000000 2af4798 refs/heads/shallow"]);
    assert!(pack.starts_with(b"PACK"));
}

#[test]
fn a_sha256_push_has_longer_oids() {
    let (head, pack) = parse(fixture!("push-sha256/02-git-receive-pack.request"));
    assert_eq!(
        head.ref_updates[0].new_oid.to_string(),
        "6c6167ec8a392a5746e6ad92240e1ac9dd3326e339ec4c44c4e5c48192fe1408"
    );
    assert!(pack.starts_with(b"PACK"));
}

#[test]
fn a_refusal_reads_as_when_a_hook_declines() {
    let request = fixture!("push-refused/02-git-receive-pack.request");
    let (head, _) = parse(request);
    let report = Report::refused(&head, Ok(()), "pre-receive hook declined");
    assert_bytes(
        &response(request, "not today\n", &report),
        fixture!("push-refused/02-git-receive-pack.response"),
    );
}

#[test]
fn one_ref_may_be_refused_alone() {
    let request = fixture!("push-refused-delete/02-git-receive-pack.request");
    let report = Report {
        unpack: Ok(()),
        refs: vec![ok(MAIN), ng("refs/heads/second", "deletion prohibited")],
    };
    assert_bytes(
        &response(request, "error: denying ref deletion for refs/heads/second\n", &report),
        fixture!("push-refused-delete/02-git-receive-pack.response"),
    );
}

#[test]
fn a_pack_that_cannot_be_taken_fails_every_ref() {
    let request = fixture!("push-unpack-error/02-git-receive-pack.request");
    let (head, _) = parse(request);
    let report =
        Report::refused(&head, Err("unpack-objects abnormal exit".into()), "unpacker error");
    assert_bytes(
        &response(request, "fatal: pack exceeds maximum allowed size\n", &report),
        fixture!("push-unpack-error/02-git-receive-pack.response"),
    );
}

#[test]
fn without_side_band_the_report_stands_alone() {
    let capabilities = Capabilities { report_status: true, ..Capabilities::default() };
    let report = Report { unpack: Ok(()), refs: vec![ng(MAIN, "no")] };
    let mut out = Vec::new();
    message(&capabilities, "nobody reads this\n", &mut out);
    report.encode(&capabilities, &mut out).expect("short names");
    assert_bytes(&out, b"000eunpack ok\n001ang refs/heads/main no\n0000");
}

#[test]
fn a_client_that_asked_for_no_report_gets_none() {
    let report = Report { unpack: Ok(()), refs: vec![ng(MAIN, "no")] };
    let mut out = Vec::new();
    report.encode(&Capabilities::default(), &mut out).expect("short names");
    assert_bytes(&out, b"");
    let capabilities = Capabilities { side_band_64k: true, ..Capabilities::default() };
    report.encode(&capabilities, &mut out).expect("short names");
    assert_bytes(&out, b"0000");
}

#[test]
fn a_reason_cannot_forge_a_line() {
    let capabilities = Capabilities { report_status: true, ..Capabilities::default() };
    let report = Report {
        unpack: Err("a\nb".into()),
        refs: vec![ng(MAIN, "no\n0017ok refs/heads/main\n\0")],
    };
    let mut out = Vec::new();
    report.encode(&capabilities, &mut out).expect("short names");
    assert_bytes(&out, b"000funpack a b\n0033ng refs/heads/main no 0017ok refs/heads/main  \n0000");
}

#[test]
fn a_long_reason_is_cut_and_a_long_report_is_split() {
    let capabilities =
        Capabilities { report_status: true, side_band_64k: true, ..Capabilities::default() };
    let reason = "é".repeat(40_000);
    let name = "n".repeat(4_096);
    let report = Report { unpack: Ok(()), refs: vec![ng(&name, &reason); 20] };
    let mut out = Vec::new();
    report.encode(&capabilities, &mut out).expect("names within the limit");
    // Each line: four digits, "ng ", the name, " ", 1024 bytes of reason, a line feed.
    let inner = 14 + 20 * (4 + 3 + 4_096 + 1 + 1_024 + 1) + 4;
    assert_eq!(out.len(), inner + 2 * 5 + 4);
    assert!(out.starts_with(b"fff0\x01000eunpack ok\n1409ng nnn"));
    assert!(out.ends_with("éé\n00000000".as_bytes()));
}
