//! Fetches of real git in versions 0 and 1, as recorded in `fixtures/`.

use bstr::ByteSlice;
use gitwasi_wire::side_band::SideBand;
use gitwasi_wire::upload_pack::v0::{
    Ack, AckMode, Advertised, Capabilities, Request, RequestEnd, RequestParser, ack,
    end_of_shallow, nak, shallow, unshallow,
};
use gitwasi_wire::upload_pack::{Depth, Filter, Progress, RequestLimits};
use gitwasi_wire::{ObjectFormat, Oid};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("fixtures/", $name))
    };
}

/// Tips and boundaries of the recorded repository.
const MAIN: &str = "a8908739b26989510465f4088d406dcd8fd3a930";
const NEWS: &str = "2b4023c59d6382893a840113aba49a9c03087df1";
const SIDE: &str = "4db26a56ac03fc95889693e8cad479be7c872d28";
const TAG: &str = "fb2e9b717decdade4d4c592e55e531ca662d15b1";
const MAIN_1: &str = "5e065fbf1676ab596e0b9684303053db5e09c24b";
const MAIN_2: &str = "7927647b7ca852f05c7befd83de84d617fca176a";

fn oid(hex: &str) -> Oid {
    Oid::from_hex(hex.as_bytes()).expect("an oid")
}

fn oids(hex: &[&str]) -> Vec<Oid> {
    hex.iter().map(|hex| oid(hex)).collect()
}

