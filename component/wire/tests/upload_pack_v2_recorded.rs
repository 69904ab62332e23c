//! Fetches of real git in version 2, as recorded in `fixtures/`.

use bstr::{BStr, ByteSlice};
use gitwasi_wire::upload_pack::v2::{
    Advertisement, Command, Fetch, FetchResponse, LsRefs, RefLine, Request, RequestParser,
    object_info, object_info_head, unborn_head,
};
use gitwasi_wire::upload_pack::{Depth, Filter, Progress, RequestLimits};
use gitwasi_wire::{ObjectFormat, Oid, pkt_line};

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
const TAGGED: &str = "0b2ba3f62f6366341f052a3747da6e0da3ca6baf";
const MAIN_1: &str = "5e065fbf1676ab596e0b9684303053db5e09c24b";
const MAIN_2: &str = "7927647b7ca852f05c7befd83de84d617fca176a";

fn oid(hex: &str) -> Oid {
    Oid::from_hex(hex.as_bytes()).expect("an oid")
}

fn oids(hex: &[&str]) -> Vec<Oid> {
    hex.iter().map(|hex| oid(hex)).collect()
}

/// All that git can advertise.
fn everything() -> Advertisement {
    Advertisement {
        filter: true,
        ref_in_want: true,
        sideband_all: true,
        session_id: Some("x".into()),
        object_info: true,
        bundle_uri: true,
        ..Advertisement::new("git/2.47.3", ObjectFormat::Sha1)
    }
}

fn parse(request: &[u8]) -> Request {
    let mut parser = RequestParser::new(everything(), RequestLimits::default());
    match parser.push(request).expect("well-formed") {
        Progress::Complete { request: Some(parsed), consumed } => {
            assert_eq!(consumed, request.len());
            *parsed
        }
        other => panic!("{other:?}"),
    }
}

