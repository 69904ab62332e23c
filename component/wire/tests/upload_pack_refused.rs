//! Requests that are refused, in the words git 2.47 has for them.
//!
//! The texts are what `git upload-pack --stateless-rpc` wrote after `fatal: ` when it was sent the
//! same bytes.

use gitwasi_wire::upload_pack::{Depth, Progress, RequestError, RequestLimits, v0, v2};
use gitwasi_wire::{Fault, ObjectFormat};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// Flush-pkt, delim-pkt and response-end-pkt are written as they are; all else as data.
fn bytes(lines: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        match *line {
            "0000" | "0001" | "0002" => bytes.extend_from_slice(line.as_bytes()),
            _ => bytes.extend_from_slice(format!("{:04x}{line}", line.len() + 4).as_bytes()),
        }
    }
    bytes
}

fn v2_parser(limits: RequestLimits) -> v2::RequestParser {
    v2::RequestParser::new(v2::Advertisement::new("x", ObjectFormat::Sha1), limits)
}

fn v2(lines: &[&str]) -> Result<v2::Request, RequestError> {
    let mut parser = v2_parser(RequestLimits::default());
    match parser.push(&bytes(lines))? {
        Progress::Complete { request, .. } => Ok(*request.expect("a command")),
        Progress::Incomplete => Err(parser.finish().expect_err("a request that is cut")),
    }
}

fn v0_with(
    limits: RequestLimits,
    lines: &[&str],
) -> Result<Option<Box<v0::Request>>, RequestError> {
    let advertised =
        v0::Advertised { filter: true, ..v0::Advertised::new("x", ObjectFormat::Sha1) };
    let mut parser = v0::RequestParser::new(&advertised, limits);
    match parser.push(&bytes(lines))? {
        Progress::Complete { request, .. } => Ok(request),
        Progress::Incomplete => parser.finish(),
    }
}

fn v0(lines: &[&str]) -> Result<Option<Box<v0::Request>>, RequestError> {
    v0_with(RequestLimits::default(), lines)
}

#[test]
fn capabilities_of_version_2() {
    for (lines, text) in [
        (&["0001"][..], "no command requested"),
        (&["object-format=sha1", "0000"], "no command requested"),
        (&["object-format=sha1", "0001"], "no command requested"),
        (&["command=foo", "0000"], "invalid command 'foo'"),
        (&["command=agent", "0000"], "invalid command 'agent'"),
        (&["command=ls-refs=x", "0000"], "invalid command 'ls-refs=x'"),
        (&["command=object-info", "0000"], "invalid command 'object-info'"),
        (&["command=bundle-uri", "0000"], "invalid command 'bundle-uri'"),
        (
            &["command=ls-refs", "command=fetch"],
            "command 'fetch' requested after already requesting command 'ls-refs'",
        ),
        (&["command=ls-refs", "foo=bar", "0000"], "unknown capability 'foo=bar'"),
        (&["command=ls-refs", "ls-refs", "0000"], "unknown capability 'ls-refs'"),
        (&["command=ls-refs", "session-id=x", "0000"], "unknown capability 'session-id=x'"),
        (&["", "0000"], "unknown capability ''"),
        (&["command=ls-refs", "object-format=md5"], "unknown object format 'md5'"),
        (&["object-format", "0000"], "object-format capability requires an argument"),
        (
            &["command=ls-refs", "object-format=sha256", "0000"],
            "mismatched object format: server sha1; client sha256",
        ),
        (&["ERR hello", "0000"], "remote error: hello"),
        (&["command=ls-refs"], "the remote end hung up unexpectedly"),
        // git says BUG here, and aborts.
        (&["command=ls-refs", "0002"], "protocol error: got an unexpected packet"),
    ] {
        assert_eq!(v2(lines).expect_err("to be refused").to_string(), text, "{lines:?}");
    }
    let sha256 = v2::Advertisement::new("x", ObjectFormat::Sha256);
    let mut parser = v2::RequestParser::new(sha256, RequestLimits::default());
    assert_eq!(
        parser.push(&bytes(&["command=ls-refs", "0000"])).expect_err("not said").to_string(),
        "mismatched object format: server sha256; client sha1"
    );
}