fn parse(request: &[u8]) -> Request {
    let advertised =
        Advertised { filter: true, ..Advertised::new("git/2.47.3", ObjectFormat::Sha1) };
    let mut parser = RequestParser::new(&advertised, RequestLimits::default());
    match parser.push(request).expect("well-formed") {
        Progress::Complete { request: Some(parsed), consumed } => {
            assert_eq!(consumed, request.len());
            *parsed
        }
        Progress::Incomplete => *parser.finish().expect("not cut").expect("wants"),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_bytes(actual: &[u8], expected: &[u8]) {
    assert_eq!(actual.as_bstr(), expected.as_bstr());
}

/// `actual` is all of the response up to its pack.
#[track_caller]
fn assert_up_to_pack(actual: &[u8], response: &[u8]) {
    let pack = response.find(b"\x01PACK").expect("a pack") - 4;
    assert_bytes(actual, &response[..pack]);
}

/// What git always asks for, `-q` given.
fn capabilities() -> Capabilities {
    Capabilities {
        ack_mode: AckMode::Detailed,
        no_done: true,
        side_band: Some(SideBand::Large),
        thin_pack: true,
        no_progress: true,
        ofs_delta: true,
        agent: Some("git/2.47.3".into()),
        unknown: vec!["deepen-since".into(), "deepen-not".into()],
        ..Capabilities::default()
    }
}

fn request(wants: &[&str], end: RequestEnd) -> Request {
    Request { wants: oids(wants), capabilities: capabilities(), end, ..Request::default() }
}

#[test]
fn a_clone_is_done_at_once() {
    let expected = request(&[MAIN, SIDE, TAG], RequestEnd::Done);
    assert_eq!(parse(fixture!("clone-v0/02-git-upload-pack.request")), expected);
    assert_eq!(parse(fixture!("clone-v1/02-git-upload-pack.request")), expected);
    let mut out = Vec::new();
    nak(&mut out);
    assert_up_to_pack(&out, fixture!("clone-v0/02-git-upload-pack.response"));
}

#[test]
fn a_filter_is_read() {
    let parsed = parse(fixture!("filter-v0/02-git-upload-pack.request"));
    assert_eq!(parsed.filter, Some(Filter::BlobNone));
    assert!(parsed.capabilities.filter);
}

#[test]
fn a_shallow_clone_asks_where_it_ends_first() {
    let with = |depth, end| {
        let mut request = request(&[MAIN], end);
        request.capabilities.include_tag = true;
        request.depth = depth;
        request
    };
    let two = Depth { deepen: 2.try_into().ok(), ..Depth::default() };
    assert_eq!(
        parse(fixture!("shallow-v0/02-git-upload-pack.request")),
        with(two.clone(), RequestEnd::AfterWants)
    );
    assert_eq!(
        parse(fixture!("shallow-v0/03-git-upload-pack.request")),
        with(two, RequestEnd::Done)
    );
    let since = Depth { since: Some(1_112_915_673), ..Depth::default() };
    assert_eq!(
        parse(fixture!("since-v0/02-git-upload-pack.request")),
        with(since, RequestEnd::AfterWants)
    );
    let not = Depth { not: vec!["v1.0".into()], ..Depth::default() };
    assert_eq!(
        parse(fixture!("exclude-v0/03-git-upload-pack.request")),
        with(not, RequestEnd::Done)
    );

    let mut out = Vec::new();
    shallow(oid(MAIN_1), &mut out);
    end_of_shallow(&mut out);
    assert_bytes(&out, fixture!("shallow-v0/02-git-upload-pack.response"));
    nak(&mut out);
    assert_up_to_pack(&out, fixture!("shallow-v0/03-git-upload-pack.response"));
}

#[test]
fn a_shallow_clone_is_deepened() {
    let parsed = parse(fixture!("deepen-v0/03-git-upload-pack.request"));
    assert_eq!(parsed.shallow, oids(&[MAIN_1]));
    assert_eq!(parsed.haves, oids(&[MAIN, MAIN_1]));
    assert_eq!(
        parsed.depth,
        Depth { deepen: 1.try_into().ok(), relative: true, ..Depth::default() }
    );
    let mut out = Vec::new();
    shallow(oid(MAIN_2), &mut out);
    unshallow(oid(MAIN_1), &mut out);
    end_of_shallow(&mut out);
    assert_bytes(&out, fixture!("deepen-v0/02-git-upload-pack.response"));
    ack(oid(MAIN), Ack::Common, &mut out);
    ack(oid(MAIN_1), Ack::Common, &mut out);
    ack(oid(MAIN_1), Ack::Final, &mut out);
    assert_up_to_pack(&out, fixture!("deepen-v0/03-git-upload-pack.response"));
}

#[test]
fn negotiation_takes_rounds() {
    let first = parse(fixture!("fetch-v0/02-git-upload-pack.request"));
    assert_eq!((first.haves.len(), first.end), (16, RequestEnd::Flush));
    assert_eq!(first.wants, oids(&[NEWS]));
    let mut out = Vec::new();
    nak(&mut out);
    assert_bytes(&out, fixture!("fetch-v0/02-git-upload-pack.response"));

    let third = parse(fixture!("fetch-v0/04-git-upload-pack.request"));
    assert_eq!((third.haves.len(), third.end), (32, RequestEnd::Flush));
    out.clear();
    for common in [MAIN, MAIN_1, MAIN_2, SIDE] {
        ack(oid(common), Ack::Common, &mut out);
    }
    nak(&mut out);
    assert_bytes(&out, fixture!("fetch-v0/04-git-upload-pack.response"));

    let last = parse(fixture!("fetch-v0/05-git-upload-pack.request"));
    assert_eq!((last.haves, last.end), (oids(&[MAIN, SIDE]), RequestEnd::Done));
    out.clear();
    ack(oid(MAIN), Ack::Common, &mut out);
    ack(oid(SIDE), Ack::Common, &mut out);
    ack(oid(SIDE), Ack::Final, &mut out);
    assert_up_to_pack(&out, fixture!("fetch-v0/05-git-upload-pack.response"));
}

#[test]
fn acknowledgments_take_the_form_that_was_agreed_on() {
    let mut out = Vec::new();
    ack(oid(MAIN), Ack::Ready, &mut out);
    ack(oid(MAIN), Ack::Continue, &mut out);
    assert_bytes(
        &out,
        b"0037ACK a8908739b26989510465f4088d406dcd8fd3a930 ready\n\
          003aACK a8908739b26989510465f4088d406dcd8fd3a930 continue\n",
    );
}