fn parse_fetch(request: &[u8]) -> Fetch {
    match parse(request).command {
        Command::Fetch(fetch) => fetch,
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

/// What a clone and a fetch of branches share.
fn fetch(wants: &[&str]) -> Fetch {
    Fetch {
        wants: oids(wants),
        thin_pack: true,
        no_progress: true,
        ofs_delta: true,
        ..Fetch::default()
    }
}

#[test]
fn capabilities_are_advertised_as_git_does() {
    let mut out = Vec::new();
    let mut advertisement = Advertisement::new("git/2.47.3", ObjectFormat::Sha1);
    advertisement.encode(&mut out).expect("short");
    assert_bytes(&out, fixture!("empty-v2/01-info-refs.response"));

    out.clear();
    advertisement.filter = true;
    advertisement.encode(&mut out).expect("short");
    assert_bytes(&out, fixture!("clone-v2/01-info-refs.response"));

    let recorded = fixture!("want-ref-v2/01-info-refs.response");
    let id = recorded.find(b"session-id=").expect("a session id") + b"session-id=".len();
    let id = recorded[id..].lines().next().expect("its end");
    out.clear();
    Advertisement { session_id: Some(id.into()), ..everything() }.encode(&mut out).expect("short");
    assert_bytes(&out, recorded);

    out.clear();
    let bare = Advertisement {
        unborn: false,
        shallow: false,
        wait_for_done: false,
        server_option: false,
        ..Advertisement::new("x", ObjectFormat::Sha256)
    };
    bare.encode(&mut out).expect("short");
    assert_bytes(
        &out,
        b"000eversion 2\n000cagent=x\n000cls-refs\n000afetch\n0019object-format=sha256\n0000",
    );
}

#[test]
fn a_clone_asks_for_refs_first() {
    let request = parse(fixture!("clone-v2/02-git-upload-pack.request"));
    assert_eq!(request.agent, Some("git/2.47.3".into()));
    assert_eq!(request.server_options, [""; 0]);
    assert_eq!(
        request.command,
        Command::LsRefs(LsRefs {
            symrefs: true,
            peel: true,
            unborn: true,
            ref_prefixes: vec!["HEAD".into(), "refs/heads/".into(), "refs/tags/".into()],
        })
    );
}

#[test]
fn refs_are_listed_as_git_does() {
    let line = |hex, name: &'static str, symref_target: Option<&'static str>, peeled| RefLine {
        oid: oid(hex),
        name: BStr::new(name),
        symref_target: symref_target.map(BStr::new),
        peeled,
    };
    let mut out = Vec::new();
    for line in [
        line(MAIN, "HEAD", Some("refs/heads/main"), None),
        line(MAIN, "refs/heads/main", None, None),
        line(SIDE, "refs/heads/side", None, None),
        line(TAG, "refs/tags/v1.0", None, Some(oid(TAGGED))),
    ] {
        line.encode(&mut out).expect("short");
    }
    pkt_line::flush(&mut out);
    assert_bytes(&out, fixture!("clone-v2/02-git-upload-pack.response"));

    out.clear();
    unborn_head("refs/heads/main".into(), &mut out).expect("short");
    pkt_line::flush(&mut out);
    assert_bytes(&out, fixture!("empty-v2/02-git-upload-pack.response"));
}

#[test]
fn server_options_come_in_order() {
    let request = parse(fixture!("server-option-v2/02-git-upload-pack.request"));
    assert_eq!(request.server_options, ["one", "two=2"]);
}

#[test]
fn a_clone_is_done_at_once() {
    assert_eq!(
        parse_fetch(fixture!("clone-v2/03-git-upload-pack.request")),
        // git repeats the first.
        Fetch { done: true, ..fetch(&[MAIN, MAIN, SIDE, TAG]) }
    );
    let mut out = Vec::new();
    FetchResponse::new(false).packfile(&mut out);
    assert_up_to_pack(&out, fixture!("clone-v2/03-git-upload-pack.response"));
}

#[test]
fn a_filter_is_read() {
    assert_eq!(
        parse_fetch(fixture!("filter-v2/03-git-upload-pack.request")),
        Fetch { done: true, filter: Some(Filter::BlobNone), ..fetch(&[MAIN, MAIN, SIDE, TAG]) }
    );
}

#[test]
fn depth_is_read() {
    let shallow = |depth| Fetch { done: true, include_tag: true, depth, ..fetch(&[MAIN, MAIN]) };
    assert_eq!(
        parse_fetch(fixture!("shallow-v2/03-git-upload-pack.request")),
        shallow(Depth { deepen: 2.try_into().ok(), ..Depth::default() })
    );
    assert_eq!(
        parse_fetch(fixture!("since-v2/03-git-upload-pack.request")),
        shallow(Depth { since: Some(1_112_915_673), ..Depth::default() })
    );
    assert_eq!(
        parse_fetch(fixture!("exclude-v2/03-git-upload-pack.request")),
        shallow(Depth { not: vec!["v1.0".into()], ..Depth::default() })
    );
    let mut out = Vec::new();
    let mut response = FetchResponse::new(false);
    response.shallow_info([oid(MAIN_1)], [], &mut out);
    response.packfile(&mut out);
    assert_up_to_pack(&out, fixture!("shallow-v2/03-git-upload-pack.response"));
}

#[test]
fn a_shallow_clone_is_deepened() {
    assert_eq!(
        parse_fetch(fixture!("deepen-v2/03-git-upload-pack.request")),
        Fetch {
            include_tag: true,
            shallow: oids(&[MAIN_1]),
            depth: Depth { deepen: 1.try_into().ok(), relative: true, ..Depth::default() },
            haves: oids(&[MAIN, MAIN_1]),
            ..fetch(&[MAIN])
        }
    );
    let mut out = Vec::new();
    let mut response = FetchResponse::new(false);
    response.acknowledgments([oid(MAIN)], true, &mut out);
    response.shallow_info([oid(MAIN_2)], [oid(MAIN_1)], &mut out);
    response.packfile(&mut out);
    assert_up_to_pack(&out, fixture!("deepen-v2/03-git-upload-pack.response"));
}

#[test]
fn negotiation_takes_rounds() {
    let rounds: [&[u8]; 3] = [
        fixture!("fetch-v2/03-git-upload-pack.request"),
        fixture!("fetch-v2/04-git-upload-pack.request"),
        fixture!("fetch-v2/05-git-upload-pack.request"),
    ];
    let rounds = rounds.map(parse_fetch);
    assert_eq!(rounds.each_ref().map(|round| round.haves.len()), [16, 32, 19]);
    assert!(rounds.iter().all(|round| !round.done && round.wants == [oid(NEWS)]));
    assert_eq!(
        rounds[0].haves[0].to_string(),
        "c721225a082ec2449eb7b56d900798d8e231e1b9",
        "in the client's order"
    );

    let mut out = Vec::new();
    let mut response = FetchResponse::new(false);
    response.acknowledgments([], false, &mut out);
    response.end(&mut out);
    assert_bytes(&out, fixture!("fetch-v2/03-git-upload-pack.response"));

    out.clear();
    let mut response = FetchResponse::new(false);
    response.acknowledgments([oid(MAIN), oid(SIDE)], true, &mut out);
    response.packfile(&mut out);
    assert_up_to_pack(&out, fixture!("fetch-v2/05-git-upload-pack.response"));
}

#[test]
fn refs_are_wanted_by_name_and_all_is_in_side_band() {
    let parsed = parse_fetch(fixture!("want-ref-v2/03-git-upload-pack.request"));
    assert_eq!(parsed.want_refs, ["refs/heads/main"]);
    assert!(parsed.sideband_all);
    assert_eq!(parsed.haves[0], oid(MAIN));

    let parsed = parse_fetch(fixture!("bundle-uri-v2/04-git-upload-pack.request"));
    assert_eq!(parsed.want_refs, ["HEAD", "refs/heads/main", "refs/heads/side", "refs/tags/v1.0"]);
    let mut out = Vec::new();
    let mut response = FetchResponse::new(true);
    let refs = [
        (oid(NEWS), "HEAD".into()),
        (oid(TAG), "refs/tags/v1.0".into()),
        (oid(NEWS), "refs/heads/main".into()),
        (oid(SIDE), "refs/heads/side".into()),
    ];
    response.wanted_refs(refs, &mut out).expect("short");
    response.packfile(&mut out);
    assert_up_to_pack(&out, fixture!("bundle-uri-v2/04-git-upload-pack.response"));
}

/// git's server writes these two sections the other way round, and git's client refuses that.
#[test]
fn shallow_info_comes_before_wanted_refs() {
    let recorded = fixture!("want-ref-and-shallow-v2/03-git-upload-pack.response");
    let (shallow, wanted) = (recorded.find(b"shallow-info"), recorded.find(b"wanted-refs"));
    assert!(wanted < shallow, "as recorded");

    let mut out = Vec::new();
    let mut response = FetchResponse::new(true);
    response.shallow_info([oid(MAIN_1)], [], &mut out);
    response.wanted_refs([(oid(MAIN), "HEAD".into())], &mut out).expect("short");
    response.packfile(&mut out);
    assert_bytes(
        &out,
        b"0012\x01shallow-info\n\
          0035\x01shallow 5e065fbf1676ab596e0b9684303053db5e09c24b\
          00010011\x01wanted-refs\n\
          0033\x01a8908739b26989510465f4088d406dcd8fd3a930 HEAD\n\
          0001000e\x01packfile\n",
    );
}

#[test]
fn packs_may_be_fetched_elsewhere() {
    let mut out = Vec::new();
    let mut response = FetchResponse::new(true);
    let pack = (oid(MAIN), "https://example.com/x.pack".into());
    response.packfile_uris([pack], &mut out).expect("short");
    response.packfile(&mut out);
    assert_bytes(
        &out,
        b"0013\x01packfile-uris\n\
          0049\x01a8908739b26989510465f4088d406dcd8fd3a930 https://example.com/x.pack\n\
          0001000e\x01packfile\n",
    );
}

#[test]
fn bundles_are_asked_for_with_the_command_last() {
    let request = parse(fixture!("bundle-uri-v2/03-git-upload-pack.request"));
    assert_eq!(request.command, Command::BundleUri);
    assert_eq!(request.agent, Some("git/2.47.3".into()));
}

/// What `git upload-pack` said of an object it had and of one it had not.
#[test]
fn sizes_are_told_as_git_does() {
    let (there, missing) =
        ("6470de6eaef94a2c833e228b06fec8dc350b7df1", "1111111111111111111111111111111111111111");
    let mut out = Vec::new();
    object_info_head(true, &mut out);
    object_info(oid(there), Some(Some(164)), &mut out);
    object_info(oid(missing), Some(None), &mut out);
    pkt_line::flush(&mut out);
    assert_bytes(
        &out,
        b"0008size00306470de6eaef94a2c833e228b06fec8dc350b7df1 164\
          002d1111111111111111111111111111111111111111 0000",
    );
    out.clear();
    object_info_head(false, &mut out);
    object_info(oid(there), None, &mut out);
    pkt_line::flush(&mut out);
    assert_bytes(&out, b"002c6470de6eaef94a2c833e228b06fec8dc350b7df10000");
}