#[test]
fn arguments_of_version_2() {
    let want = &format!("want {A}");
    for (command, arguments, text) in [
        ("ls-refs", &["foo", "0000"][..], "unexpected line: 'foo'"),
        ("ls-refs", &["peel=x", "0000"], "unexpected line: 'peel=x'"),
        ("ls-refs", &["ref-prefix", "0000"], "unexpected line: 'ref-prefix'"),
        ("ls-refs", &["peel", "0001"], "expected flush after ls-refs arguments"),
        ("ls-refs", &["0002"], "expected flush after ls-refs arguments"),
        ("ls-refs", &["peel"], "the remote end hung up unexpectedly"),
        ("ls-refs", &["ERR hello", "0000"], "remote error: hello"),
        ("fetch", &["foo", "0000"], "unexpected line: 'foo'"),
        ("fetch", &["thin-pack=1", "0000"], "unexpected line: 'thin-pack=1'"),
        ("fetch", &["done", "0001"], "expected flush after fetch arguments"),
        (
            "fetch",
            &["want foo", "0000"],
            "git upload-pack: protocol error, expected to get oid, not 'want foo'",
        ),
        ("fetch", &["have foo", "0000"], "git upload-pack: expected SHA1 object, got 'foo'"),
        ("fetch", &["shallow x", "0000"], "invalid shallow line: shallow x"),
        ("fetch", &[want, "sideband-all", "0000"], "unexpected line: 'sideband-all'"),
        ("fetch", &["want-ref refs/heads/x", "0000"], "unexpected line: 'want-ref refs/heads/x'"),
        ("fetch", &["filter blob:none", "0000"], "unexpected line: 'filter blob:none'"),
        ("fetch", &["packfile-uris https", "0000"], "unexpected line: 'packfile-uris https'"),
        ("fetch", &["deepen 0", "0000"], "Invalid deepen: deepen 0"),
        ("fetch", &["deepen -1", "0000"], "Invalid deepen: deepen -1"),
        ("fetch", &["deepen x", "0000"], "Invalid deepen: deepen x"),
        ("fetch", &["deepen 1x", "0000"], "Invalid deepen: deepen 1x"),
        ("fetch", &["deepen ", "0000"], "Invalid deepen: deepen "),
        ("fetch", &["deepen-since x", "0000"], "Invalid deepen-since: deepen-since x"),
        ("fetch", &["deepen-since -1", "0000"], "Invalid deepen-since: deepen-since -1"),
        (
            "fetch",
            &["deepen-since 99999999999999999999", "0000"],
            "Invalid deepen-since: deepen-since 99999999999999999999",
        ),
        (
            "fetch",
            &[want, "deepen 1", "deepen-since 1", "0000"],
            "git upload-pack: deepen and deepen-since (or deepen-not) cannot be used together",
        ),
        (
            "fetch",
            &[want, "deepen-not x", "deepen 1", "0000"],
            "git upload-pack: deepen and deepen-since (or deepen-not) cannot be used together",
        ),
    ] {
        let command = format!("command={command}");
        let lines = [&[&*command, "object-format=sha1", "0001"], arguments].concat();
        assert_eq!(v2(&lines).expect_err("to be refused").to_string(), text, "{lines:?}");
    }
}

#[test]
fn arguments_of_version_2_that_are_seldom_offered() {
    let advertised = v2::Advertisement {
        filter: true,
        object_info: true,
        bundle_uri: true,
        packfile_uris: true,
        sideband_all: true,
        ..v2::Advertisement::new("x", ObjectFormat::Sha1)
    };
    let parse = |lines: &[&str]| {
        let mut parser = v2::RequestParser::new(advertised.clone(), RequestLimits::default());
        match parser.push(&bytes(lines))? {
            Progress::Complete { request, .. } => Ok(request.expect("a command").command),
            Progress::Incomplete => panic!("cut"),
        }
    };
    for (command, arguments, text) in [
        ("object-info", &["type", "0000"][..], "object-info: unexpected line: 'type'"),
        (
            "object-info",
            &["size", "oid x", "0000"],
            "object-info: protocol error, expected to get oid, not 'x'",
        ),
        ("object-info", &["size", "0001"], "object-info: expected flush after arguments"),
        ("bundle-uri", &["x", "0000"], "bundle-uri: unexpected argument: 'x'"),
        ("bundle-uri", &["0001"], "bundle-uri: expected flush after arguments"),
        ("fetch", &["filter x", "0000"], "invalid filter-spec 'x'"),
        (
            "fetch",
            &["filter blob:none", "filter tree:0", "0000"],
            "multiple filter-specs cannot be combined",
        ),
        (
            "fetch",
            &["packfile-uris https", "packfile-uris http", "0000"],
            "multiple packfile-uris lines forbidden",
        ),
    ] {
        let command = format!("command={command}");
        let lines = [&[&*command, "0001"], arguments].concat();
        let error: RequestError = parse(&lines).expect_err("to be refused");
        assert_eq!(error.to_string(), text, "{lines:?}");
    }

    let oid = &format!("oid {A}");
    let command = parse(&["command=object-info", "0001", "size", oid, oid, "0000"]);
    let v2::Command::ObjectInfo(info) = command.expect("well-formed") else { panic!() };
    assert!(info.size);
    assert_eq!(info.oids.len(), 2);

    // As with git, packs elsewhere need side-band from the start.
    let uris = |more: &[&str]| {
        let lines = [&["command=fetch", "0001", "packfile-uris https,http"], more].concat();
        match parse(&lines).expect("well-formed") {
            v2::Command::Fetch(fetch) => fetch.packfile_uris,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(uris(&["0000"]), [""; 0]);
    assert_eq!(uris(&["sideband-all", "0000"]), ["https", "http"]);
}

#[test]
fn what_git_takes_is_taken() {
    let fetch = |arguments: &[&str]| {
        let lines = [&["command=fetch\n", "0001"], arguments].concat();
        match v2(&lines).expect("well-formed").command {
            v2::Command::Fetch(fetch) => fetch,
            other => panic!("{other:?}"),
        }
    };
    // No argument at all, with and without a delim-pkt.
    assert_eq!(fetch(&["0000"]), v2::Fetch::default());
    assert_eq!(
        v2(&["command=ls-refs", "0000"]).expect("well-formed").command,
        v2::Command::LsRefs(v2::LsRefs::default())
    );
    // `fetch --unshallow`, and numbers beyond it; the last one counts.
    let depth = |line| fetch(&["deepen 7", line, "0000"]).depth.deepen.expect("a depth").get();
    assert_eq!(depth("deepen 2147483647"), Depth::INFINITE);
    assert_eq!(depth("deepen 99999999999"), Depth::INFINITE);
    assert_eq!(depth("deepen 1\n"), 1);
    assert_eq!(fetch(&["deepen-since 0", "0000"]).depth.since, Some(0));
    let upper = &format!("want {}\n", A.to_uppercase());
    assert_eq!(fetch(&[upper, "0000"]).wants[0].to_string(), A);
}

#[test]
fn a_client_may_leave_without_a_word() {
    let mut parser = v2_parser(RequestLimits::default());
    assert_eq!(parser.finish(), Ok(()));
    assert_eq!(parser.push(b"0000"), Ok(Progress::Complete { request: None, consumed: 4 }));
    assert_eq!(parser.push(b"0000"), Err(RequestError::Finished));
    assert_eq!(v0(&["0000"]), Ok(None));
    // Not so in version 0.
    assert_eq!(v0(&[]), Err(RequestError::HungUp));
}

#[test]
fn what_follows_a_request_is_left() {
    let mut parser = v2_parser(RequestLimits::default());
    let request = bytes(&["command=ls-refs", "0001", "peel", "0000", "x"]);
    let Ok(Progress::Complete { consumed, .. }) = parser.push(&request) else { panic!() };
    assert_eq!(&request[consumed..], b"0005x");
}

#[test]
fn version_0() {
    let want = &format!("want {A}");
    let filtering = &format!("want {A} filter");
    let have = &format!("have {B}");
    let expected = |line: &str| {
        format!("git upload-pack: protocol error, expected to get object ID, not '{line}'")
    };
    for (lines, text) in [
        (&["want x", "0000"][..], expected("want x")),
        (&["foo", "0000"], expected("foo")),
        (&["", "0000"], expected("")),
        (&[have, "0000"], expected(have)),
        (&["shallow x", "0000"], "invalid shallow line: shallow x".into()),
        (&[want, "deepen 0", "0000"], "Invalid deepen: deepen 0".into()),
        (
            &[want, "deepen 1", "deepen-since 1", "0000"],
            "git upload-pack: deepen and deepen-since (or deepen-not) cannot be used together"
                .into(),
        ),
        (
            &[want, "filter blob:none", "0000"],
            "git upload-pack: filtering capability not negotiated".into(),
        ),
        (&[filtering, "filter x", "0000"], "invalid filter-spec 'x'".into()),
        (
            &[filtering, "filter tree:0", "filter tree:0", "0000"],
            "multiple filter-specs cannot be combined".into(),
        ),
        (&[want, "0000", "have x"], "git upload-pack: expected SHA1 object, got 'x'".into()),
        (&[want, "0000", "foo"], "git upload-pack: expected SHA1 list, got 'foo'".into()),
        (&[want, "0000", "DONE"], "git upload-pack: expected SHA1 list, got 'DONE'".into()),
        (&[want, "0000", want], format!("git upload-pack: expected SHA1 list, got '{want}'")),
        (&[want], "the remote end hung up unexpectedly".into()),
        (&[want, "0000", have], "the remote end hung up unexpectedly".into()),
        (&["ERR hello"], "remote error: hello".into()),
        // Ours alone; git takes these.
        (&[want, "0001"], "protocol error: got an unexpected packet".into()),
        (&[want, &format!("{want} quiet")], expected(&format!("{want} quiet"))),
        (&[&format!("{want}x")], expected(&format!("{want}x"))),
    ] {
        assert_eq!(v0(lines).expect_err("to be refused").to_string(), text, "{lines:?}");
    }
}

#[test]
fn the_first_flush_pkt_after_the_wants_ends_a_request_of_version_0() {
    let (want, have) = (&format!("want {A}"), &format!("have {B}"));
    let end = |lines: &[&str]| v0(lines).expect("well-formed").expect("wants").end;
    assert_eq!(end(&[want, "0000"]), v0::RequestEnd::AfterWants);
    assert_eq!(end(&[want, "0000", "0000"]), v0::RequestEnd::Flush);
    assert_eq!(end(&[want, "0000", have, "0000", "done"]), v0::RequestEnd::Flush);
    assert_eq!(end(&[want, "0000", have, "done"]), v0::RequestEnd::Done);
    // No header before `done` is whole, so the request was cut.
    let mut parser = v0::RequestParser::new(
        &v0::Advertised::new("x", ObjectFormat::Sha1),
        RequestLimits::default(),
    );
    let cut = [bytes(&[want, "0000"]), b"00".to_vec()].concat();
    assert_eq!(parser.push(&cut), Ok(Progress::Incomplete));
    assert_eq!(parser.finish(), Err(RequestError::HungUp));
}

#[test]
fn every_limit_of_version_2_is_met_exactly() {
    let (want, have, shallow) =
        (&format!("want {A}"), &format!("have {A}"), &format!("shallow {A}"));
    let lines =
        &["command=fetch", "server-option=x", "0001", want, have, shallow, "deepen-not x", "0000"];
    let request = bytes(lines);
    let exact = RequestLimits {
        request_bytes: request.len(),
        wants: 1,
        haves: 1,
        shallow: 1,
        deepen_not: 1,
        server_options: 1,
        ..RequestLimits::default()
    };
    assert!(v2_parser(exact).push(&request).is_ok());
    for (limits, text) in [
        (
            RequestLimits { request_bytes: request.len() - 1, ..exact },
            format!("the request has more than {} bytes", request.len() - 1),
        ),
        (RequestLimits { wants: 0, ..exact }, "the request has more than 0 wants".into()),
        (RequestLimits { haves: 0, ..exact }, "the request has more than 0 haves".into()),
        (RequestLimits { shallow: 0, ..exact }, "the request has more than 0 shallow lines".into()),
        (
            RequestLimits { deepen_not: 0, ..exact },
            "the request has more than 0 deepen-not lines".into(),
        ),
        (
            RequestLimits { server_options: 0, ..exact },
            "the request has more than 0 server options".into(),
        ),
    ] {
        let error = v2_parser(limits).push(&request).expect_err("over the limit");
        assert_eq!(error.to_string(), text);
        assert_eq!(error.fault(), Fault::Limit);
    }
    let want_caps = &format!("want {A} no-done");
    let exact = RequestLimits { wants: 1, haves: 1, shallow: 1, ..RequestLimits::default() };
    let lines = [want_caps, shallow, "0000", have, "done"];
    assert!(v0_with(exact, &lines).is_ok());
    for limits in [
        RequestLimits { wants: 0, ..exact },
        RequestLimits { haves: 0, ..exact },
        RequestLimits { shallow: 0, ..exact },
    ] {
        assert_eq!(v0_with(limits, &lines).expect_err("over").fault(), Fault::Limit);
    }
}

/// As with git: a client that sends too many gets all refs.
#[test]
fn too_many_ref_prefixes_are_none() {
    let parse = |ref_prefixes| {
        let limits = RequestLimits { ref_prefixes, ..RequestLimits::default() };
        let request = bytes(&["command=ls-refs", "0001", "ref-prefix a", "ref-prefix b", "0000"]);
        match v2_parser(limits).push(&request) {
            Ok(Progress::Complete { request: Some(request), .. }) => match request.command {
                v2::Command::LsRefs(refs) => refs.ref_prefixes,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(parse(3), ["a", "b"]);
    assert_eq!(parse(2), [""; 0]);
    assert_eq!(parse(1), [""; 0]);
}

#[test]
fn a_message_quotes_little_and_harmlessly() {
    let long = "x".repeat(60_000);
    let error = v2(&["command=ls-refs", "0001", &long]).expect_err("to be refused");
    assert_eq!(error.to_string(), format!("unexpected line: '{}'", "x".repeat(200)));
    let error = v2(&["command=ls-refs", "0001", "a\nb\0\x1b[31m"]).expect_err("to be refused");
    assert_eq!(error.to_string(), "unexpected line: 'a\\nb\\u{0}\\u{1b}[31m'");
}
